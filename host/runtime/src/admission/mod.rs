//! Who may run now, who waits, and who is turned away.
//!
//! Every invocation needs a [`Place`] at the [`Gate`] of its service, and one from outside needs one at the
//! host's gate as well. Clients, the host's own work (events, schedules) and calls between services wait in
//! lines of their own, which take turns: none of them waits behind a crowd of another kind. Within a line who
//! came first is first, and services take turns.
//!
//! Only the clients' line is bounded, and only how long clients wait tells whether it stands; one that cannot be
//! served in time is refused at once or when its time is up, before it has cost anything. How many of
//! the others there are is bounded elsewhere. A call waits no longer than a client may: it spends the time
//! of a request that runs, and has to leave its provider enough to answer in. The host's own work waits as
//! long as it may run, and that time begins when it has its place.

mod gate;
mod pace;
mod queue;
mod shared;
mod standing;

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::context::Context;
use crate::engine::Runtime;
use crate::fault::Fault;
use crate::revision::Revision;
use crate::trace::{Span, SpanKind};

pub(crate) use gate::{Gate, Origin, Place, Room, Wait};
pub(crate) use shared::{AllShared, Shared};

/// The longest that a request waits for its turn. A person notices a second; half of one leaves time for
/// another try somewhere else.
const QUEUE_WAIT_MAX: Duration = Duration::from_millis(500);

/// The share of its timeout that a request may wait: more would leave the service too little to answer in.
const QUEUE_SHARE: u32 = 4;

/// A wait that is not told of in a trace: finding a place takes less.
const WAIT_UNTOLD: Duration = Duration::from_micros(100);

/// The right to run, to be kept until the last byte of the answer is on its way.
#[derive(Debug)]
pub struct Admission {
    _service: Place,
    _host: Place,
}

/// What a gate has seen, and what is there now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GateCounts {
    /// Who runs now, or whose answer is still being sent.
    pub running: usize,
    /// Who may run at the same time now: less than the limit while the machine is too busy for more.
    pub places: usize,
    /// Who waits now.
    pub waiting: usize,
    /// Refused at once: the queue was full, or too long to be served in time.
    pub refused_full: u64,
    /// Refused because they had waited too long.
    pub refused_late: u64,
}

/// How long a request with this timeout may wait for its turn.
pub(crate) fn queue_wait(timeout: Duration) -> Duration {
    (timeout / QUEUE_SHARE).min(QUEUE_WAIT_MAX)
}

impl Runtime {
    /// Waits for a client's request to be let in: until its deadline, at most a quarter of the service's timeout and
    /// half a second, in a queue of bounded length.
    ///
    /// # Errors
    ///
    /// [`Fault::Overloaded`], at once when the queue is full or too long.
    pub async fn admit(&self, revision: &Revision, context: &Context) -> Result<Admission, Fault> {
        let until = Instant::now() + queue_wait(revision.limits().timeout);
        let until = until.min(context.deadline);
        let span = waits(revision, context);
        let admission = self.enter(revision, Wait { origin: Origin::Client, until }).await;
        waited(span, admission)
    }

    /// Waits for the host's own work to be let in.
    pub(crate) async fn admit_own(
        &self,
        revision: &Revision,
        until: Instant,
        context: &Context,
    ) -> Result<Admission, Fault> {
        let span = waits(revision, context);
        let admission = self.enter(revision, Wait { origin: Origin::Own, until }).await;
        waited(span, admission)
    }

    async fn enter(&self, revision: &Revision, wait: Wait) -> Result<Admission, Fault> {
        let gate = revision.gate();
        // The service's place comes first: who waits for a slow service holds nothing that others need.
        let service = gate.enter(0, wait).await.map_err(|_| Fault::Overloaded(SERVICE_BUSY))?;
        let host = match self.requests().enter_now(wait.origin) {
            Some(place) => Ok(place),
            None => {
                let _aside = service.set_aside();
                self.requests().enter(gate.id(), wait).await
            }
        };
        let host = host.map_err(|_| Fault::Overloaded("the host is at its concurrency limit"))?;
        Ok(Admission { _service: service, _host: host })
    }

    /// What the gate of the host has seen.
    pub fn admissions(&self) -> GateCounts {
        self.requests().counts()
    }
}

/// A place for a call that may take `timeout`: it waits as long as a client of that timeout may.
pub(crate) async fn place_for_call(
    revision: &Revision,
    timeout: Duration,
    context: &Context,
) -> Result<Place, Fault> {
    let until = Instant::now() + queue_wait(timeout);
    let span = waits(revision, context);
    let place = revision.gate().enter(0, Wait { origin: Origin::Call, until }).await;
    waited(span, place.map_err(|_| Fault::Overloaded(SERVICE_BUSY)))
}

fn waits(revision: &Revision, context: &Context) -> Span {
    context.span(SpanKind::Internal, Some(revision.source()), || "wait for a place".into())
}

/// Tells of the wait, if there was one.
fn waited<T>(span: Span, place: Result<T, Fault>) -> Result<T, Fault> {
    match &place {
        Ok(_) => span.end_if_longer(WAIT_UNTOLD),
        Err(_) => span.end_with(&place),
    }
    place
}

const SERVICE_BUSY: &str = "the service is at its concurrency limit";
