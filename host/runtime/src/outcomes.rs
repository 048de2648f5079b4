//! How the invocations of a revision ended, and how long they took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::fault::Fault;

/// Two significant bits below the leading one: four buckets per doubling.
const STEPS: u32 = 4;

/// Microseconds up to 2^32, an hour and a bit; what takes longer is counted there.
const BUCKETS: usize = 32 * STEPS as usize;

/// Counts of one revision, since it was prepared. Counting takes no lock.
#[derive(Debug)]
pub struct Outcomes {
    requests: AtomicU64,
    failures: AtomicU64,
    micros: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

/// What was counted up to one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeSnapshot {
    /// Invocations that have ended.
    pub requests: u64,
    /// Those of them that gave no answer, or one that says the service failed.
    pub failures: u64,
    /// How long all of them took together, in microseconds.
    pub micros: u64,
    buckets: Box<[u64]>,
}

impl Default for Outcomes {
    fn default() -> Self {
        Self {
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            micros: AtomicU64::new(0),
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }
}

impl Outcomes {
    /// Counts an invocation that has ended. One that the host had no room for says nothing of the
    /// revision, and neither does one that was called too deep.
    pub fn count<T>(&self, took: Duration, outcome: &Result<T, Fault>) {
        if matches!(outcome, Err(Fault::Overloaded(_) | Fault::Depth)) {
            return;
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        if let Some(bucket) = self.buckets.get(bucket(micros)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        if outcome.is_err() {
            self.count_failure();
        }
    }

    /// Counts as failed what was counted as ended: its answer says that the service failed, which only
    /// the one who reads it can tell.
    pub fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// What has been counted.
    pub fn snapshot(&self) -> OutcomeSnapshot {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        OutcomeSnapshot {
            requests: read(&self.requests),
            failures: read(&self.failures),
            micros: read(&self.micros),
            buckets: self.buckets.iter().map(read).collect(),
        }
    }
}

impl OutcomeSnapshot {
    /// What was counted after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let buckets = self.buckets.iter().zip(&earlier.buckets);
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            failures: self.failures.saturating_sub(earlier.failures),
            micros: self.micros.saturating_sub(earlier.micros),
            buckets: buckets.map(|(now, then)| now.saturating_sub(*then)).collect(),
        }
    }

    /// The time that `percent` of the invocations did not take longer than, to a quarter of it. `None`
    /// without invocations.
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        let total: u64 = self.buckets.iter().sum();
        let rank = (total * percent.min(100)).div_ceil(100).max(1);
        let mut seen = 0;
        let at = self.buckets.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(Duration::from_micros(end_of(at)))
    }
}

/// The bucket of a time in microseconds: its power of two, and the two bits that follow.
fn bucket(micros: u64) -> usize {
    let micros = micros.clamp(1, u64::from(u32::MAX));
    let power = micros.ilog2();
    let step = match power.checked_sub(STEPS.ilog2()) {
        Some(shift) => (micros >> shift) & u64::from(STEPS - 1),
        // One and two microseconds are too few for steps.
        None => 0,
    };
    power as usize * STEPS as usize + usize::try_from(step).unwrap_or(0)
}

/// The longest time of a bucket in microseconds.
fn end_of(bucket: usize) -> u64 {
    let (power, step) = (bucket / STEPS as usize, bucket % STEPS as usize);
    let start = 1u64 << power.min(32);
    if start < u64::from(STEPS) {
        return 2 * start - 1;
    }
    start + start * (step as u64 + 1) / u64::from(STEPS) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(millis: impl IntoIterator<Item = u64>) -> OutcomeSnapshot {
        let outcomes = Outcomes::default();
        for millis in millis {
            outcomes.count(Duration::from_millis(millis), &Ok(()));
        }
        outcomes.snapshot()
    }

    #[test]
    fn a_percentile_is_right_to_a_quarter() {
        let snapshot = counted(1..=1_000);
        for (percent, exact) in [(50, 500), (90, 900), (99, 990)] {
            let seen = snapshot.percentile(percent).unwrap().as_millis();
            assert!((exact..=exact * 5 / 4).contains(&seen), "p{percent}: {seen}");
        }
        assert_eq!(counted([]).percentile(99), None);
    }

    #[test]
    fn every_time_has_a_bucket_that_ends_behind_it() {
        for micros in (0..5_000).chain([1 << 20, (1 << 32) - 1]) {
            let at = bucket(micros);
            assert!(end_of(at) >= micros, "{micros}");
            assert!(at == 0 || end_of(at - 1) < micros.max(1) || micros < 4, "{micros}");
        }
        assert!(bucket(u64::MAX) < BUCKETS);
    }

    #[test]
    fn a_fault_is_a_failure_and_a_host_without_room_is_none() {
        let outcomes = Outcomes::default();
        outcomes.count(Duration::ZERO, &Ok(()));
        let before = outcomes.snapshot();
        outcomes.count::<()>(Duration::ZERO, &Err(Fault::Deadline));
        outcomes.count::<()>(Duration::ZERO, &Err(Fault::Overloaded("full")));
        outcomes.count::<()>(Duration::ZERO, &Err(Fault::Depth));
        outcomes.count(Duration::ZERO, &Ok(()));
        outcomes.count_failure();
        let since = outcomes.snapshot().since(&before);
        assert_eq!((since.requests, since.failures), (2, 2));
    }
}
