//! The latest records, in memory.
//!
//! Records of each service, of the access log and of the host itself are in lanes of their own. When there is no room
//! left, the oldest record of the largest lane goes: so who is loud pushes out what is loud, and a service that says a
//! word an hour is still heard. A lane that is alone may have everything.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::filter::LogFilter;
use super::record::Record;

/// Services, and what else has a lane. One more, and the lane that nothing came to for longest goes.
const LANES_MAX: usize = 256;

/// The target of lines about requests: there are many more of them than of all others.
const ACCESS: &str = "access";

/// What the ring may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// Records, over all lanes. Default 10,000.
    pub records_max: usize,
    /// What they take in memory, about. Default 8 MiB.
    pub bytes_max: usize,
}

impl Default for RingLimits {
    fn default() -> Self {
        Self { records_max: 10_000, bytes_max: 8 << 20 }
    }
}

pub(super) struct Ring {
    limits: RingLimits,
    lanes: HashMap<LaneKey, Lane>,
    records: usize,
    bytes: usize,
    /// The place before the first one.
    base: u64,
    /// The place of the last record.
    head: u64,
    /// The place of the last record of lanes that went.
    gone: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct LaneKey {
    service: Option<Arc<str>>,
    is_access: bool,
}

#[derive(Default)]
struct Lane {
    records: VecDeque<Arc<Record>>,
    bytes: usize,
    /// The place of the last record that went.
    gone: u64,
}

/// What is read of the ring at once.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The records, the oldest first.
    pub records: Vec<Arc<Record>>,
    /// Where to go on.
    pub cursor: u64,
    /// Records between that were not read before they had to go: at most so many of those that were asked for.
    pub lost: u64,
}

impl Ring {
    /// A ring whose first record has the place after `base`.
    pub(super) fn new(limits: RingLimits, base: u64) -> Self {
        Self { limits, lanes: HashMap::new(), records: 0, bytes: 0, base, head: base, gone: base }
    }

    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// The place that the next record has.
    pub(super) fn next(&self) -> u64 {
        self.head + 1
    }

    /// Adds a record, which has the next place.
    pub(super) fn push(&mut self, record: Arc<Record>) {
        self.head = record.seq;
        let key = LaneKey { service: record.service.clone(), is_access: record.target == ACCESS };
        if self.lanes.len() >= LANES_MAX && !self.lanes.contains_key(&key) {
            self.forget_stalest();
        }
        let lane = self.lanes.entry(key).or_default();
        let bytes = record.bytes();
        lane.records.push_back(record);
        lane.bytes += bytes;
        self.bytes += bytes;
        self.records += 1;
        while self.records > self.limits.records_max || self.bytes > self.limits.bytes_max {
            self.make_room();
        }
    }

    /// Drops the oldest record of the lane that has most of what is short.
    fn make_room(&mut self) {
        let short_of_bytes = self.bytes > self.limits.bytes_max;
        let size = |lane: &Lane| if short_of_bytes { lane.bytes } else { lane.records.len() };
        let Some(lane) = self.lanes.values_mut().max_by_key(|lane| size(lane)) else { return };
        let Some(record) = lane.records.pop_front() else { return };
        let bytes = record.bytes();
        lane.gone = record.seq;
        lane.bytes -= bytes;
        self.bytes -= bytes;
        self.records -= 1;
    }

    fn forget_stalest(&mut self) {
        let stalest = self.lanes.iter().min_by_key(|(_, lane)| lane.last());
        let Some(key) = stalest.map(|(key, _)| key.clone()) else { return };
        if let Some(lane) = self.lanes.remove(&key) {
            self.gone = self.gone.max(lane.last());
            self.records -= lane.records.len();
            self.bytes -= lane.bytes;
        }
    }

    /// Everything after a place that may be what the filter asks for, in no order.
    pub(super) fn after(&self, filter: &LogFilter, cursor: u64) -> Page {
        let cursor = self.known(cursor);
        let wanted = self.lanes.iter().filter(|(key, _)| filter.is_about(key.service.as_deref()));
        let mut page = Page { cursor: self.head, ..Page::default() };
        let mut is_gone = self.gone > cursor;
        for (_, lane) in wanted {
            is_gone |= lane.gone > cursor;
            page.records.extend(lane.after(cursor).cloned());
        }
        if is_gone {
            let kept: usize = self.lanes.values().map(|lane| lane.after(cursor).len()).sum();
            page.lost = (self.head - cursor).saturating_sub(kept as u64);
        }
        page
    }

    /// A place of this ring. One of an earlier start of the host is before all of them, and so is one of its future,
    /// which there is when the clock was put back.
    fn known(&self, cursor: u64) -> u64 {
        if (self.base..=self.head).contains(&cursor) { cursor } else { self.base }
    }
}

impl Lane {
    /// The place of its last record.
    fn last(&self) -> u64 {
        self.records.back().map_or(self.gone, |record| record.seq)
    }

    fn after(&self, cursor: u64) -> std::collections::vec_deque::Iter<'_, Arc<Record>> {
        let first = self.records.partition_point(|record| record.seq <= cursor);
        self.records.range(first..)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::record;
    use super::*;

    const LIMITS: RingLimits = RingLimits { records_max: 100, bytes_max: 1 << 20 };

    fn push(ring: &mut Ring, service: &str) {
        let seq = ring.next();
        ring.push(Arc::new(Record { seq, ..record(service) }));
    }

    fn places(page: &Page) -> Vec<u64> {
        let mut places: Vec<_> = page.records.iter().map(|record| record.seq).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn a_loud_service_does_not_push_out_a_quiet_one() {
        let mut ring = Ring::new(LIMITS, 0);
        for _ in 0..5 {
            push(&mut ring, "quiet");
        }
        for _ in 0..10_000 {
            push(&mut ring, "loud");
        }
        let quiet = LogFilter { service: Some("quiet".into()), ..LogFilter::default() };
        let page = ring.after(&quiet, 0);
        assert_eq!((places(&page), page.lost), (vec![1, 2, 3, 4, 5], 0));
        let all = ring.after(&LogFilter::default(), 0);
        assert_eq!((all.records.len(), all.lost), (100, 10_005 - 100));
        assert_eq!(all.cursor, 10_005);
    }

    #[test]
    fn large_records_are_bounded_by_their_bytes() {
        let mut ring = Ring::new(RingLimits { bytes_max: 10_000, ..LIMITS }, 0);
        for _ in 0..50 {
            let seq = ring.next();
            let message = "x".repeat(1000);
            ring.push(Arc::new(Record { seq, message, ..record("orders") }));
        }
        assert!(ring.bytes <= 10_000 && ring.records < 10, "{} {}", ring.bytes, ring.records);
        assert_eq!(ring.after(&LogFilter::default(), 0).records.len(), ring.records);
    }

    #[test]
    fn places_of_another_start_are_before_all() {
        let mut ring = Ring::new(LIMITS, 1000);
        push(&mut ring, "orders");
        for cursor in [0, 17, 1000, 5000] {
            let page = ring.after(&LogFilter::default(), cursor);
            assert_eq!((places(&page), page.lost), (vec![1001], 0), "{cursor}");
        }
        assert!(ring.after(&LogFilter::default(), 1001).records.is_empty());
    }

    #[test]
    fn lanes_are_bounded() {
        let mut ring = Ring::new(RingLimits { records_max: 10_000, ..LIMITS }, 0);
        for service in 0..1000 {
            push(&mut ring, &format!("service-{service}"));
        }
        assert_eq!(ring.lanes.len(), LANES_MAX);
        assert_eq!(ring.records, LANES_MAX);
    }
}
