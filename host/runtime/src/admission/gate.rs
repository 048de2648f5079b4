//! A bounded number of places, and a bounded queue for them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::GateCounts;
use super::pace::Pace;
use super::queue::{Queue, Waiter};
use super::standing::{SOJOURN_MIN, Standing};

/// A burst may make clients wait for this many times as long as a queue that stands, and so may an estimate that was
/// wrong.
const BURST: u32 = 2;

/// How many places a gate has, and how long its queue may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Places.
    pub(crate) places_max: usize,
    /// Places that are left when the machine is too busy for all of them.
    pub(crate) places_min: usize,
    /// Requests from clients that may wait.
    pub(crate) queue_max: usize,
}

/// Who wants a place, and until when it waits for one at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) origin: Origin,
    pub(crate) until: Instant,
}

/// Who wants a place. Each kind waits in a line of its own, and the lines take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A client: it waits if there is room in the queue, and not for long when the queue stands.
    Client,
    /// The host itself, for an event or a schedule: bounded by what the host runs of these.
    Own,
    /// Another service: bounded by that one's bulkhead. It holds a place already.
    Call,
}

impl Origin {
    /// Whose turn it is after this one's, and after that.
    fn turns(self) -> [Self; 3] {
        match self {
            Self::Client => [Self::Call, Self::Own, Self::Client],
            Self::Call => [Self::Own, Self::Client, Self::Call],
            Self::Own => [Self::Client, Self::Call, Self::Own],
        }
    }
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The queue is full, or so long that its end would not be served in time.
    Full,
    /// The time to wait was up.
    Late,
}

/// A bounded number of places.
pub(crate) struct Gate {
    id: u64,
    queue_max: AtomicUsize,
    pace: Pace,
    taken: AtomicUsize,
    /// Of the taken ones, those whose owner waits for the host and does not run yet.
    aside: AtomicUsize,
    waiting: AtomicUsize,
    line: Mutex<Line>,
    refused_full: AtomicU64,
    refused_late: AtomicU64,
}

/// Who waits, and what it tells.
struct Line {
    clients: Queue,
    own: Queue,
    calls: Queue,
    /// Who was served last.
    last: Origin,
    last_id: u64,
    /// Of the clients.
    standing: Standing,
}

/// A place, given back when it is dropped.
pub(crate) struct Place {
    gate: Arc<Gate>,
    since: Instant,
}

/// A place whose owner does not run yet.
pub(crate) struct Aside<'p>(&'p Place);

/// One who waits, and leaves the queue when it does not any more.
struct Queued<'g> {
    gate: &'g Gate,
    origin: Origin,
    lane: u64,
    id: u64,
    turn: oneshot::Receiver<Result<Place, Refusal>>,
}

