//! A histogram that counts by atomics: no lock, no allocation, read when somebody asks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How often values came to lie between fixed bounds.
#[derive(Debug)]
pub struct Histogram {
    /// In ascending order; a value counts with the first bound that it is not above.
    bounds: &'static [u64],
    /// One for each bound, and one for what is above all of them.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// What a [`Histogram`] has counted up to one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// The sum of all values.
    pub sum: u64,
    /// Each bound with the values that count with it; the last one has no bound.
    pub buckets: Vec<(Option<u64>, u64)>,
}

impl Histogram {
    /// A histogram with buckets up to these bounds, which ascend, and one above them.
    pub fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Counts a value, and answers in which bucket.
    pub fn count(&self, value: u64) -> usize {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(value, Relaxed);
        at
    }

    /// What has been counted.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        let counts = self.counts.iter().map(|count| count.load(Relaxed));
        HistogramSnapshot { sum: self.sum.load(Relaxed), buckets: bounds.zip(counts).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_with_the_first_bound_that_it_is_not_above() {
        let histogram = Histogram::new(&[10, 20]);
        let at: Vec<_> = [0, 10, 11, 20, 21].map(|value| histogram.count(value)).into();
        assert_eq!(at, [0, 0, 1, 1, 2]);
        let HistogramSnapshot { sum, buckets } = histogram.snapshot();
        assert_eq!((sum, buckets), (62, vec![(Some(10), 2), (Some(20), 2), (None, 1)]));
    }
}
