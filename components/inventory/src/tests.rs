//! The service as its callers see it, on a database in memory.

mod ends;
mod expiry;
mod reserves;
mod shelves;
