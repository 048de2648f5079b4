//! What travels with a request through every invocation it causes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use thali_contract::name::ServiceName;
use tokio::time::Instant;
use uuid::Uuid;

use crate::share::Affinity;
use crate::trace::{Recording, Source, Span, SpanKind, Text};
use crate::tracestate::TraceState;

/// How deep calls may nest. Polling cost grows with the square of the depth, and every level holds
/// an instance.
pub const CALL_DEPTH_MAX: u8 = 16;

/// A call may use this share of the time its caller has left, so that the caller can still answer
/// when the callee does not.
const CALLEE_SHARE: (u32, u32) = (3, 4);

/// The part of the time that a caller has `left` which a call may use.
pub(crate) fn callee_share(left: Duration) -> Duration {
    let (part, whole) = CALLEE_SHARE;
    left * part / whole
}

/// What travels with a request through every invocation it causes.
#[derive(Clone, Debug)]
pub struct Context {
    /// Names the request in logs and answers.
    pub request_id: Uuid,
    /// When the whole request must be done.
    pub deadline: Instant,
    /// Calls between the request and this invocation.
    pub depth: u8,
    /// How deep the request was when it came, as whoever sent it says. It counts for what is sent on by HTTP, not for
    /// calls: a client must not choose at which of them a service fails.
    pub depth_outside: u8,
    /// The W3C trace the request belongs to.
    pub trace: TraceContext,
    /// What its spans go into; `None` when it is not recorded.
    pub recording: Option<Arc<Recording>>,
    /// What came with that trace, for those that it is passed on to.
    pub tracestate: Option<Arc<TraceState>>,
    /// Who asks; `None` for a request without a token. Calls and events carry it on.
    pub principal: Option<Arc<Principal>>,
    /// What binds the request to revisions; `None` when only chance does.
    pub affinity: Option<Arc<Affinity>>,
    /// The delivery of an event that this invocation handles. Calls that it makes have none.
    pub delivery: Option<Arc<Delivery>>,
    /// Names the request for as long as its idempotency key does. Calls that it makes have none.
    pub idempotency: Option<Uuid>,
}

/// Who a request acts for, as the gateway has checked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The `sub` of the token.
    pub subject: String,
    /// What the token allows, in its order.
    pub scopes: Vec<String>,
}

/// The delivery of an event to one subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The event's id: the same one at every attempt.
    pub id: Uuid,
    /// Who published it.
    pub publisher: ServiceName,
    /// 1 at the first attempt.
    pub attempt: u32,
    /// After how many attempts the event becomes a dead letter.
    pub attempts_max: u32,
}

/// A W3C trace context, as `traceparent` carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Sixteen bytes, not all zero.
    pub trace_id: u128,
    /// The span that causes what happens now: eight bytes, not all zero.
    pub parent_id: u64,
    /// Bit 0: sampled. Others are this host's own, and never leave it.
    pub flags: u8,
}

/// Text that is not a `traceparent` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct InvalidTraceparent;

impl Context {
    /// The context of a request that begins now and may take `timeout`.
    pub fn root(timeout: Duration) -> Self {
        let request_id = Uuid::now_v7();
        Self::new(request_id, TraceContext::begin(request_id), timeout)
    }

    /// The context of a request with a known id and trace that may take `timeout` from now.
    pub fn new(request_id: Uuid, trace: TraceContext, timeout: Duration) -> Self {
        let deadline = Instant::now() + timeout;
        Self {
            request_id,
            deadline,
            depth: 0,
            depth_outside: 0,
            trace,
            recording: None,
            tracestate: None,
            principal: None,
            affinity: None,
            delivery: None,
            idempotency: None,
        }
    }

    /// The context of a call that this invocation makes, in which `trace` has the span of the call.
    pub(crate) fn callee(&self, now: Instant, timeout: Duration, trace: TraceContext) -> Self {
        let left = self.deadline.saturating_duration_since(now);
        Self {
            request_id: self.request_id,
            deadline: now + timeout.min(callee_share(left)),
            depth: self.depth + 1,
            depth_outside: self.depth_outside,
            trace,
            recording: self.recording.clone(),
            tracestate: self.tracestate.clone(),
            principal: self.principal.clone(),
            affinity: self.affinity.clone(),
            delivery: None,
            idempotency: None,
        }
    }

    /// Begins a span of what happens now; `source` is the revision that it is about. Nothing for a request that is
    /// not recorded.
    pub fn span(
        &self,
        kind: SpanKind,
        source: Option<&Arc<Source>>,
        name: impl FnOnce() -> Text,
    ) -> Span {
        match &self.recording {
            None => Span::NONE,
            Some(recording) => recording.begin(kind, source, Some(self.trace.parent_id), name()),
        }
    }
}

impl Principal {
    /// The scope that includes all others.
    pub const ADMIN: &str = "admin";

    /// Whether the token allows `scope`. `admin` allows everything.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|has| has == scope || has == Self::ADMIN)
    }
}

