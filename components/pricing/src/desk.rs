//! What prices are made with.

use thali_support::sql::Query;

use crate::catalogue::Catalogue;

/// Everything around this service.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) database: &'a dyn Query,
    pub(crate) catalogue: &'a dyn Catalogue,
    /// Milliseconds since 1970 in UTC.
    pub(crate) now_ms: i64,
}
