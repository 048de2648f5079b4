//! One subscription at work: a task that reads the outbox, delivers, and keeps the ledger.
//!
//! What is in memory is bounded: a window of events that were read and wait, the places of parked
//! events up to a number, and the deliveries that run. Nothing here polls: the task sleeps until the
//! outbox announces a commit, a pause is over, a delivery or a write has ended, or it is told to stop.

mod reaction;

use std::collections::{HashMap, HashSet};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::events::backoff::Dice;
use crate::events::counts::Deliveries;
use crate::events::lanes::{Job, Lanes};
use crate::events::ledger::{Ledger, ParkedRow};
use crate::events::limits::EventLimits;
use crate::events::progress::{Batch, Progress};
use crate::events::row::{Seq, StoredEvent};
use crate::events::subscriber::{Attempt, Outcome, Subscriber};
use crate::events::terms::Terms;
use crate::sql::SqlError;

/// How long to leave a database alone that failed.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);

/// The pauses while the subscriber cannot be called at all.
const POSTPONED_FIRST: Duration = Duration::from_millis(20);
const POSTPONED_MAX: Duration = Duration::from_secs(1);

/// What the rows of events say that did not fail themselves.
const BEHIND: &str = "waits behind an earlier event of its key";

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How a subscriber stands to its events now.
#[derive(Clone, Debug)]
pub(super) struct Stance {
    /// How its live revision wants them.
    pub(super) terms: Arc<Terms>,
    /// Whether it serves, or waits for a provider.
    pub(super) serves: bool,
}

/// What a subscription is told while it works.
#[derive(Clone)]
pub(super) struct Orders {
    /// How to deliver, and whether to.
    pub(super) stance: watch::Receiver<Stance>,
    /// Changes when parked events were added to the ledger by somebody else.
    pub(super) redriven: watch::Receiver<u64>,
    /// Changes when another database has taken the place of the publisher's.
    pub(super) replaced: watch::Receiver<u64>,
    /// Turns true when no delivery may start any more.
    pub(super) stop: watch::Receiver<bool>,
}

/// One subscription at work.
pub(super) struct Subscription<S> {
    ledger: Ledger,
    limits: EventLimits,
    subscriber: Arc<S>,
    orders: Orders,
    announcements: watch::Receiver<u64>,
    stance: Stance,
    dice: Dice,
    lanes: Lanes,
    progress: Progress,
    /// Events behind the position that have a row already.
    ahead: HashSet<Seq>,
    running: JoinSet<(Job, Outcome)>,
    jobs: HashMap<Id, Job>,
    reading: Option<Work<Read>>,
    writing: Option<Work<(Batch, Result<(), SqlError>)>>,
    /// There may be events behind the cursor.
    more: bool,
    /// There are parked events that are not in memory, or may be.
    reload: bool,
    /// A redrive came while parked events were read: that read may have missed it.
    again: bool,
    more_parked: bool,
    /// Not before this may something be started, be it for a failed database or a full host.
    rest: Rest,
    /// Another database has taken the place of the one that was read.
    replaced: bool,
    stopping: bool,
    counts: Arc<Deliveries>,
}

/// Until when what is left alone.
#[derive(Default)]
struct Rest {
    deliveries: Option<Instant>,
    postponed: u32,
    reads: Option<Instant>,
    writes: Option<Instant>,
}

/// What a read brings.
enum Read {
    Events(Result<(Vec<StoredEvent>, Seq), SqlError>),
    Parked(Result<(Vec<ParkedRow>, bool), SqlError>),
}

/// Why the task woke up.
enum Woken {
    Ended(Job, Outcome),
    Read(Read),
    Wrote(Batch, Result<(), SqlError>),
    Announced,
    Stance,
    Redriven,
    Replaced,
    Stop,
    Time,
}

impl<S: Subscriber> Subscription<S> {
    pub(super) fn new(
        ledger: Ledger,
        limits: EventLimits,
        subscriber: Arc<S>,
        orders: Orders,
    ) -> Self {
        let stance = orders.stance.borrow().clone();
        Self {
            announcements: ledger.outbox().announcements(),
            stance,
            ledger,
            limits,
            subscriber,
            orders,
            dice: Dice::new(),
            lanes: Lanes::default(),
            progress: Progress::at(0),
            ahead: HashSet::new(),
            running: JoinSet::new(),
            jobs: HashMap::new(),
            reading: None,
            writing: None,
            more: true,
            reload: true,
            again: false,
            more_parked: false,
            rest: Rest::default(),
            replaced: false,
            stopping: false,
            counts: Arc::default(),
        }
    }

