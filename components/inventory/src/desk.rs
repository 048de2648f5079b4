//! What stock is kept with.

use thali_support::sql::Database;

use crate::events::Events;

/// Everything around this service.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) database: &'a dyn Database,
    pub(crate) events: &'a dyn Events,
    /// Milliseconds since 1970 in UTC.
    pub(crate) now_ms: i64,
    /// No more than this is told as low.
    pub(crate) low: u32,
}
