//! The service as its callers see it, on a database in memory.

mod browsing;
mod keeping;
mod looking_up;
mod reserving;
