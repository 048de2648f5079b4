//! Whoever events are delivered to.

use std::future::Future;
use std::pin::Pin;

use crate::events::row::StoredEvent;

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The subscriber has it, or does not want it any more.
    Done,
    /// The subscriber failed; it is tried again after a pause.
    Failed(String),
    /// It was not tried: the host is full, or the subscriber is not there now. This does not count.
    Postponed,
}

/// Which attempt a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// From 1.
    pub(super) number: u32,
    /// After so many the event is dead.
    pub(super) max: u32,
}

/// Whoever events are delivered to.
pub(super) trait Subscriber: Send + Sync + 'static {
    /// Delivers an event once.
    fn deliver<'a>(
        &'a self,
        event: &'a StoredEvent,
        attempt: Attempt,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;
}
