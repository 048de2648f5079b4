//! Times and sizes, as every table of the file has them.

use std::ops::RangeInclusive;
use std::time::Duration;

use thali_contract::manifest::entries::Entry;
use thali_contract::manifest::units;

use super::Tables;

impl Tables<'_, '_> {
    /// A time within bounds; `wants` says what they are, such as `a time of at most 1h`.
    pub(super) fn time(
        &mut self,
        entry: Entry<'_>,
        bounds: RangeInclusive<Duration>,
        wants: &str,
    ) -> Option<Duration> {
        self.measure(entry, wants, |text| {
            units::duration(text).filter(|time| bounds.contains(time))
        })
    }

    /// A number of bytes within bounds.
    pub(super) fn size(
        &mut self,
        entry: Entry<'_>,
        bounds: RangeInclusive<u64>,
        wants: &str,
    ) -> Option<u64> {
        self.measure(entry, wants, |text| units::bytes(text).filter(|size| bounds.contains(size)))
    }

    /// What `read` makes of the text.
    pub(super) fn measure<T>(
        &mut self,
        entry: Entry<'_>,
        wants: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.reader
            .parsed(entry, |text| read(text).ok_or_else(|| format!("{text:?} is not {wants}")))
    }
}