impl Gate {
    pub(crate) fn new(room: Room) -> Arc<Self> {
        static IDS: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self {
            id: IDS.fetch_add(1, Relaxed),
            queue_max: AtomicUsize::new(room.queue_max),
            pace: Pace::new(room.places_max, room.places_min),
            taken: AtomicUsize::new(0),
            aside: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            line: Mutex::new(Line::new()),
            refused_full: AtomicU64::new(0),
            refused_late: AtomicU64::new(0),
        })
    }

    /// Has this room from now on. Who has a place or waits keeps it; `places_min` stays as it was.
    pub(crate) fn fit(self: &Arc<Self>, room: Room) {
        self.queue_max.store(room.queue_max, Relaxed);
        self.pace.fit(room.places_max);
        if self.waiting.load(SeqCst) > 0 {
            self.serve(self.line.lock(), Instant::now());
        }
    }

    /// Tells it from all other gates of the process.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// What it has seen, and what is there now.
    pub(crate) fn counts(&self) -> GateCounts {
        GateCounts {
            running: self.taken.load(Relaxed),
            places: self.pace.places(),
            waiting: self.waiting.load(Relaxed),
            refused_full: self.refused_full.load(Relaxed),
            refused_late: self.refused_late.load(Relaxed),
        }
    }

    /// A guest that computes has waited so long for its next slice.
    pub(crate) fn slice_waited(&self, time: Duration) {
        self.pace.waited(time, self.taken.load(Relaxed));
    }

    /// A place that is there now, when nobody waits for it.
    pub(crate) fn enter_now(self: &Arc<Self>, origin: Origin) -> Option<Place> {
        (self.waiting.load(SeqCst) == 0 && self.take(origin)).then(|| Place::new(self))
    }

    /// A place, as soon as there is one.
    pub(crate) async fn enter(self: &Arc<Self>, lane: u64, wait: Wait) -> Result<Place, Refusal> {
        if let Some(place) = self.enter_now(wait.origin) {
            return Ok(place);
        }
        let (mut queued, until) = self.queue_up(lane, wait)?;
        match timeout_at(until, &mut queued.turn).await {
            Ok(Ok(turn)) => turn,
            _ => Err(self.late()),
        }
    }

    fn queue_up(self: &Arc<Self>, lane: u64, wait: Wait) -> Result<(Queued<'_>, Instant), Refusal> {
        let now = Instant::now();
        let Wait { origin, mut until } = wait;
        let mut line = self.line.lock();
        if origin == Origin::Client {
            if !self.has_place() && self.is_too_long(&mut line, lane, now) {
                self.refused_full.fetch_add(1, Relaxed);
                return Err(Refusal::Full);
            }
            let late = self.late_after(&line, now);
            until = late.map_or(until, |late| until.min(now + late));
        }
        line.last_id += 1;
        let id = line.last_id;
        let (sender, turn) = oneshot::channel();
        line.queue(origin).push(lane, Waiter { id, since: now, turn: sender });
        self.waiting.store(line.len(), SeqCst);
        let queued = Queued { gate: self, origin, lane, id, turn };
        // Who left between the first look and this one has seen nobody wait.
        self.pace.is_wanted();
        self.serve(line, now);
        Ok((queued, until))
    }

    /// Gives free places to those who are next, and turns away clients that have waited too long.
    fn serve(self: &Arc<Self>, mut line: MutexGuard<'_, Line>, now: Instant) {
        // Given back only after the lock is.
        let mut unwanted = Vec::new();
        while let Some(origin) = self.next(&mut line, now) {
            let Some(waiter) = line.queue(origin).pop() else { break };
            line.last = origin;
            if origin == Origin::Client {
                let (sojourn, others) =
                    (now.saturating_duration_since(waiter.since), !line.clients.is_empty());
                line.standing.served(sojourn, others, now);
            }
            // Who gave up a moment ago does not take it.
            unwanted.extend(waiter.turn.send(Ok(Place::new(self))).err());
        }
        if line.clients.is_empty() {
            line.standing.emptied();
        }
        self.waiting.store(line.len(), SeqCst);
        drop(line);
    }

    /// Takes a place for those whose turn it is: the first kind after the last one served of which somebody
    /// waits who may have one.
    fn next(&self, line: &mut Line, now: Instant) -> Option<Origin> {
        self.turn_away(line, now);
        let mut turns = line.last.turns().into_iter();
        turns.find(|origin| !line.queue(*origin).is_empty() && self.take(*origin))
    }

    /// Whether one more client at the end of the queue would wait for longer than clients should: who is refused
    /// at once can ask somebody else.
    fn is_too_long(&self, line: &mut Line, lane: u64, now: Instant) -> bool {
        if line.clients.len() >= self.queue_max.load(Relaxed) {
            return true;
        }
        let patience = self.patience();
        let longest = if line.standing.is(now) { patience } else { BURST * patience };
        let expected = line.standing.expected(line.clients.ahead(lane), now);
        let too_long = expected.is_some_and(|expected| expected > longest);
        if too_long {
            line.standing.refused(now);
        }
        too_long
    }

    /// Who waits although the estimate was wrong, or from before the queue stood, is turned away.
    fn turn_away(&self, line: &mut Line, now: Instant) {
        let Some(late) = self.late_after(line, now) else { return };
        let is_late = |first: &Waiter| now.saturating_duration_since(first.since) > late;
        while line.clients.front().is_some_and(is_late) {
            let Some(first) = line.clients.drop_front() else { return };
            line.standing.refused(now);
            let _ = first.turn.send(Err(self.late()));
        }
    }

    /// How long a client may wait at most now: without limit of its own while the queue comes and goes.
    fn late_after(&self, line: &Line, now: Instant) -> Option<Duration> {
        line.standing.is(now).then(|| BURST * self.patience())
    }

    /// How long a client should wait when the queue stands: half as long as a place is kept, so that it never
    /// adds much to anybody's time.
    fn patience(&self) -> Duration {
        (self.pace.kept() / 2).max(SOJOURN_MIN)
    }

    fn has_place(&self) -> bool {
        self.taken.load(SeqCst) < self.pace.places()
    }

    fn take(&self, origin: Origin) -> bool {
        let places = match origin {
            Origin::Client | Origin::Own => self.pace.places(),
            // A call is part of a request that runs already: fewer places would only make that one slower,
            // and two services that call each other would wait for one another. Nor does it wait for those
            // who wait for the host, which is full because of requests such as the one that it is part of.
            Origin::Call => self.pace.places_max() + self.aside.load(SeqCst),
        };
        let more = |taken| (taken < places).then_some(taken + 1);
        self.taken.fetch_update(SeqCst, SeqCst, more).is_ok()
    }

    fn late(&self) -> Refusal {
        self.refused_late.fetch_add(1, Relaxed);
        Refusal::Late
    }
}

impl Line {
    fn new() -> Self {
        let [clients, own, calls] = [Queue::default(), Queue::default(), Queue::default()];
        Self {
            clients,
            own,
            calls,
            last: Origin::Client,
            last_id: 0,
            standing: Standing::default(),
        }
    }

    fn queue(&mut self, origin: Origin) -> &mut Queue {
        match origin {
            Origin::Client => &mut self.clients,
            Origin::Own => &mut self.own,
            Origin::Call => &mut self.calls,
        }
    }

    /// Who waits, of all kinds.
    fn len(&self) -> usize {
        self.clients.len() + self.own.len() + self.calls.len()
    }
}

impl Place {
    /// A place that was taken.
    fn new(gate: &Arc<Gate>) -> Self {
        Self { gate: Arc::clone(gate), since: Instant::now() }
    }

    /// Lets calls pass for as long as its owner waits for something else before it runs.
    pub(crate) fn set_aside(&self) -> Aside<'_> {
        let gate = &self.gate;
        gate.aside.fetch_add(1, SeqCst);
        if gate.waiting.load(SeqCst) > 0 {
            gate.serve(gate.line.lock(), Instant::now());
        }
        Aside(self)
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        self.0.gate.aside.fetch_sub(1, SeqCst);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let gate = &self.gate;
        let now = Instant::now();
        gate.pace.was_kept(now.saturating_duration_since(self.since));
        gate.taken.fetch_sub(1, SeqCst);
        if gate.waiting.load(SeqCst) > 0 {
            gate.serve(gate.line.lock(), now);
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("gate", &self.gate.id).finish_non_exhaustive()
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut line = self.gate.line.lock();
        if line.queue(self.origin).remove(self.lane, self.id) {
            self.gate.waiting.store(line.len(), SeqCst);
        }
    }
}