    /// Counts what becomes of deliveries there.
    pub(super) fn counted_by(self, counts: &Arc<Deliveries>) -> Self {
        Self { counts: Arc::clone(counts), ..self }
    }

    /// Works until it is told to stop; then lets running deliveries end and writes what is left.
    pub(super) async fn run(&mut self) {
        if !self.begin().await {
            return;
        }
        loop {
            let now = Instant::now();
            self.start_read(now);
            self.start_deliveries(now);
            self.start_write(now);
            if self.ends() && self.running.is_empty() && self.writing.is_none() {
                if self.stopping || !self.begin_anew().await {
                    return;
                }
                continue;
            }
            let woken = self.wait(now).await;
            self.react(woken, Instant::now());
        }
    }

    /// Finds where the subscription stands. Answers whether there is anything to do.
    async fn begin(&mut self) -> bool {
        loop {
            match self.find_place().await {
                Ok(()) => return true,
                Err(error) => warn!(ledger = %self.ledger, "a subscription cannot begin: {error}"),
            }
            tokio::select! {
                () = tokio::time::sleep(DATABASE_PAUSE) => {}
                () = stopped(&mut self.orders.stop) => return false,
            }
        }
    }

    /// Whether nothing is started any more.
    fn ends(&self) -> bool {
        self.stopping || self.replaced
    }

    /// Forgets everything that was known from the database before this one.
    async fn begin_anew(&mut self) -> bool {
        warn!(ledger = %self.ledger, "the database was replaced: beginning anew");
        self.lanes = Lanes::default();
        self.reading = None;
        self.rest = Rest::default();
        (self.more, self.reload, self.more_parked) = (true, true, false);
        self.again = false;
        self.replaced = false;
        self.begin().await
    }

    async fn find_place(&mut self) -> Result<(), SqlError> {
        let position = self.ledger.begin(self.stance.terms.from).await?;
        self.ahead = self.ledger.ahead(position).await?.into_iter().collect();
        self.progress = Progress::at(position);
        Ok(())
    }

    fn start_read(&mut self, now: Instant) {
        if self.reading.is_some() || self.ends() || is_resting(self.rest.reads, now) {
            return;
        }
        self.reload |= self.more_parked && self.lanes.parked() == 0;
        if self.reload {
            // What runs or is being written could be in memory twice afterwards.
            if self.running.is_empty() && self.writing.is_none() && !self.progress.has_changes() {
                let ledger = self.ledger.clone();
                self.reading = Some(Box::pin(async move { Read::Parked(ledger.parked().await) }));
            }
            return;
        }
        if self.more && self.has_room() {
            self.more = false;
            // Before the read: what is announced while it runs is read the next time.
            self.announcements.borrow_and_update();
            let (ledger, cursor) = (self.ledger.clone(), self.progress.cursor());
            let limit = self.limits.window_events;
            let read = async move { Read::Events(ledger.read(cursor, limit).await) };
            self.reading = Some(Box::pin(read));
        }
    }

    /// Whether a window of events can be taken in.
    fn has_room(&self) -> bool {
        let EventLimits { window_events, parked_max, .. } = self.limits;
        self.lanes.waiting() * 2 <= window_events as usize
            && self.lanes.parked() < parked_max
            && !self.more_parked
            && self.progress.span() < self.limits.span_max
    }

    /// How many deliveries may start now.
    fn starts(&self, now: Instant) -> usize {
        if self.ends() || self.reload || is_resting(self.rest.deliveries, now) {
            return 0;
        }
        self.free()
    }

    /// How many deliveries may run beside those that do.
    fn free(&self) -> usize {
        match self.stance.serves {
            true => self.stance.terms.concurrency.saturating_sub(self.running.len()),
            false => 0,
        }
    }

