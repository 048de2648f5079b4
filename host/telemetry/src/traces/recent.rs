//! The latest traces, in memory.
//!
//! What belongs to one trace comes in parts: the request, and later each delivery of an event that it published. They
//! are kept together, and go together when there are too many traces or they are too large; the oldest go first.
//! Traces come at a bounded pace (see [`thali_runtime::trace::Tracer`]), so one lock does.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use thali_runtime::trace::SharedTrace;

use super::view::{Summary, Waterfall};

/// Traces that are kept.
pub const TRACES_MAX: usize = 1000;

/// What all of them may weigh, in bytes: a usual one weighs some ten kilobytes.
const BYTES_MAX: usize = 32 << 20;

/// Parts of one trace: an event may go to many subscribers, and each may fail many times.
const PARTS_MAX: usize = 64;

/// The latest traces.
#[derive(Debug, Default)]
pub struct Recent(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    traces: HashMap<u128, Entry>,
    /// The oldest first.
    order: VecDeque<u128>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Entry {
    parts: Vec<SharedTrace>,
    /// Spans of parts that were too many.
    dropped_spans: u64,
    bytes: usize,
}

/// Which traces are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those that this service has a part in.
    pub service: Option<String>,
    /// Those that begin with this route or function.
    pub route: Option<String>,
    /// Those in which something failed.
    pub errors: bool,
    /// Those whose request took so long, in nanoseconds.
    pub duration_ns_min: u64,
    /// Those that began before, in nanoseconds since 1970.
    pub before_unix_ns: Option<u64>,
}

impl Recent {
    /// Keeps what was recorded.
    pub(crate) fn keep(&self, trace: &SharedTrace) {
        // What has to go is freed outside of the lock.
        let _gone = self.0.lock().keep(trace);
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.0.lock().traces.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A trace with all its spans.
    pub fn get(&self, trace_id: u128) -> Option<Waterfall> {
        let (parts, dropped) = self.0.lock().traces.get(&trace_id).map(Entry::shared)?;
        Some(Waterfall::new(trace_id, parts, dropped))
    }

    /// The traces that are wanted, the one that began last first, at most `limit`.
    pub fn list(&self, filter: &Filter, limit: usize) -> Vec<Summary> {
        // Only the handles are copied under the lock.
        let all: Vec<_> = {
            let kept = self.0.lock();
            kept.traces.iter().map(|(id, entry)| (*id, entry.shared())).collect()
        };
        let summaries = all.iter().filter_map(|(id, (parts, _))| Summary::new(*id, parts));
        let mut wanted: Vec<_> = summaries.filter(|summary| filter.wants(summary)).collect();
        wanted.sort_by_key(|summary| std::cmp::Reverse(summary.start_unix_ns));
        wanted.truncate(limit);
        wanted
    }
}

impl Kept {
    /// Answers what it does not keep any more.
    fn keep(&mut self, trace: &SharedTrace) -> Vec<Entry> {
        let order = &mut self.order;
        let entry = self.traces.entry(trace.trace_id).or_insert_with(|| {
            order.push_back(trace.trace_id);
            Entry::default()
        });
        self.bytes += entry.add(trace);
        let mut gone = Vec::new();
        while self.traces.len() > TRACES_MAX || (self.bytes > BYTES_MAX && self.traces.len() > 1) {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(entry) = self.traces.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(entry.bytes);
                gone.push(entry);
            }
        }
        gone
    }
}

impl Entry {
    /// Answers by how many bytes it has grown.
    fn add(&mut self, trace: &SharedTrace) -> usize {
        if self.parts.len() >= PARTS_MAX {
            self.dropped_spans += trace.spans.len() as u64 + u64::from(trace.dropped_spans);
            return 0;
        }
        self.parts.push(Arc::clone(trace));
        self.bytes += trace.bytes;
        trace.bytes
    }

    fn shared(&self) -> (Vec<SharedTrace>, u64) {
        (self.parts.clone(), self.dropped_spans)
    }
}

