//! Random numbers for jitter: cheap, and nothing that a secret could depend on.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The step and the two multipliers of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom
/// number generators", 2014).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
const MIX: [u64; 2] = [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb];

/// A source of random numbers that many may use at once.
pub(super) struct Chance(AtomicU64);

impl Chance {
    /// One that differs from all others of this process and of other processes.
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(RandomState::new().hash_one(STEP)))
    }

    /// Any time from nothing to `max`.
    pub(super) fn up_to(&self, max: Duration) -> Duration {
        let Ok(nanos) = u64::try_from(max.as_nanos()) else { return max };
        // The bias of a remainder, less than one in a million for anything below hours, helps nobody.
        Duration::from_nanos(self.next() % nanos.saturating_add(1))
    }

    fn next(&self) -> u64 {
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(MIX[0]);
        z = (z ^ (z >> 27)).wrapping_mul(MIX[1]);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spread_over_the_whole_range_and_never_longer() {
        let chance = Chance::new();
        let max = Duration::from_millis(100);
        let times: Vec<_> = (0..1000).map(|_| chance.up_to(max)).collect();
        assert!(times.iter().all(|time| *time <= max));
        assert!(times.iter().any(|time| *time < max / 10), "some are short");
        assert!(times.iter().any(|time| *time > max / 10 * 9), "and some are long");
        assert_eq!(chance.up_to(Duration::ZERO), Duration::ZERO);
    }
}
