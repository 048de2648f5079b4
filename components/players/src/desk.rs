//! What players are kept with.

use thali_support::sql::Database;

use crate::cache::Cache;
use crate::events::Events;

/// Everything around this service.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) database: &'a dyn Database,
    pub(crate) events: &'a dyn Events,
    pub(crate) cache: &'a dyn Cache,
    /// Milliseconds since 1970 in UTC.
    pub(crate) now_ms: i64,
}
