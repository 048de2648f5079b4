//! The one timer of a host, and what it knows of every schedule.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use thali_contract::name::ServiceName;
use thali_runtime::{Runtime, Topology};
use thiserror::Error;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

use super::clock::{Clock, SystemClock};
use super::entry::{Entry, Next, Phase};
use super::plan::{Schedule, Schedules};
use super::record::{Book, Record};
use super::runner::{Id, Runner, Services};
use super::status::{LastRun, ScheduleStatus};
use super::turn::{Turn, skip};
use crate::sql::Database;

/// The timer looks at the clock at least so often: somebody may set it, or the machine may sleep.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// How long until a record that cannot be read is tried again.
const REOPEN_TIME: Duration = Duration::from_secs(5);

/// Runs the schedules of all live services.
///
/// [`Scheduler::update`] brings them in line with what is live. Dropping the scheduler ends it, and the
/// runs with it.
pub struct Scheduler {
    desk: Arc<Desk>,
    services: Option<Arc<Services>>,
}

/// Why a schedule is not run at once.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RunError {
    /// There is no such schedule.
    #[error("the live services have no such schedule")]
    Unknown,
    /// It runs now.
    #[error("it runs now, and never runs twice at once")]
    Running,
    /// It cannot run now.
    #[error("it cannot run now: {0}")]
    Unavailable(String),
}

/// A schedule as what is live demands it.
pub(super) struct Demand {
    pub(super) id: Id,
    pub(super) schedule: Arc<Schedule>,
    pub(super) book: Arc<dyn Book>,
}

/// What the timer and the runs share.
pub(super) struct Desk {
    clock: Arc<dyn Clock>,
    runner: Arc<dyn Runner>,
    state: Mutex<State>,
    wake: Arc<Notify>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<Id, Entry>,
    /// Runs that have begun. A schedule that comes back while one lasts goes on with its record.
    running: HashMap<Id, Arc<Record>>,
    runs: JoinSet<()>,
    opening: JoinSet<()>,
    timer: Option<JoinHandle<()>>,
    stopped: bool,
}

impl Scheduler {
    /// A scheduler with nothing to run yet.
    pub fn new(runtime: Arc<Runtime>) -> Arc<Self> {
        let services = Arc::new(Services::new(runtime));
        let desk = Desk::new(Arc::new(SystemClock), Arc::clone(&services) as Arc<dyn Runner>);
        Arc::new(Self { desk, services: Some(services) })
    }

    /// Brings the schedules in line with what is live now. One that was there before keeps its record.
    pub fn update(&self, topology: &Arc<Topology>) {
        if let Some(services) = &self.services {
            services.serve(topology);
        }
        self.desk.plan(demands(topology));
    }

    /// Every schedule of the live services, by service and name.
    pub fn status(&self) -> Vec<ScheduleStatus> {
        let state = self.desk.state.lock();
        state.entries.iter().map(|(id, entry)| entry.status(id)).collect()
    }

    /// Runs a schedule now, and waits for the end. What the clock does stays as it is.
    ///
    /// # Errors
    ///
    /// When it cannot begin. A run that fails is none: its outcome says so.
    pub async fn run(&self, service: &ServiceName, name: &str) -> Result<LastRun, RunError> {
        let ended = self.desk.run_now((service.clone(), name.to_owned()))?;
        ended.await.map_err(|_| RunError::Unavailable("the host stops".into()))
    }

    /// Begins no more runs, and lets those that run end within `drain`. Answers how many had to be cut
    /// short.
    pub async fn stop(&self, drain: Duration) -> usize {
        self.desk.stop(drain).await
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        let mut state = self.desk.state.lock();
        state.stopped = true;
        if let Some(timer) = state.timer.take() {
            timer.abort();
        }
        state.opening.abort_all();
        state.runs.abort_all();
    }
}

