//! The spans of one request while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::Trace;
use super::span::{Source, Span, SpanData, SpanKind, Status, nanos};
use super::tracer::{Decision, Tracer};
use super::value::Text;

/// Spans of one request: what a person can look at, and more than a request has that does not run in circles.
const SPANS_MAX: usize = 512;

/// What they may weigh, in bytes.
const BYTES_MAX: usize = 256 << 10;

/// Spans that there is room for at first.
const SPANS_USUAL: usize = 16;

/// The step and the multipliers of SplitMix64, as in the jitter of calls.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
const MIX: [u64; 2] = [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb];

/// The spans of one request, or of one delivery, while it runs. The last holder hands them on.
pub struct Recording {
    tracer: Arc<Tracer>,
    trace_id: u128,
    /// The id of the first span, which the others are made from.
    first: u64,
    begun: AtomicU64,
    started: Instant,
    started_unix_ns: u64,
    decision: Decision,
    ended: Mutex<Ended>,
    dropped: AtomicU32,
}

#[derive(Default)]
struct Ended {
    spans: Vec<SpanData>,
    bytes: usize,
}

impl Recording {
    pub(super) fn new(
        tracer: &Arc<Tracer>,
        trace_id: u128,
        first: u64,
        started: Instant,
        decision: Decision,
    ) -> Arc<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Arc::new(Self {
            tracer: Arc::clone(tracer),
            trace_id,
            first,
            begun: AtomicU64::new(0),
            started,
            started_unix_ns: nanos(now).saturating_sub(nanos(started.elapsed())),
            decision,
            ended: Mutex::default(),
            dropped: AtomicU32::new(0),
        })
    }

    /// Begins a span. The first one has the id that was given for the request.
    pub fn begin(
        self: &Arc<Self>,
        kind: SpanKind,
        source: Option<&Arc<Source>>,
        parent_id: Option<u64>,
        name: Text,
    ) -> Span {
        self.begin_at(Instant::now(), kind, source, parent_id, name)
    }

    /// Begins a span that began at this time.
    pub fn begin_at(
        self: &Arc<Self>,
        started: Instant,
        kind: SpanKind,
        source: Option<&Arc<Source>>,
        parent_id: Option<u64>,
        name: Text,
    ) -> Span {
        let since = nanos(started.saturating_duration_since(self.started));
        let span_id = self.next_id();
        let data = SpanData {
            span_id,
            // The context of a request names the request's own span, which may be this one.
            parent_id: parent_id.filter(|parent_id| *parent_id != span_id),
            name,
            kind,
            source: source.cloned(),
            start_unix_ns: self.started_unix_ns.saturating_add(since),
            duration_ns: 0,
            status: Status::Unset,
            attributes: Vec::new(),
            link: None,
        };
        Span::open(self, started, data)
    }

    fn next_id(&self) -> u64 {
        match self.begun.fetch_add(1, Relaxed) {
            0 => self.first,
            n => mixed(self.first.wrapping_add(n.wrapping_mul(STEP))),
        }
    }

    /// Takes a span that has ended. There is always room for the first one, which ends last.
    pub(super) fn push(&self, span: SpanData) {
        let bytes = span.bytes();
        let mut ended = self.ended.lock();
        let is_full = ended.spans.len() >= SPANS_MAX || ended.bytes + bytes > BYTES_MAX;
        if is_full && span.span_id != self.first {
            drop(ended);
            self.dropped.fetch_add(1, Relaxed);
            return;
        }
        if ended.spans.is_empty() {
            ended.spans.reserve(SPANS_USUAL);
        }
        ended.bytes += bytes;
        ended.spans.push(span);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let Ended { spans, bytes } = std::mem::take(self.ended.get_mut());
        if spans.is_empty() {
            return;
        }
        let Decision { kept, exported } = self.decision;
        let dropped_spans = *self.dropped.get_mut();
        let trace_id = self.trace_id;
        self.tracer.hand_on(Trace { trace_id, spans, dropped_spans, kept, exported, bytes });
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("trace_id", &self.trace_id).finish_non_exhaustive()
    }
}

/// Different numbers for different numbers, and none of them zero.
fn mixed(number: u64) -> u64 {
    let z = (number ^ (number >> 30)).wrapping_mul(MIX[0]);
    let z = (z ^ (z >> 27)).wrapping_mul(MIX[1]);
    (z ^ (z >> 31)).max(1)
}
