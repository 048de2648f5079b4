//! How much load retries may add: a token bucket, as Finagle's `RetryBudget` (which allows 20% too).
//!
//! Every call puts one token in, every retry takes five out. So a provider that fails all the time gets
//! at most a fifth more calls than without retries, however many attempts a policy allows.

use std::sync::atomic::{AtomicU32, Ordering};

/// What a retry costs, in calls: retries add at most one call to five.
const RETRY_COST: u32 = 5;

/// What may be saved up: ten retries at once after a quiet time. Finagle's tokens expire after ten
/// seconds instead, which takes a clock.
const SAVED_MAX: u32 = 10 * RETRY_COST;

/// The tokens that there are. Empty at first: a service that fails from its start on is not retried.
#[derive(Default)]
pub(super) struct RetryBudget(AtomicU32);

impl RetryBudget {
    /// A call was made.
    pub(super) fn deposit(&self) {
        // Usually there is nothing to write: the bucket of a provider that works is full.
        if self.0.load(Ordering::Relaxed) < SAVED_MAX {
            let more = |saved: u32| (saved < SAVED_MAX).then(|| saved + 1);
            let _full = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        }
    }

    /// Whether one more retry may be made.
    pub(super) fn withdraw(&self) -> bool {
        let less = |saved: u32| saved.checked_sub(RETRY_COST);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_add_at_most_a_fifth_however_long_it_goes_on() {
        let budget = RetryBudget::default();
        let mut retries = 0;
        for calls in 1..=10_000 {
            budget.deposit();
            // As many attempts as anybody may ask for.
            retries += (0..5).filter(|_| budget.withdraw()).count();
            assert!(retries * 5 <= calls, "{retries} retries of {calls} calls");
        }
        assert_eq!(retries, 2000, "and the budget is used");
    }

    #[test]
    fn a_long_quiet_time_saves_up_ten_retries_and_no_more() {
        let budget = RetryBudget::default();
        (0..100_000).for_each(|_| budget.deposit());
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 10);
    }
}
