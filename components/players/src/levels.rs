//! Which level how much xp is.

/// The level of a player with so much xp in all: each level needs 100 times itself to get past it, so
/// level `n` begins at `50 n (n - 1)`.
pub(crate) fn level(xp: u64) -> u32 {
    let level = (50 + xp.saturating_mul(200).saturating_add(2500).isqrt()) / 100;
    u32::try_from(level).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_needs_a_hundred_times_itself() {
        let mut begins = 0;
        for expected in 1..=5_000 {
            assert_eq!(level(begins), expected);
            begins += 100 * u64::from(expected);
            assert_eq!(level(begins - 1), expected);
        }
        assert_eq!([0, 99, 100, 299, 300, 600].map(level), [1, 1, 2, 2, 3, 4]);
    }

    #[test]
    fn far_beyond_what_anybody_can_gain_it_still_ends() {
        assert_eq!(level(1_000_000_000_000_000), 4_472_136);
        assert!(level(u64::MAX) > level(1_000_000_000_000_000));
    }
}
