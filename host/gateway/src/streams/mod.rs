//! Routes with `stream`: a client follows the events of one key.
//!
//! 1. It takes a place ([`slots`]), and a listener at the publisher's feed ([`feed`]).
//! 2. The function of the route makes the snapshot, as any route does. An error is the answer: so the
//!    function decides who may look. A client that resumes goes this way as well.
//! 3. From then on it is a [`session`]: what it has missed from the database, then what happens. No
//!    instance, no permit and no transaction lives while a client waits.
//!
//! It gets all this as server-sent events ([`sse`]), or by a WebSocket when it asks for one
//! ([`websocket`]).

mod feed;
mod notice;
mod resume;
mod session;
mod slots;
mod sse;
mod websocket;

use std::sync::Arc;

use http::request::Parts;
use http::{Response, StatusCode};
use thali_contract::problem::Problem;
use thali_contract::route::{self, AnswerBody, Stream};
use thali_control::Control;
use thali_platform::events::{Outbox, Seq};
use thali_platform::sql::SqlError;
use uuid::Uuid;

use crate::body::Body;
use crate::dispatch::{Dispatch, Invocation};
use crate::idempotency::Outcome;
use crate::limits::GatewayLimits;
use crate::listen::Call;
use crate::{faults, reply};

use feed::{Feeds, ListenError, Listener};
use session::{Session, Start};
use slots::{Slot, Slots};

use websocket::Handshake;

pub(crate) use resume::{Since, since, split};

/// The streams of a host.
pub(crate) struct Streams {
    feeds: Feeds,
    slots: Arc<Slots>,
}

/// Somebody who may follow, with what to tell them first.
struct Follower {
    session: Session,
    /// Events are missing before what comes first.
    gap: bool,
    /// The snapshot, and up to where it holds everything.
    snapshot: Option<(Seq, String)>,
}

/// What becomes of a request for a stream.
enum Opened {
    Follows(Box<Follower>),
    /// The stream has ended, and the client has got all of it.
    Ended(Box<Follower>),
    /// The function's answer is the answer.
    Answered(route::Answer),
    Refused(Box<Problem>),
}

impl Streams {
    pub(crate) fn new(control: Arc<Control>, limits: &GatewayLimits) -> Arc<Self> {
        Arc::new(Self { feeds: Feeds::new(control), slots: Slots::new(limits) })
    }

    /// Streams that are open now.
    pub(crate) fn open_now(&self) -> usize {
        self.slots.taken()
    }

    /// Ends every stream, so that its client comes back, and lets none begin.
    pub(crate) fn close(&self) {
        self.feeds.close();
    }

    /// Answers a request for a stream: with the stream, when the client may follow it.
    pub(crate) async fn answer(
        &self,
        dispatch: &Dispatch,
        invocation: Invocation,
        mut head: Parts,
        call: Call,
    ) -> Response<Body> {
        let id = call.id();
        let socket = match Handshake::take(&mut head) {
            Ok(socket) => socket,
            Err(refused) => {
                let mut response = reply::problem(&refused.0, id);
                refused.complete(&mut response);
                return call.finish(invocation.complete(response));
            }
        };
        let opened = match self.slots.take(call.client()) {
            Ok(slot) => self.open(dispatch, &invocation, slot, id).await,
            Err(full) => Opened::Refused(Box::new(full.problem())),
        };
        let (follower, is_over) = match opened {
            Opened::Follows(follower) => (follower, false),
            Opened::Ended(follower) => (follower, true),
            Opened::Answered(answer) => {
                return call.finish(invocation.complete(reply::answer(answer, id)));
            }
            Opened::Refused(problem) => {
                return call.finish(invocation.complete(reply::problem(&problem, id)));
            }
        };
        let response = match socket {
            Some(socket) => {
                let stall = call.server().limits().write_stall;
                let Follower { session, gap, snapshot } = *follower;
                socket.response(messages(gap, snapshot), session, stall)
            }
            None if is_over => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
            None => {
                let Follower { session, gap, snapshot } = *follower;
                sse::response(&events(gap, snapshot), session)
            }
        };
        call.finish_stream(invocation.complete(response))
    }

