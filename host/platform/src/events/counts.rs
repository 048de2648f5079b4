//! What became of the deliveries of one subscription since it began to work here.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::events::dispatcher::SubscriptionId;
use crate::events::subscriber::Outcome;

/// Counts deliveries.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    delivered: AtomicU64,
    failed: AtomicU64,
    postponed: AtomicU64,
    dead: AtomicU64,
}

/// What became of the deliveries of a live subscription since the host started, or it was live again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Which one.
    pub id: SubscriptionId,
    /// Attempts after which the event was done with.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Attempts that could not be made, because the subscriber or the host had no room.
    pub postponed: u64,
    /// Events that were given up.
    pub dead: u64,
}

impl Deliveries {
    pub(super) fn attempted(&self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Done => &self.delivered,
            Outcome::Failed(_) => &self.failed,
            Outcome::Postponed => &self.postponed,
        };
        count.fetch_add(1, Relaxed);
    }

    pub(super) fn buried(&self) {
        self.dead.fetch_add(1, Relaxed);
    }

    pub(super) fn snapshot(&self, id: &SubscriptionId) -> DeliveryCounts {
        DeliveryCounts {
            id: id.clone(),
            delivered: self.delivered.load(Relaxed),
            failed: self.failed.load(Relaxed),
            postponed: self.postponed.load(Relaxed),
            dead: self.dead.load(Relaxed),
        }
    }
}
