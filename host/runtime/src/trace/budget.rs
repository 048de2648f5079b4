//! So many traces a second, in two atomics.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

const SECOND_NS: u64 = 1_000_000_000;

/// A token bucket that holds what one second brings (as GCRA: what is kept is when it would be full again).
#[derive(Debug)]
pub(super) struct Budget {
    per_second: AtomicU32,
    /// Nanoseconds since the tracer was made.
    full_at_ns: AtomicU64,
}

impl Budget {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second: AtomicU32::new(per_second), full_at_ns: AtomicU64::new(0) }
    }

    pub(super) fn set(&self, per_second: u32) {
        self.per_second.store(per_second, Relaxed);
    }

    pub(super) fn per_second(&self) -> u32 {
        self.per_second.load(Relaxed)
    }

    /// Takes one, if there is one. While there is none this is two loads.
    pub(super) fn take(&self, now_ns: u64) -> bool {
        let Some(step) = SECOND_NS.checked_div(self.per_second().into()) else { return false };
        let later = |full_at: u64| {
            let full_at = full_at.max(now_ns).saturating_add(step);
            (full_at - now_ns <= SECOND_NS).then_some(full_at)
        };
        self.full_at_ns.fetch_update(Relaxed, Relaxed, later).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_brings_so_many_and_no_more_are_saved_up() {
        let budget = Budget::new(100);
        let take = |now_ns| (0..1000).filter(|_| budget.take(now_ns)).count();
        assert_eq!(take(5 * SECOND_NS), 100, "what a second brings is there at first");
        assert_eq!(take(5 * SECOND_NS), 0);
        assert_eq!(take(5 * SECOND_NS + SECOND_NS / 10), 10);
        assert_eq!(take(900 * SECOND_NS), 100);
        budget.set(0);
        assert_eq!(take(2000 * SECOND_NS), 0);
    }
}
