//! What purchases are handled with.

use thali_support::sql::Database;

use crate::cards::Cards;
use crate::events::Events;
use crate::neighbours::Neighbours;

/// Everything around this service.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) database: &'a dyn Database,
    pub(crate) events: &'a dyn Events,
    pub(crate) neighbours: &'a dyn Neighbours,
    pub(crate) cards: &'a dyn Cards,
    /// Milliseconds since 1970 in UTC.
    pub(crate) now_ms: i64,
}
