//! The service as its callers see it, on a database in memory.

mod coupons;
mod properties;
mod quotes;
