//! Quantiles of a histogram, as far as its buckets tell.

/// How many requests took how long, by the upper bound of each bucket in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Durations(Vec<(f64, u64)>);

impl Durations {
    /// Adds a histogram with the same buckets.
    pub(super) fn add(&mut self, other: &[(f64, u64)]) {
        if self.0.is_empty() {
            self.0.extend_from_slice(other);
            return;
        }
        for ((_, count), (_, more)) in self.0.iter_mut().zip(other) {
            *count += more;
        }
    }

    /// All of them.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// What came since `earlier`. Counts that have fallen began anew.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        if earlier.0.len() != self.0.len() || earlier.count() > self.count() {
            return self.clone();
        }
        let pairs = self.0.iter().zip(&earlier.0);
        let since = pairs.map(|((bound, now), (_, then))| (*bound, now.saturating_sub(*then)));
        Self(since.collect())
    }

    /// The time in milliseconds that a share of them did not take longer than: within its bucket they are taken to be
    /// evenly spread. `None` when there are none.
    pub(super) fn quantile_ms(&self, share: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = share * count as f64;
        let (mut below, mut lower) = (0.0, 0.0);
        for (upper, count) in &self.0 {
            let here = *count as f64;
            if *count > 0 && below + here >= wanted {
                // The last bucket has no end.
                let upper = if upper.is_finite() { *upper } else { lower };
                return Some((lower + (upper - lower) * ((wanted - below) / here)) * 1e3);
            }
            below += here;
            lower = if upper.is_finite() { *upper } else { lower };
        }
        Some(lower * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: [u64; 4]) -> Durations {
        Durations([0.001, 0.01, 0.1, f64::INFINITY].into_iter().zip(counts).collect())
    }

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let all = histogram([50, 40, 10, 0]);
        assert_eq!(all.quantile_ms(0.5), Some(1.0));
        assert_eq!(all.quantile_ms(0.25), Some(0.5));
        let p99 = all.quantile_ms(0.99).unwrap();
        assert!((p99 - 91.0).abs() < 0.001, "{p99}");
        assert_eq!(histogram([0; 4]).quantile_ms(0.5), None);
        assert_eq!(histogram([0, 0, 0, 3]).quantile_ms(0.5), Some(100.0), "it has no end");
    }

    #[test]
    fn what_came_between_two_moments_is_the_difference() {
        let (earlier, later) = (histogram([5, 5, 0, 0]), histogram([5, 7, 1, 0]));
        assert_eq!(later.since(&earlier), histogram([0, 2, 1, 0]));
        assert_eq!(earlier.since(&later), earlier, "the counts began anew");
        let mut sum = Durations::default();
        sum.add(&later.0);
        sum.add(&earlier.0);
        assert_eq!(sum.count(), 23);
    }
}
