//! What one invocation has sent.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use thali_runtime::trace::{Recording, Source, Span, SpanKind, Text};
use thali_runtime::{Guard, State, TraceContext, TraceState};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use uuid::Uuid;

use super::error::OutboundError;
use super::limits::OutboundLimits;

/// The share of the time that is left which a request may take, so that the service can still answer
/// when the server does not. The same as for calls between services.
const SHARE: (u32, u32) = (3, 4);

/// The invocation that a request is sent by.
#[derive(Clone)]
pub struct Invocation {
    tally: Arc<Tally>,
    /// Of the store that it runs in.
    guard: Weak<Guard>,
    /// When the invocation must be done.
    pub deadline: Instant,
    /// The trace that its requests belong to.
    pub trace: TraceContext,
    /// What its spans go into, and whom they are about, when it is recorded.
    recorded: Option<(Arc<Recording>, Arc<Source>)>,
    /// What came with that trace.
    pub tracestate: Option<Arc<TraceState>>,
    /// How deep it is: calls between services, and what the request came with.
    pub depth: u8,
    /// Names the request from outside in the log.
    pub request_id: Uuid,
}

/// The place of one request in its invocation, until the end of the answer's body. An instance that
/// still has one when its function returns is not used again.
pub(super) struct Place {
    _turn: OwnedSemaphorePermit,
    _guard: Option<Arc<Guard>>,
}

/// What one invocation has sent.
pub(super) struct Tally {
    left: AtomicU32,
    open: Arc<Semaphore>,
    limits: (u32, u32),
}

impl Tally {
    fn new(limits: &OutboundLimits) -> Self {
        Self {
            left: AtomicU32::new(limits.requests_max),
            open: Arc::new(Semaphore::new(limits.open_max as usize)),
            limits: (limits.requests_max, limits.open_max),
        }
    }

    /// Takes the place of one more request.
    fn take(&self) -> Result<OwnedSemaphorePermit, OutboundError> {
        let (requests_max, open_max) = self.limits;
        let take = |left: u32| left.checked_sub(1);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            let detail = format!("one invocation may send {requests_max} requests");
            return Err(OutboundError::Exhausted(detail));
        }
        Arc::clone(&self.open).try_acquire_owned().map_err(|_| {
            let detail = format!("one invocation may have {open_max} requests under way");
            OutboundError::Exhausted(detail)
        })
    }
}

impl Invocation {
    /// An invocation that has sent nothing yet.
    pub fn new(limits: &OutboundLimits, deadline: Instant, trace: TraceContext) -> Self {
        let tally = Arc::new(Tally::new(limits));
        Self {
            tally,
            guard: Weak::new(),
            deadline,
            trace,
            recorded: None,
            tracestate: None,
            depth: 0,
            request_id: Uuid::nil(),
        }
    }

    /// The invocation that runs in a store.
    pub(super) fn of(state: &mut State, limits: &OutboundLimits) -> Self {
        let context = state.context();
        let (trace, request_id) = (context.trace, context.request_id);
        let depth = context.depth_outside.saturating_add(context.depth);
        let (tracestate, recording) = (context.tracestate.clone(), context.recording.clone());
        let recorded = recording.map(|recording| (recording, Arc::clone(state.source())));
        let deadline = state.deadline();
        let tally = state.locals().get::<Tally>().unwrap_or_else(|| {
            let tally = Arc::new(Tally::new(limits));
            state.locals().insert(Arc::clone(&tally));
            tally
        });
        let guard = Arc::downgrade(&state.guard());
        Self { tally, guard, deadline, trace, recorded, tracestate, depth, request_id }
    }

    /// Takes the place of one more request.
    pub(super) fn begin(&self) -> Result<Place, OutboundError> {
        Ok(Place { _turn: self.tally.take()?, _guard: self.guard.upgrade() })
    }

    /// Begins the span of a request.
    pub(super) fn span(&self, name: impl FnOnce() -> Text) -> Span {
        let Some((recording, source)) = &self.recorded else { return Span::NONE };
        recording.begin(SpanKind::Client, Some(source), Some(self.trace.parent_id), name())
    }

    /// When a request that begins now must be done.
    pub(super) fn request_deadline(&self, now: Instant) -> Instant {
        let (part, whole) = SHARE;
        now + self.deadline.saturating_duration_since(now) * part / whole
    }
}
