//! How long to wait before the next attempt.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Pauses that grow exponentially, drawn evenly from nothing to their bound ("full jitter"), so that
/// what failed together is not tried again together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first pause; it doubles with every further one.
    pub first: Duration,
    /// The largest bound.
    pub max: Duration,
}

impl Backoff {
    /// The pause after so many failures, of which there is at least one.
    pub(super) fn pause(&self, failures: u32, dice: &mut Dice) -> Duration {
        self.bound(failures).mul_f64(dice.roll())
    }

    fn bound(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }
}

/// A small pseudo-random generator (SplitMix64): good enough to spread pauses, and seedable.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Seeded by the operating system.
    pub(super) fn new() -> Self {
        Self::seeded(RandomState::new().build_hasher().finish())
    }

    /// From 0 up to 1, without it.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        // 53 bits are what a double holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "the shift leaves 53 bits")]
        let roll = (z >> 11) as f64 / (1_u64 << 53) as f64;
        roll
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound_and_are_spread_below_it() {
        let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) };
        let bounds: Vec<_> = (1..=6).map(|failures| backoff.bound(failures).as_millis()).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(backoff.bound(u32::MAX), backoff.max);
        let mut dice = Dice::seeded(7);
        let pauses: Vec<_> = (0..1000).map(|_| backoff.pause(6, &mut dice)).collect();
        assert!(pauses.iter().all(|pause| *pause < backoff.max));
        let mean = pauses.iter().sum::<Duration>() / 1000;
        assert!((450..550).contains(&mean.as_millis()), "{mean:?}");
        let mut again = Dice::seeded(7);
        assert_eq!(pauses[0], backoff.pause(6, &mut again));
    }
}