impl TraceContext {
    /// A new trace for a request that came without one. Its id is the request's.
    pub fn begin(request_id: Uuid) -> Self {
        Self { trace_id: request_id.as_u128().max(1), parent_id: span_of(request_id), flags: 0 }
    }

    /// The trace that a request came with, seen from the request: its own span is the parent of what it causes.
    /// Only the sampled flag is passed on, the others are not defined.
    pub fn continued(given: Self, request_id: Uuid) -> Self {
        Self { parent_id: span_of(request_id), flags: given.flags & SAMPLED, ..given }
    }

    /// The same trace within a span, if there is one.
    pub fn within(self, span: &Span) -> Self {
        Self { parent_id: span.id().unwrap_or(self.parent_id), ..self }
    }

    /// Whether somebody sends the trace to a collector: this host, or whoever it came from.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    pub(crate) fn is_kept(self) -> bool {
        self.flags & KEPT != 0
    }

    pub(crate) fn is_exported(self) -> bool {
        self.flags & EXPORTED != 0
    }

    /// Notes what this host has decided about it.
    pub(crate) fn marked(self, kept: bool, exported: bool) -> Self {
        let kept = if kept { KEPT } else { 0 };
        let exported = if exported { EXPORTED | SAMPLED } else { 0 };
        Self { flags: self.flags & SAMPLED | kept | exported, ..self }
    }

    /// As this host keeps it for itself: with what it has decided about the trace, which [`fmt::Display`] leaves out.
    pub fn stored(self) -> String {
        let Self { trace_id, parent_id, flags } = self;
        format!("00-{trace_id:032x}-{parent_id:016x}-{flags:02x}")
    }
}

const SAMPLED: u8 = 1;

/// This host keeps the trace, and what comes after it.
const KEPT: u8 = 1 << 6;

/// This host sends it to a collector.
const EXPORTED: u8 = 1 << 7;

/// The span of a request: the half of its id that is random.
pub(crate) fn span_of(request_id: Uuid) -> u64 {
    request_id.as_u64_pair().1.max(1)
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    /// `version-traceid-parentid-flags` in lower-case hexadecimal, by the W3C recommendation: longer
    /// texts of later versions are read by their first four parts, version `ff` is invalid.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut part = |digits: usize| {
            let part = parts.next().ok_or(InvalidTraceparent)?;
            let hex = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if part.len() == digits && hex { Ok(part) } else { Err(InvalidTraceparent) }
        };
        let version = part(2)?;
        let trace_id = u128::from_str_radix(part(32)?, 16).map_err(|_| InvalidTraceparent)?;
        let parent_id = u64::from_str_radix(part(16)?, 16).map_err(|_| InvalidTraceparent)?;
        let flags = u8::from_str_radix(part(2)?, 16).map_err(|_| InvalidTraceparent)?;
        let trailing = parts.next().is_some();
        if version == "ff" || trace_id == 0 || parent_id == 0 || (version == "00" && trailing) {
            return Err(InvalidTraceparent);
        }
        Ok(Self { trace_id, parent_id, flags })
    }
}

/// As a header has it, with the sampled flag and no other.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_id, parent_id, flags } = self;
        write!(f, "00-{trace_id:032x}-{parent_id:016x}-{:02x}", flags & SAMPLED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_round_trips_and_a_bad_one_is_refused() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(text.parse::<TraceContext>().unwrap().to_string(), text);
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(bad.parse::<TraceContext>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_request_has_a_span_of_its_own_in_the_trace_it_came_with() {
        let given: TraceContext =
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff".parse().unwrap();
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        let trace = TraceContext::continued(given, one);
        assert_eq!((trace.trace_id, trace.flags), (given.trace_id, 1));
        assert_ne!(trace.parent_id, given.parent_id);
        assert_ne!(trace.parent_id, TraceContext::continued(given, other).parent_id);
        assert_eq!(trace.parent_id, TraceContext::begin(one).parent_id);
    }

    #[test]
    fn what_this_host_decides_about_a_trace_is_stored_and_never_sent() {
        let given: TraceContext =
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff".parse().unwrap();
        let trace = TraceContext::continued(given, Uuid::now_v7()).marked(true, true);
        assert_eq!((trace.flags, &trace.to_string()[53..]), (0xc1, "01"));
        let stored: TraceContext = trace.stored().parse().unwrap();
        assert!(stored == trace && stored.is_kept() && stored.is_exported());
        let quiet = TraceContext::begin(Uuid::now_v7()).marked(true, false);
        assert!(!quiet.is_sampled() && quiet.to_string().ends_with("-00"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_callee_leaves_its_caller_time_to_answer() {
        let root = Context { depth_outside: 3, ..Context::root(Duration::from_secs(4)) };
        let now = Instant::now();
        let callee = root.callee(now, Duration::from_secs(30), root.trace);
        assert_eq!(callee.deadline - now, Duration::from_secs(3));
        assert_eq!(callee.depth, 1);
        assert_eq!(callee.depth_outside, 3, "where the request came from stays known");
        let quick = root.callee(now, Duration::from_secs(1), root.trace);
        assert_eq!(quick.deadline - now, Duration::from_secs(1));
    }
}
