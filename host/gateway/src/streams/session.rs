//! One client of a stream: what it gets next.
//!
//! A session listens before it asks the database for anything, and skips what it has sent already: so
//! nothing is lost or sent twice between the snapshot or the backlog and what happens from then on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use thali_contract::route::{Route, Stream};
use thali_platform::events::{Outbox, Seq, StoredEvent};
use tokio::time::{Instant, timeout_at};

use super::feed::{Listener, Silence};
use super::notice::Notice;
use super::slots::Slot;
use crate::sse::BEAT_TIME;

/// How long somebody who is signed in may follow without coming back: tokens expire, and keys are taken out. The
/// client resumes where it was.
pub(crate) const SIGNED_IN_MAX: Duration = Duration::from_secs(300);

/// Events that are read at once to catch up.
const CATCH_UP_EVENTS: u32 = 64;

/// One client of a stream.
pub(crate) struct Session {
    route: Arc<Route>,
    outbox: Arc<Outbox>,
    listener: Listener,
    /// Everything up to here was sent, or is not for the client.
    last: Seq,
    phase: Phase,
    next_beat: Instant,
    /// When the client has to come back.
    until: Option<Instant>,
    _slot: Slot,
}

enum Phase {
    /// It gets what it has missed. At the end of that the stream may be over.
    CatchingUp {
        backlog: VecDeque<StoredEvent>,
        then_over: bool,
    },
    /// It gets what happens.
    Live,
    Over(Ending),
}

/// What a client gets.
#[derive(Debug)]
pub(crate) enum Item {
    Event(Arc<Notice>),
    /// It missed something, and has to come back for it.
    Gap,
    /// Nothing happened for a while.
    Beat,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// There will be no more events.
    Complete,
    /// The host cannot go on with it: the client may come back.
    Interrupted,
    /// The client was too slow: it may come back.
    TooSlow,
}

/// Where a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// After the snapshot, which holds everything up to here.
    Snapshot(Seq),
    /// After the last event that the client has got.
    Resume(Seq),
}

impl Session {
    /// `is_over`: the snapshot says that nothing more will come.
    pub(crate) fn new(
        route: Arc<Route>,
        outbox: Arc<Outbox>,
        listener: Listener,
        slot: Slot,
        start: Start,
        is_over: bool,
    ) -> Self {
        let (last, phase) = match start {
            Start::Snapshot(seq) if is_over => (seq, Phase::Over(Ending::Complete)),
            Start::Snapshot(seq) => (seq, Phase::Live),
            Start::Resume(seq) => {
                (seq, Phase::CatchingUp { backlog: VecDeque::new(), then_over: is_over })
            }
        };
        let next_beat = Instant::now() + BEAT_TIME;
        Self { route, outbox, listener, last, phase, next_beat, until: None, _slot: slot }
    }

    /// Lets the client come back, to say again who it is, after [`SIGNED_IN_MAX`].
    pub(crate) fn expire(&mut self) {
        self.until = Some(Instant::now() + SIGNED_IN_MAX);
    }

    /// Whether the client gets what it has missed, and not yet what happens.
    pub(crate) fn is_catching_up(&self) -> bool {
        matches!(self.phase, Phase::CatchingUp { .. })
    }

    /// Whether there is something that the client has missed, of what is for it.
    pub(crate) async fn has_missed(&mut self) -> bool {
        loop {
            self.read_backlog().await;
            let Phase::CatchingUp { backlog, .. } = &mut self.phase else { return false };
            let stream = self.route.stream();
            let wanted = |event: &StoredEvent| stream.is_some_and(|s| s.carries(&event.function));
            match backlog.iter().position(wanted) {
                Some(first) => {
                    backlog.drain(..first);
                    return true;
                }
                None => self.last = backlog.back().map_or(self.last, |event| event.seq),
            }
        }
    }

    /// What the client gets next, or how the stream ended. Safe to drop before it is ready.
    pub(crate) async fn next(&mut self) -> Result<Item, Ending> {
        loop {
            let is_expired = self.until.is_some_and(|until| until <= Instant::now());
            if is_expired && !matches!(self.phase, Phase::Over(_)) {
                self.phase = Phase::Over(Ending::Interrupted);
            }
            let wake = self.until.map_or(self.next_beat, |until| until.min(self.next_beat));
            let notice = match &mut self.phase {
                Phase::Over(ending) => return Err(*ending),
                Phase::CatchingUp { backlog, .. } => match backlog.pop_front() {
                    Some(event) => Arc::new(Notice::new(event)),
                    None => {
                        self.read_backlog().await;
                        continue;
                    }
                },
                Phase::Live => match timeout_at(wake, self.listener.next()).await {
                    Ok(Ok(notice)) => notice,
                    Ok(Err(silence)) => {
                        if self.falls_silent(silence) {
                            return Ok(Item::Gap);
                        }
                        continue;
                    }
                    Err(_) if wake < self.next_beat => continue,
                    Err(_) => {
                        self.next_beat = Instant::now() + BEAT_TIME;
                        return Ok(Item::Beat);
                    }
                },
            };
            if self.takes(&notice) {
                self.next_beat = Instant::now() + BEAT_TIME;
                return Ok(Item::Event(notice));
            }
        }
    }