/// The clock belongs to the stable revision of a service: a run is not shared out.
fn demands(topology: &Topology) -> Vec<Demand> {
    let mut demands = Vec::new();
    for node in topology.stable() {
        let revision = topology.revision(node);
        let schedules = revision.extensions().get::<Schedules>();
        let database = revision.extensions().get::<Database>();
        let (Some(schedules), Some(database)) = (schedules, database) else { continue };
        demands.extend(schedules.iter().map(|schedule| Demand {
            id: (revision.service().clone(), schedule.name.clone()),
            schedule: Arc::clone(schedule),
            book: Arc::clone(&database) as Arc<dyn Book>,
        }));
    }
    demands
}

impl Desk {
    pub(super) fn new(clock: Arc<dyn Clock>, runner: Arc<dyn Runner>) -> Arc<Self> {
        Arc::new(Self { clock, runner, state: Mutex::default(), wake: Arc::default() })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn runner(&self) -> &dyn Runner {
        &*self.runner
    }

    /// A run has ended, however it did.
    pub(super) fn over(&self, id: &Id) {
        self.state.lock().running.remove(id);
    }

    pub(super) fn plan(self: &Arc<Self>, demands: Vec<Demand>) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        if state.stopped {
            return;
        }
        let mut before = std::mem::take(&mut state.entries);
        for Demand { id, schedule, book } in demands {
            let entry = match before.remove(&id) {
                Some(entry) => entry.with(schedule, now),
                None => self.admit(&mut state, &id, schedule, book, now),
            };
            state.entries.insert(id, entry);
        }
        if state.timer.is_none() && !state.entries.is_empty() {
            let timer = keep_time(Arc::downgrade(self), Arc::clone(&self.wake));
            state.timer = Some(tokio::spawn(timer));
        }
        self.wake.notify_one();
    }

    /// A schedule that was not there before.
    fn admit(
        self: &Arc<Self>,
        state: &mut State,
        id: &Id,
        schedule: Arc<Schedule>,
        book: Arc<dyn Book>,
        now: Timestamp,
    ) -> Entry {
        if let Some(record) = state.running.get(id) {
            let next = Next::after(&schedule, now);
            return Entry { schedule, phase: Phase::Open { record: Arc::clone(record), next } };
        }
        state.opening.spawn(open(Arc::downgrade(self), id.clone(), book));
        Entry { schedule, phase: Phase::Opening { trouble: None } }
    }

    /// Puts a record into its entry, which may have gone.
    fn opened(&self, id: &Id, record: Record) {
        let now = self.clock.now();
        if let Some(entry) = self.state.lock().entries.get_mut(id)
            && matches!(entry.phase, Phase::Opening { .. })
        {
            let next = entry.first(id, &record, now);
            entry.phase = Phase::Open { record: Arc::new(record), next };
            self.wake.notify_one();
        }
    }

    /// Notes why a record cannot be read, and says whether anybody still wants it.
    fn troubled(&self, id: &Id, reason: String) -> bool {
        match self.state.lock().entries.get_mut(id) {
            Some(Entry { phase: Phase::Opening { trouble }, .. }) => {
                *trouble = Some(reason);
                true
            }
            _ => false,
        }
    }

    /// Begins everything that is due, and answers how long there is nothing to do.
    fn fire(self: &Arc<Self>) -> Duration {
        let now = self.clock.now();
        let mut state = self.state.lock();
        while state.runs.try_join_next().is_some() {}
        while state.opening.try_join_next().is_some() {}
        let mut due = Vec::new();
        let mut soonest = None;
        for (id, entry) in &mut state.entries {
            let Phase::Open { record, next } = &mut entry.phase else { continue };
            if let Some(reached) = next.filter(|next| next.at <= now) {
                due.push((id.clone(), Arc::clone(record), reached.due));
                *next = Next::after(&entry.schedule, now.max(reached.due));
            }
            let at = next.map(|next| next.at);
            soonest = [soonest, at].into_iter().flatten().min();
        }
        for (id, record, due) in due {
            if state.stopped {
                break;
            }
            if state.running.contains_key(&id) || !self.runner.serves(&id) {
                state.runs.spawn(skip(id, record, due));
            } else {
                self.begin(&mut state, id, record, Some(due), None);
            }
        }
        until(now, soonest)
    }

