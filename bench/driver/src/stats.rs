//! Medians.

/// The middle of the values and how far they spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of these values; `None` when there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied();
        let (min, max) = (at(0)?, *sorted.last()?);
        let upper = at(sorted.len() / 2)?;
        let lower = at((sorted.len() - 1) / 2)?;
        Some(Self { median: f64::midpoint(lower, upper), min, max })
    }
}

/// The median ratio of two series whose values were measured in turns: what slows one round down
/// slows both of its values down.
pub(crate) fn ratio(values: &[f64], references: &[f64]) -> Option<f64> {
    let pairs = values.iter().zip(references).filter(|(_, reference)| **reference > 0.0);
    Spread::of(pairs.map(|(value, reference)| value / reference)).map(|spread| spread.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between_the_middle_two() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(Spread::of([3.0, 9.0, 5.0]).unwrap().median, 5.0);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        assert_eq!(ratio(&[5.0, 50.0, 5.0], &[10.0, 100.0, 10.0]), Some(0.5));
        assert_eq!(ratio(&[], &[]), None);
    }
}