    /// Listens first, and looks then: so nothing falls between.
    async fn open(
        &self,
        dispatch: &Dispatch,
        invocation: &Invocation,
        slot: Slot,
        id: Uuid,
    ) -> Opened {
        let revision = invocation.target.revision();
        let (Some(stream), Some(outbox)) =
            (invocation.target.route.stream(), revision.extensions().get::<Outbox>())
        else {
            return Opened::Refused(Box::new(reply::internal()));
        };
        let (listener, at) = match self.listen(invocation, stream, &outbox).await {
            Ok(listening) => listening,
            Err(error) => return Opened::refused(&error, invocation),
        };
        // A client that follows takes no place among those that run.
        let answer = match dispatch.invoke(invocation, id).await.0 {
            Outcome::Answered(answer) => answer,
            Outcome::Failed(problem) => return Opened::Refused(problem),
        };
        let snapshot = match answer.body {
            AnswerBody::Json(json) => String::from_utf8(json).unwrap_or_default(),
            _ => return Opened::Answered(answer),
        };
        let is_over = stream.is_last(&snapshot);
        let route = Arc::clone(&invocation.target.route);
        let start = at.resumes_at.map_or(Start::Snapshot(at.last), Start::Resume);
        let mut session = Session::new(route, outbox, listener, slot, start, is_over);
        if invocation.principal.is_some() {
            session.expire();
        }
        let is_done = is_over && at.resumes_at.is_some() && !session.has_missed().await;
        let snapshot = at.resumes_at.is_none().then_some((at.last, snapshot));
        let follower = Box::new(Follower { session, gap: at.gap, snapshot });
        if is_done { Opened::Ended(follower) } else { Opened::Follows(follower) }
    }

    async fn listen(
        &self,
        invocation: &Invocation,
        stream: &Stream,
        outbox: &Arc<Outbox>,
    ) -> Result<(Listener, Place), ListenError> {
        let publisher = invocation.target.revision().service();
        let key = stream.key(&invocation.arguments).unwrap_or_default();
        let listener = self.feeds.listen(publisher, stream.topic(), outbox, &key).await?;
        let place = Place::of(invocation.since, outbox).await.map_err(ListenError::Outbox)?;
        Ok((listener, place))
    }
}

/// Where a client is in the publisher's outbox.
struct Place {
    /// The last event before the snapshot is made.
    last: Seq,
    /// The last event that the client has got, when everything after it is there.
    resumes_at: Option<Seq>,
    /// What the client has got last is not known, or what came after it is not all there.
    gap: bool,
}

impl Place {
    async fn of(since: Since, outbox: &Outbox) -> Result<Self, SqlError> {
        let last = outbox.last_seq().await?;
        let resumes_at = match since {
            Since::Event(seq) if seq <= last => {
                let lost = outbox.lost_seq().await?;
                (seq >= lost).then_some(seq)
            }
            _ => None,
        };
        Ok(Self { last, resumes_at, gap: since != Since::Start && resumes_at.is_none() })
    }
}

impl Opened {
    fn refused(error: &ListenError, invocation: &Invocation) -> Self {
        Self::Refused(Box::new(match error {
            ListenError::Closed => reply::draining(),
            ListenError::Outbox(error) => {
                let service = invocation.target.revision().service();
                tracing::warn!(%service, %error, "a stream cannot begin: its events cannot be read");
                faults::no_database(service)
            }
        }))
    }
}

/// What comes first, as server-sent events.
fn events(gap: bool, snapshot: Option<(Seq, String)>) -> String {
    let gap = if gap { sse::GAP } else { "" };
    let snapshot = snapshot.map(|(seq, data)| notice::sse(seq, SNAPSHOT, &data));
    [gap, snapshot.as_deref().unwrap_or_default()].concat()
}

/// What comes first, as messages.
fn messages(gap: bool, snapshot: Option<(Seq, String)>) -> Vec<String> {
    let gap = gap.then(|| websocket::GAP.to_owned());
    let snapshot = snapshot.map(|(seq, data)| notice::message(seq, SNAPSHOT, &data));
    gap.into_iter().chain(snapshot).collect()
}

/// The name of the event that a stream begins with.
const SNAPSHOT: &str = "snapshot";