    fn begin(
        self: &Arc<Self>,
        state: &mut State,
        id: Id,
        record: Arc<Record>,
        due: Option<Timestamp>,
        tell: Option<oneshot::Sender<LastRun>>,
    ) {
        state.running.insert(id.clone(), Arc::clone(&record));
        let turn = Turn { desk: Arc::clone(self), id };
        state.runs.spawn(async move {
            let run = turn.run(&record, due).await;
            // The next one may begin before anybody hears of this one's end.
            drop(turn);
            if let (Some(tell), Some(run)) = (tell, run) {
                let _ = tell.send(run);
            }
        });
    }

    fn run_now(self: &Arc<Self>, id: Id) -> Result<oneshot::Receiver<LastRun>, RunError> {
        let mut state = self.state.lock();
        if state.stopped {
            return Err(RunError::Unavailable("the host stops".into()));
        }
        let entry = state.entries.get(&id).ok_or(RunError::Unknown)?;
        let record = match &entry.phase {
            Phase::Open { record, .. } => Arc::clone(record),
            Phase::Opening { trouble } => {
                let reason = trouble.clone().unwrap_or_else(|| "its record is being read".into());
                return Err(RunError::Unavailable(reason));
            }
        };
        if state.running.contains_key(&id) {
            return Err(RunError::Running);
        }
        if !self.runner.serves(&id) {
            return Err(RunError::Unavailable("the service waits for a provider".into()));
        }
        let (tell, ended) = oneshot::channel();
        self.begin(&mut state, id, record, None, Some(tell));
        Ok(ended)
    }

    async fn stop(&self, drain: Duration) -> usize {
        let until = Instant::now() + drain;
        let mut runs = {
            let mut state = self.state.lock();
            state.stopped = true;
            state.opening.abort_all();
            if let Some(timer) = state.timer.take() {
                timer.abort();
            }
            std::mem::take(&mut state.runs)
        };
        while !runs.is_empty() {
            if timeout_at(until, runs.join_next()).await.is_err() {
                break;
            }
        }
        runs.len()
    }

    #[cfg(test)]
    pub(super) fn scheduler(self: &Arc<Self>) -> Scheduler {
        Scheduler { desk: Arc::clone(self), services: None }
    }
}

/// The timer. It ends with the desk.
async fn keep_time(desk: Weak<Desk>, wake: Arc<Notify>) {
    loop {
        let Some(wait) = desk.upgrade().map(|desk| desk.fire()) else { return };
        tokio::select! {
            () = sleep(wait) => {}
            () = wake.notified() => {}
        }
    }
}

/// How long until `soonest`, or until the clock is looked at again.
fn until(now: Timestamp, soonest: Option<Timestamp>) -> Duration {
    let wait = soonest.map(|soonest| now.duration_until(soonest).max(SignedDuration::ZERO));
    let wait = wait.and_then(|wait| Duration::try_from(wait).ok());
    wait.unwrap_or(SLEEP_MAX).min(SLEEP_MAX)
}

/// Reads the record of a schedule, for as long as that fails and somebody wants it.
async fn open(desk: Weak<Desk>, id: Id, book: Arc<dyn Book>) {
    loop {
        let Some(now) = desk.upgrade().map(|desk| desk.clock.now()) else { return };
        let opened = Record::open(Arc::clone(&book), &id.1, now).await;
        let Some(desk) = desk.upgrade() else { return };
        match opened {
            Ok(record) => return desk.opened(&id, record),
            Err(error) => {
                warn!(service = %id.0, schedule = id.1, "its record cannot be read: {error}");
                if !desk.troubled(&id, error.to_string()) {
                    return;
                }
            }
        }
        drop(desk);
        sleep(REOPEN_TIME).await;
    }
}