impl Filter {
    fn wants(&self, summary: &Summary) -> bool {
        let of_service = |service: &String| summary.services.iter().any(|has| **has == **service);
        let is_route =
            |route: &String| summary.name == *route || summary.route.as_deref() == Some(route);
        self.service.as_ref().is_none_or(of_service)
            && self.route.as_ref().is_none_or(is_route)
            && (!self.errors || summary.error)
            && summary.duration_ns >= self.duration_ns_min
            && self.before_unix_ns.is_none_or(|before| summary.start_unix_ns < before)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use thali_runtime::trace::{Link, Source, SpanData, SpanKind, Status, Trace};

    use super::*;

    fn span(id: u64, parent_id: Option<u64>, start_unix_ns: u64) -> SpanData {
        SpanData {
            span_id: id,
            parent_id,
            name: format!("span {id}").into(),
            kind: SpanKind::Internal,
            source: None,
            start_unix_ns,
            duration_ns: 1000,
            status: Status::Unset,
            attributes: Vec::new(),
            link: None,
        }
    }

    fn trace(trace_id: u128, spans: Vec<SpanData>, bytes: usize) -> SharedTrace {
        Arc::new(Trace { trace_id, spans, dropped_spans: 0, kept: true, exported: false, bytes })
    }

    #[test]
    fn the_last_thousand_are_kept_and_never_more_than_their_bytes() {
        let recent = Recent::default();
        for id in 1..=1500 {
            recent.keep(&trace(id, vec![span(1, None, id as u64)], 100));
        }
        assert_eq!(recent.len(), TRACES_MAX);
        assert!(recent.get(500).is_none() && recent.get(501).is_some());
        for id in 2000..2010 {
            recent.keep(&trace(id, vec![span(1, None, 0)], BYTES_MAX / 4));
        }
        assert_eq!(recent.len(), 4);
        recent.keep(&trace(3000, vec![span(1, None, 0)], BYTES_MAX * 2));
        assert_eq!(recent.len(), 1, "the one that came last is there, whatever it weighs");
    }

    #[test]
    fn what_comes_later_is_added_to_its_trace_and_stands_behind_its_parent() {
        let recent = Recent::default();
        recent.keep(&trace(7, vec![span(2, Some(1), 1500), span(1, Some(99), 1000)], 10));
        let link = Some(Link { trace_id: 7, span_id: 2 });
        let mut delivery = span(3, Some(2), 900_000);
        delivery.link = link;
        recent.keep(&trace(7, vec![span(4, Some(3), 900_100), delivery], 10));
        let waterfall = recent.get(7).unwrap();
        let ids: Vec<_> = waterfall.spans().iter().map(|span| span.span_id).collect();
        assert_eq!(ids, [1, 2, 3, 4]);
        assert_eq!(waterfall.spans()[2].link, link);
        assert_eq!((waterfall.start_unix_ns, waterfall.duration_ns), (1000, 900_100));
        let summary = &recent.list(&Filter::default(), 10)[0];
        assert_eq!((&*summary.name, summary.spans, summary.duration_ns), ("span 1", 4, 1000));
    }

    #[test]
    fn a_trace_has_so_many_parts_and_says_what_it_left_out() {
        let recent = Recent::default();
        for part in 0..100 {
            recent.keep(&trace(7, vec![span(part + 1, None, part)], 1));
        }
        let waterfall = recent.get(7).unwrap();
        assert_eq!((waterfall.spans().len(), waterfall.dropped_spans), (PARTS_MAX, 36));
    }

    #[test]
    fn traces_are_found_by_what_they_are_about() {
        let recent = Recent::default();
        let source =
            Arc::new(Source { service: "orders".into(), version: "1.0.0".into(), revision: 1 });
        let mut of_orders = span(1, None, 10);
        of_orders.source = Some(source);
        let mut failed = span(1, None, 20);
        failed.status = Status::Error("the deadline passed".into());
        failed.duration_ns = 5_000_000;
        recent.keep(&trace(1, vec![of_orders], 1));
        recent.keep(&trace(2, vec![failed], 1));
        let found = |filter: Filter| -> Vec<u128> {
            recent.list(&filter, 10).iter().map(|summary| summary.trace_id).collect()
        };
        assert_eq!(found(Filter::default()), [2, 1], "the newest first");
        assert_eq!(found(Filter { service: Some("orders".into()), ..Filter::default() }), [1]);
        assert_eq!(found(Filter { errors: true, ..Filter::default() }), [2]);
        assert_eq!(found(Filter { duration_ns_min: 2000, ..Filter::default() }), [2]);
        assert_eq!(found(Filter { before_unix_ns: Some(20), ..Filter::default() }), [1]);
        assert_eq!(found(Filter { route: Some("span 1".into()), ..Filter::default() }), [2, 1]);
        assert_eq!(found(Filter { route: Some("GET /x".into()), ..Filter::default() }), [0; 0]);
        assert_eq!(recent.list(&Filter::default(), 1).len(), 1);
    }
}
