//! What happens next: random enough for a day.

/// Numbers that look random: SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Chance(u64);

impl Chance {
    /// Other ones every day.
    pub(crate) fn new() -> Self {
        Self(getrandom::u64().unwrap_or(1))
    }

    /// A number below `end`; 0 when that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        usize::try_from(bits % u64::try_from(end.max(1)).unwrap_or(u64::MAX)).unwrap_or_default()
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    /// A number from `low` to `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.below(10_000) as f64 / 10_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_range_and_differ() {
        let mut chance = Chance(7);
        let numbers: Vec<_> = (0..100).map(|_| chance.below(10)).collect();
        assert!(numbers.iter().all(|number| *number < 10));
        assert!((0..10).all(|wanted| numbers.contains(&wanted)));
        assert!((0..100).map(|_| chance.between(1.0, 2.0)).all(|x| (1.0..2.0).contains(&x)));
        assert_eq!((chance.below(0), chance.pick::<u8>(&[])), (0, None));
    }
}
