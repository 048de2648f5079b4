//! Which requests are recorded, and where their spans go.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use uuid::Uuid;

use super::budget::Budget;
use super::recording::Recording;
use super::sampler::Sampler;
use super::span::nanos;
use super::{SharedTrace, Trace};
use crate::context::{TraceContext, span_of};

/// Traces that begin in a second and are kept for who looks at this host. A thousand are kept in all, so at this pace
/// one can be looked at for ten seconds; recording one takes some microseconds of a processor.
pub const TRACES_PER_SECOND: u32 = 100;

/// Requests in a second that were not recorded, went wrong, and leave a trace of one span nevertheless. A host that
/// refuses thousands a second has nothing new to say with each.
const LATE_PER_SECOND: u32 = 20;

/// Whoever takes what was recorded. It is called where a request ends, so it must not wait.
pub trait TraceSink: Send + Sync {
    /// Takes the spans of one request.
    fn take(&self, trace: SharedTrace);
}

/// Which requests are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceSpec {
    /// Traces that begin in a second and are kept here; 0 keeps none. As many more are recorded in a second because
    /// whoever sent the request asks for it by the flag "sampled".
    pub per_second: u32,
    /// Which traces are sent on.
    pub sampler: Sampler,
}

/// What became of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceCounts {
    /// Requests, deliveries and runs of schedules whose spans were recorded to their end.
    pub recorded: u64,
    /// Spans of them.
    pub spans: u64,
    /// Spans that were too many for their request.
    pub spans_dropped: u64,
}

/// Decides which requests are recorded. It records nothing before [`Tracer::start`].
pub struct Tracer {
    since: Instant,
    started: OnceLock<Started>,
    own: Budget,
    asked: Budget,
    late: Budget,
    sent_on: Budget,
    recorded: AtomicU64,
    spans: AtomicU64,
    spans_dropped: AtomicU64,
}

struct Started {
    sink: Arc<dyn TraceSink>,
    sampler: Sampler,
}

/// For whom a request is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) kept: bool,
    pub(super) exported: bool,
}

impl Tracer {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            since: Instant::now(),
            started: OnceLock::new(),
            own: Budget::new(0),
            asked: Budget::new(0),
            late: Budget::new(0),
            sent_on: Budget::new(0),
            recorded: AtomicU64::new(0),
            spans: AtomicU64::new(0),
            spans_dropped: AtomicU64::new(0),
        })
    }

    /// Begins to record. What was started stays as it is.
    pub fn start(&self, spec: TraceSpec, sink: Arc<dyn TraceSink>) {
        let TraceSpec { per_second, sampler } = spec;
        self.sent_on.set(sampler.per_second.unwrap_or_default());
        if self.started.set(Started { sink, sampler }).is_ok() {
            self.set_per_second(per_second);
        }
    }

    /// How many traces that begin in a second are kept, from now on.
    pub fn set_per_second(&self, per_second: u32) {
        self.own.set(per_second);
        self.asked.set(per_second);
        self.late.set(LATE_PER_SECOND.min(per_second));
    }

    /// How many traces that begin in a second are kept.
    pub fn per_second(&self) -> u32 {
        self.own.per_second()
    }

    /// What became of requests.
    pub fn counts(&self) -> TraceCounts {
        TraceCounts {
            recorded: self.recorded.load(Relaxed),
            spans: self.spans.load(Relaxed),
            spans_dropped: self.spans_dropped.load(Relaxed),
        }
    }

    /// The trace of a request that came at `at`, with its span in it, and what its spans go into when it is recorded.
    pub fn begin(
        self: &Arc<Self>,
        request_id: Uuid,
        given: Option<TraceContext>,
        at: Instant,
    ) -> (TraceContext, Option<Arc<Recording>>) {
        let trace = match given {
            Some(given) => TraceContext::continued(given, request_id),
            None => TraceContext::begin(request_id),
        };
        let Some(started) = self.started.get() else { return (trace, None) };
        let parent = given.map(TraceContext::is_sampled);
        let decision = self.decide(started, trace.trace_id, parent, at);
        self.decided(trace, decision, request_id, at)
    }

    /// A stranger who sets the flag gets no more than the budget for strangers, whatever it costs.
    fn decide(
        &self,
        started: &Started,
        trace_id: u128,
        parent: Option<bool>,
        at: Instant,
    ) -> Decision {
        let now_ns = nanos(at.saturating_duration_since(self.since));
        let is_asked = parent == Some(true) && self.asked.take(now_ns);
        let samples = started.sampler.samples(trace_id, parent);
        let is_bounded = parent == Some(true) && started.sampler.obeys_strangers();
        let kept = is_asked || self.own.take(now_ns);
        let exported = samples && (!is_bounded || is_asked);
        // What is kept here should be found in the collector too.
        let has_room =
            |sampler: &Sampler| kept || sampler.per_second.is_none() || self.sent_on.take(now_ns);
        Decision { kept, exported: exported && has_room(&started.sampler) }
    }

    /// The trace of a delivery: it follows what was decided about the one that published, which `stored` says, and
    /// has a span of its own.
    pub fn resume(
        self: &Arc<Self>,
        stored: TraceContext,
        request_id: Uuid,
    ) -> (TraceContext, Option<Arc<Recording>>) {
        let decision = match self.started.get() {
            Some(_) => Decision {
                kept: stored.is_kept() && self.per_second() > 0,
                exported: stored.is_exported(),
            },
            None => Decision::default(),
        };
        let trace = TraceContext { parent_id: span_of(request_id), ..stored };
        self.decided(trace, decision, request_id, Instant::now())
    }

    /// Records what nobody recorded, now that it is known to be worth it: only to be kept here, and only so many in a
    /// second.
    pub fn late(self: &Arc<Self>, trace: TraceContext, at: Instant) -> Option<Arc<Recording>> {
        self.started.get()?;
        let now_ns = nanos(self.since.elapsed());
        let decision = Decision { kept: true, exported: false };
        self.late
            .take(now_ns)
            .then(|| Recording::new(self, trace.trace_id, trace.parent_id, at, decision))
    }

    fn decided(
        self: &Arc<Self>,
        trace: TraceContext,
        decision: Decision,
        request_id: Uuid,
        at: Instant,
    ) -> (TraceContext, Option<Arc<Recording>>) {
        let Decision { kept, exported } = decision;
        let trace = trace.marked(kept, exported);
        let recording = (kept || exported)
            .then(|| Recording::new(self, trace.trace_id, span_of(request_id), at, decision));
        (trace, recording)
    }

    pub(super) fn hand_on(&self, trace: Trace) {
        self.recorded.fetch_add(1, Relaxed);
        self.spans.fetch_add(trace.spans.len() as u64, Relaxed);
        self.spans_dropped.fetch_add(trace.dropped_spans.into(), Relaxed);
        if let Some(started) = self.started.get() {
            started.sink.take(Arc::new(trace));
        }
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("counts", &self.counts()).finish_non_exhaustive()
    }
}