    /// Whether an event is new to the client and for it. Notices when it is the last one.
    fn takes(&mut self, notice: &Notice) -> bool {
        if notice.seq <= self.last {
            return false;
        }
        self.last = notice.seq;
        let Some(stream) = self.route.stream().filter(|stream| stream.carries(&notice.event))
        else {
            return false;
        };
        if stream.is_last(&notice.data) {
            self.phase = Phase::Over(Ending::Complete);
        }
        true
    }

    /// Takes the next events of the backlog, or leaves it behind when there are none.
    async fn read_backlog(&mut self) {
        let Some(topic) = self.route.stream().map(Stream::topic) else { return };
        let read = self.outbox.read(topic, Some(self.listener.key()), self.last, CATCH_UP_EVENTS);
        // Boxed, so that a client that only waits does not carry the size of this.
        let read = Box::pin(read).await;
        let Phase::CatchingUp { backlog, then_over } = &mut self.phase else { return };
        match read {
            Ok(events) if events.is_empty() => {
                self.phase = if *then_over { Phase::Over(Ending::Complete) } else { Phase::Live };
            }
            Ok(events) => *backlog = events.into(),
            Err(error) => {
                tracing::warn!(%error, "a stream is interrupted: its events cannot be read");
                self.phase = Phase::Over(Ending::Interrupted);
            }
        }
    }

    /// Whether the client has to be told of a gap.
    fn falls_silent(&mut self, silence: Silence) -> bool {
        let ending = match silence {
            Silence::TooSlow => Ending::TooSlow,
            Silence::Closed => Ending::Interrupted,
        };
        self.phase = Phase::Over(ending);
        ending == Ending::TooSlow
    }
}

#[cfg(test)]
mod tests {
    use thali_contract::manifest::Manifest;
    use thali_contract::read::read_contract;
    use thali_contract::route::Routes;
    use thali_platform::events::EventLimits;
    use thali_platform::sql::{Databases, SqlLimits};
    use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

    use super::*;
    use crate::limits::GatewayLimits;
    use crate::streams::slots::Slots;

    /// The route of the tests' publisher that streams.
    fn route() -> Arc<Route> {
        let mut resolve = wit_parser::Resolve::default();
        let wit = include_str!("../../tests/gateway/support/publisher.wit");
        let package = resolve.push_str("publisher.wit", wit).unwrap();
        let world = resolve.select_world(&[package], Some("service")).unwrap();
        let wat = include_str!("../../tests/gateway/support/publisher.wat");
        let mut module = wat::parse_str(wat).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        let component = ComponentEncoder::default().module(&module).unwrap().encode().unwrap();
        let manifest = include_str!("../../tests/gateway/support/publisher.toml");
        let manifest = Manifest::parse(manifest).unwrap();
        let routes = Routes::build(&manifest, &read_contract(&component).unwrap()).unwrap();
        Arc::new(routes.into_iter().find(|route| route.stream().is_some()).unwrap())
    }

    /// A stream on which nothing happens.
    fn session(folder: &tempfile::TempDir) -> Session {
        let databases = Databases::open(folder.path().to_owned(), SqlLimits::default()).unwrap();
        let database = databases.database(&"a".parse().unwrap());
        Session::new(
            route(),
            Arc::new(Outbox::new(database, EventLimits::default())),
            Listener::to_nothing(),
            Slots::new(&GatewayLimits::default()).take([127, 0, 0, 1].into()).unwrap(),
            Start::Snapshot(0),
            false,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_signed_in_has_to_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut session = session(&folder);
        session.expire();
        let began = Instant::now();
        let ending = loop {
            match session.next().await {
                Ok(item) => assert!(matches!(item, Item::Beat)),
                Err(ending) => break ending,
            }
        };
        assert_eq!((ending, began.elapsed()), (Ending::Interrupted, SIGNED_IN_MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_on_which_nothing_happens_beats() {
        let folder = tempfile::tempdir().unwrap();
        let mut session = session(&folder);
        for _ in 0..3 {
            let before = Instant::now();
            assert!(matches!(session.next().await, Ok(Item::Beat)));
            assert_eq!(before.elapsed().as_secs(), BEAT_TIME.as_secs());
        }
    }
}
