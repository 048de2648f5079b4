//! What achievements are unlocked with.

use thali_support::sql::Database;

use crate::events::Events;
use crate::players::Players;

/// Everything around this service.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) database: &'a dyn Database,
    pub(crate) events: &'a dyn Events,
    pub(crate) players: &'a dyn Players,
    /// Milliseconds since 1970 in UTC.
    pub(crate) now_ms: i64,
}
