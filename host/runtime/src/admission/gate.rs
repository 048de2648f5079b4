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

/// Nobody is turned away for having waited less than this: short bursts are what a queue is for.
const SOJOURN_MIN: Duration = Duration::from_millis(20);

/// A queue in which everybody has waited longer than that for so long is no burst. The idea, and the 100 ms, are
/// from CoDel (RFC 8289): a queue that stands only adds its length to everybody's time.
const STANDING: Duration = Duration::from_millis(100);

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

/// How somebody waits for a place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// In the queue, if there is room in it, and not for long.
    Queue {
        /// Until when at most.
        until: Instant,
    },
    /// For as long as it takes, until this deadline.
    Until(Instant),
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The queue is full.
    Full,
    /// The time to wait was up.
    Late,
}

/// A bounded number of places.
pub(crate) struct Gate {
    id: u64,
    queue_max: usize,
    pace: Pace,
    taken: AtomicUsize,
    waiting: AtomicUsize,
    line: Mutex<Line>,
    refused_full: AtomicU64,
    refused_late: AtomicU64,
}

/// The queue and what it tells.
#[derive(Default)]
struct Line {
    queue: Queue,
    last_id: u64,
    /// Since when everybody who got a place had waited for [`SOJOURN_MIN`] and more.
    slow_since: Option<Instant>,
}

/// A place, given back when it is dropped.
pub(crate) struct Place {
    gate: Arc<Gate>,
    since: Instant,
}

/// One who waits, and leaves the queue when it does not any more.
struct Queued<'g> {
    gate: &'g Gate,
    lane: u64,
    id: u64,
    turn: oneshot::Receiver<Result<Place, Refusal>>,
}

impl Gate {
    pub(crate) fn new(room: Room) -> Arc<Self> {
        static IDS: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self {
            id: IDS.fetch_add(1, Relaxed),
            queue_max: room.queue_max,
            pace: Pace::new(room.places_max, room.places_min),
            taken: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            line: Mutex::default(),
            refused_full: AtomicU64::new(0),
            refused_late: AtomicU64::new(0),
        })
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

    /// A place: at once, when there is one and nobody waits for it.
    pub(crate) async fn enter(self: &Arc<Self>, lane: u64, wait: Wait) -> Result<Place, Refusal> {
        if self.waiting.load(SeqCst) == 0 && self.take() {
            return Ok(Place::new(self));
        }
        let (mut queued, until) = self.queue_up(lane, wait)?;
        match timeout_at(until, &mut queued.turn).await {
            Ok(Ok(turn)) => turn,
            _ => Err(self.late()),
        }
    }

    fn queue_up(self: &Arc<Self>, lane: u64, wait: Wait) -> Result<(Queued<'_>, Instant), Refusal> {
        let now = Instant::now();
        let mut line = self.line.lock();
        let (patient, until) = match wait {
            Wait::Until(deadline) => (true, deadline),
            Wait::Queue { until } => {
                let patience = self.patience(&line, now);
                (false, patience.map_or(until, |patience| until.min(now + patience)))
            }
        };
        if !patient && line.queue.len() >= self.queue_max && !self.has_place() {
            self.refused_full.fetch_add(1, Relaxed);
            return Err(Refusal::Full);
        }
        line.last_id += 1;
        let id = line.last_id;
        let (sender, turn) = oneshot::channel();
        line.queue.push(lane, Waiter { id, since: now, patient, turn: sender });
        self.waiting.store(line.queue.len(), SeqCst);
        let queued = Queued { gate: self, lane, id, turn };
        // Who left between the first look and this one has seen nobody wait.
        self.pace.is_wanted();
        self.serve(line, now);
        Ok((queued, until))
    }

    /// Gives free places to those who are next, and turns away who has waited too long.
    fn serve(self: &Arc<Self>, mut line: MutexGuard<'_, Line>, now: Instant) {
        // Given back only after the lock is.
        let mut spare = None;
        while let Some(next) = line.queue.front() {
            let (sojourn, patient) = (now.saturating_duration_since(next.since), next.patient);
            let too_late = self.patience(&line, now).is_some_and(|patience| sojourn > patience);
            if too_late && !patient {
                if let Some(late) = line.queue.drop_front() {
                    let _ = late.turn.send(Err(self.late()));
                }
                continue;
            }
            if spare.is_none() {
                if !self.take() {
                    break;
                }
                spare = Some(Place::new(self));
            }
            let (Some(place), Some(next)) = (spare.take(), line.queue.pop()) else { break };
            line.served_after(sojourn, now);
            // Who gave up a moment ago does not take it.
            spare = next.turn.send(Ok(place)).err().and_then(Result::ok);
        }
        if line.queue.is_empty() {
            line.slow_since = None;
        }
        self.waiting.store(line.queue.len(), SeqCst);
        drop(line);
    }

    /// How long somebody may wait now: without limit of its own while the queue comes and goes, and half as
    /// long as a place is kept once it stands, so that it never adds much to anybody's time.
    fn patience(&self, line: &Line, now: Instant) -> Option<Duration> {
        let stands = now.saturating_duration_since(line.slow_since?) >= STANDING;
        stands.then(|| (self.pace.kept() / 2).max(SOJOURN_MIN))
    }

    fn has_place(&self) -> bool {
        self.taken.load(SeqCst) < self.pace.places()
    }

    fn take(&self) -> bool {
        let places = self.pace.places();
        let more = |taken| (taken < places).then_some(taken + 1);
        self.taken.fetch_update(SeqCst, SeqCst, more).is_ok()
    }

    fn late(&self) -> Refusal {
        self.refused_late.fetch_add(1, Relaxed);
        Refusal::Late
    }
}

impl Line {
    fn served_after(&mut self, sojourn: Duration, now: Instant) {
        if sojourn >= SOJOURN_MIN {
            self.slow_since.get_or_insert(now);
        } else if sojourn < SOJOURN_MIN / 2 {
            // Not sooner: those who are served while others are turned away have waited just a little less.
            self.slow_since = None;
        }
    }
}

impl Place {
    /// A place that was taken.
    fn new(gate: &Arc<Gate>) -> Self {
        Self { gate: Arc::clone(gate), since: Instant::now() }
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
        if line.queue.remove(self.lane, self.id) {
            self.gate.waiting.store(line.queue.len(), SeqCst);
        }
    }
}