    fn start_deliveries(&mut self, now: Instant) {
        let attempts_max = self.stance.terms.attempts;
        for _ in 0..self.starts(now) {
            let Some(job) = self.lanes.next(now) else { return };
            let remembered = Job { event: None, ..job.clone() };
            let attempt = Attempt { number: job.attempts + 1, max: attempts_max };
            let (ledger, subscriber) = (self.ledger.clone(), Arc::clone(&self.subscriber));
            let task = self.running.spawn(async move {
                let outcome = deliver(&ledger, &*subscriber, &job, attempt).await;
                (job, outcome)
            });
            self.jobs.insert(task.id(), remembered);
        }
    }

    fn start_write(&mut self, now: Instant) {
        if self.writing.is_some() || self.replaced || is_resting(self.rest.writes, now) {
            return;
        }
        let last = self.stopping && self.running.is_empty();
        if !last && self.progress.due(now).is_none_or(|due| due > now) {
            return;
        }
        let Some(batch) = self.progress.take() else { return };
        let ledger = self.ledger.clone();
        self.writing = Some(Box::pin(async move {
            let written = ledger.write(&batch.changes).await;
            (batch, written)
        }));
    }

    async fn wait(&mut self, now: Instant) -> Woken {
        let timer = self.timer(now);
        let timer = async {
            match timer {
                Some(at) => sleep_until(at).await,
                None => pending().await,
            }
        };
        let deliveries = !self.running.is_empty();
        tokio::select! {
            Some(ended) = self.running.join_next_with_id(), if deliveries => ended_of(ended, &mut self.jobs),
            read = done(&mut self.reading) => Woken::Read(read),
            (batch, written) = done(&mut self.writing) => Woken::Wrote(batch, written),
            Ok(()) = self.announcements.changed() => Woken::Announced,
            Ok(()) = self.orders.stance.changed() => Woken::Stance,
            Ok(()) = self.orders.redriven.changed() => Woken::Redriven,
            Ok(()) = self.orders.replaced.changed() => Woken::Replaced,
            () = stopped(&mut self.orders.stop), if !self.stopping => Woken::Stop,
            () = timer => Woken::Time,
        }
    }

    /// When to look again although nothing happened.
    fn timer(&self, now: Instant) -> Option<Instant> {
        let later = |rest: Option<Instant>, at: Instant| rest.map_or(at, |rest| rest.max(at));
        let startable = if self.lanes.is_ready() { Some(now) } else { self.lanes.next_due() };
        let start = startable
            .filter(|_| self.free() > 0 && !self.ends() && !self.reload)
            .map(|at| later(self.rest.deliveries, at));
        let write = self.progress.due(now).filter(|_| self.writing.is_none());
        let write = write.map(|at| later(self.rest.writes, at));
        let read = self.rest.reads.filter(|_| self.reading.is_none() && !self.stopping);
        [start, write, read].into_iter().flatten().min()
    }
}

/// Delivers an event once; a parked one is read first.
async fn deliver<S: Subscriber>(
    ledger: &Ledger,
    subscriber: &S,
    job: &Job,
    attempt: Attempt,
) -> Outcome {
    if let Some(event) = &job.event {
        return subscriber.deliver(event, attempt).await;
    }
    match ledger.event(job.seq).await {
        Ok(Some(event)) => subscriber.deliver(&event, attempt).await,
        Ok(None) => Outcome::Done,
        Err(_) => Outcome::Postponed,
    }
}

fn ended_of(ended: Result<(Id, (Job, Outcome)), JoinError>, jobs: &mut HashMap<Id, Job>) -> Woken {
    match ended {
        Ok((id, (job, outcome))) => {
            jobs.remove(&id);
            Woken::Ended(job, outcome)
        }
        // Nobody aborts them, so it panicked.
        Err(error) => match jobs.remove(&error.id()) {
            Some(job) => Woken::Ended(job, Outcome::Failed("the host failed".into())),
            None => Woken::Time,
        },
    }
}

fn is_resting(rest: Option<Instant>, now: Instant) -> bool {
    rest.is_some_and(|rest| rest > now)
}

/// Waits for work that may be under way, and takes it away when it is done.
async fn done<T>(work: &mut Option<Work<T>>) -> T {
    let Some(running) = work else { return pending().await };
    let result = running.await;
    *work = None;
    result
}

/// Waits until `stop` turns true, or whoever could say so is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Both mean the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests;
