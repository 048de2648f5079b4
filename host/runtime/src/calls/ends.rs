//! How calls end for who makes them, and how long they take.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::fault::Fault;
use crate::histogram::{Histogram, HistogramSnapshot};

/// What became of a call, as the metrics say it.
const ENDS: [&str; 7] =
    ["answered", "trapped", "timed_out", "breaker_open", "no_room", "unavailable", "failed"];

/// Up to how many microseconds a call took: one inside the host takes tens of them.
const TOOK_US: [u64; 16] = [
    20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 10_000_000,
];

/// Counts calls by how they ended.
#[derive(Debug)]
pub(super) struct Ends {
    counts: [AtomicU64; ENDS.len()],
    took_us: Histogram,
}

impl Default for Ends {
    fn default() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; ENDS.len()],
            took_us: Histogram::new(&TOOK_US),
        }
    }
}

impl Ends {
    /// A call has ended, with its attempts and the pauses between them.
    pub(super) fn count<T>(&self, outcome: &Result<T, Fault>, took: Duration) {
        let at = match outcome {
            // An error case is an answer.
            Ok(_) => 0,
            Err(Fault::Trap(_) | Fault::CpuTime) => 1,
            Err(Fault::Deadline) => 2,
            Err(Fault::CutOff { .. }) => 3,
            Err(Fault::Overloaded(_)) => 4,
            Err(Fault::Unavailable(_)) => 5,
            Err(Fault::Depth | Fault::Internal(_)) => 6,
        };
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Relaxed);
        }
        self.took_us.count(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Calls by how they ended.
    pub(super) fn counts(&self) -> Vec<(&'static str, u64)> {
        ENDS.into_iter().zip(self.counts.iter().map(|count| count.load(Relaxed))).collect()
    }

    /// How long they took.
    pub(super) fn took_us(&self) -> HistogramSnapshot {
        self.took_us.snapshot()
    }
}
