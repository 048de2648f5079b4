//! Shares of amounts, rounded half to even.

/// The whole: shares are in thousandths of a percent.
pub(crate) const WHOLE: i64 = 100_000;

/// One percent.
pub(crate) const PERCENT: i64 = WHOLE / 100;

/// This share of an amount, in minor units. A rest of exactly half goes to the even neighbour (banker's
/// rounding), so that many of them do not add up to something.
///
/// `amount` is 0 to 9 * 10^13, `rate` 0 to [`WHOLE`].
pub(crate) fn share(amount: i64, rate: i64) -> i64 {
    let product = amount * rate;
    let (whole, rest) = (product / WHOLE, product % WHOLE);
    let up = match (2 * rest).cmp(&WHOLE) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => whole % 2,
        std::cmp::Ordering::Greater => 1,
    };
    whole + up
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dice;

    #[test]
    fn half_goes_to_the_even_neighbour() {
        for (amount, rate, expected) in [
            (25, 50_000, 12),
            (23, 50_000, 12),
            (1, 50_000, 0),
            (3, 50_000, 2),
            (1999, 8875, 177),
            (100, 12_500, 12),
            (300, 12_500, 38),
            (101, 12_500, 13),
            (99, 12_500, 12),
            (7, WHOLE, 7),
            (7, 0, 0),
        ] {
            assert_eq!(share(amount, rate), expected, "{amount} {rate}");
        }
    }

    #[test]
    fn no_share_is_off_by_more_than_half() {
        let mut dice = Dice::new();
        for _ in 0..100_000 {
            let (amount, rate) = (dice.up_to(10_000_000_000_000), dice.up_to(WHOLE));
            let off = share(amount, rate) * WHOLE - amount * rate;
            assert!(2 * off.abs() <= WHOLE, "{amount} {rate}");
            assert!((0..=amount).contains(&share(amount, rate)), "{amount} {rate}");
        }
    }

    #[test]
    fn exact_halves_do_not_add_up() {
        let halves: i64 = (0..1000).map(|n| share(2 * n + 1, WHOLE / 2)).sum();
        let exact: i64 = (0..1000).map(|n| 2 * n + 1).sum::<i64>() / 2;
        assert_eq!(halves, exact);
    }
}
