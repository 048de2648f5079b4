//! The one connection of a database that writes, and the queue in front of it.
//!
//! Nobody owns a thread. Whoever queues a job while the connection is free takes it to a blocking
//! thread, and that thread *drains* the queue in the order it came, in groups that share a commit:
//! writes by carrying them out, transactions by handing the connection over, inside the group that is
//! open. When the queue is empty the connection is put back. So a database that nobody uses costs a few hundred bytes, and one that
//! everybody uses costs one thread.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::sql::added::Step;
use crate::sql::error::SqlError;
use crate::sql::exclusive::Exclusive;
use crate::sql::group::{Company, Group};
use crate::sql::place::Place;
use crate::sql::queue::Queue;
use crate::sql::session::Session;
use crate::sql::ticket::{Answer, Reply, Ticket, job};
use crate::sql::{Caller, Statement};

pub(crate) const OWN_TRANSACTION: &str = "this request has a transaction open, which this would wait for: use \
     the transaction, or end it first";

/// The writing side of a database.
pub(crate) struct Writer {
    place: Arc<Place>,
    lane: Mutex<Lane>,
    /// Whether the file was opened and checked since the host started.
    opened: AtomicBool,
}

struct Lane {
    seat: Seat,
    queue: Queue<Entry>,
    /// Who has the transaction that is open now.
    holder: Caller,
}

/// Where the connection is.
enum Seat {
    /// Nobody uses it; none when it was not opened yet or had to be closed.
    Free(Option<Session>),
    /// A drainer or a transaction has it, and will look at the queue before it lets go.
    Taken,
}

enum Entry {
    Write(WriteJob),
    Begin(BeginJob),
    Clear(ClearJob),
}

struct ClearJob {
    reply: Reply<Cleared>,
    runtime: Handle,
}

/// No connection writes for as long as this lives.
pub(crate) struct Cleared {
    writer: Option<Arc<Writer>>,
    runtime: Handle,
}

/// Statements that are to be carried out all or none.
pub(crate) struct WriteJob {
    pub(crate) work: Work,
    pub(crate) reply: Reply<Vec<u64>>,
}

/// What a [`WriteJob`] is to do.
pub(crate) struct Work {
    pub(crate) steps: Vec<Step>,
    /// Whether the database announces the commit.
    pub(crate) announces: bool,
}

/// What a transaction begins with. When it fails there is no transaction.
pub(crate) type First = Box<dyn FnOnce(&Session, &Arc<Ticket>) -> Result<(), SqlError> + Send>;

struct BeginJob {
    caller: Caller,
    company: Company,
    first: First,
    /// Answered when there is no transaction, and what it has seen of others is durable.
    undone: Reply<()>,
    reply: Reply<Exclusive>,
    runtime: Handle,
}

impl Writer {
    pub(crate) fn new(place: &Arc<Place>) -> Arc<Self> {
        Arc::new(Self {
            place: Arc::clone(place),
            lane: Mutex::new(Lane {
                seat: Seat::Free(None),
                queue: Queue::new(),
                holder: Caller::HOST,
            }),
            opened: AtomicBool::new(false),
        })
    }

    /// Opens and checks the file, unless that was done before.
    pub(crate) async fn open(self: &Arc<Self>) -> Result<(), SqlError> {
        if self.opened.load(Ordering::Acquire) {
            return Ok(());
        }
        // A job with nothing to do is carried out by a connection that was opened for it.
        self.write(Caller::HOST, Work::of_service(Vec::new())).await.map(|_| ())
    }

    /// Carries out all statements or none; durable when it returns.
    pub(crate) async fn write(
        self: &Arc<Self>,
        caller: Caller,
        work: Work,
    ) -> Result<Vec<u64>, SqlError> {
        let (reply, answer) = job();
        let bytes = work.steps.iter().map(|step| step.statement.bytes()).sum();
        self.submit(caller, Entry::Write(WriteJob { work, reply }), bytes)?;
        self.wait(answer).await
    }

    /// Waits for the connection and begins a transaction on it.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        caller: Caller,
        company: Company,
        first: First,
    ) -> Result<Exclusive, SqlError> {
        let (reply, answer) = job();
        let (undone, was_undone) = job();
        let runtime = Handle::current();
        let begin = BeginJob { caller, company, first, undone, reply, runtime };
        self.submit(caller, Entry::Begin(begin), 0)?;
        answer.wait_or(self.place.limits.queue_time, was_undone).await
    }

    /// Waits for what is queued, closes the connection, and keeps it closed until the answer is
    /// dropped.
    pub(crate) async fn clear(self: &Arc<Self>) -> Result<Cleared, SqlError> {
        let (reply, answer) = job();
        let runtime = Handle::current();
        self.queue(Caller::HOST, Entry::Clear(ClearJob { reply, runtime }), 0)?;
        self.wait(answer).await
    }

    /// The connection, when it is open and nobody uses it.
    pub(crate) fn take_if_idle(&self) -> Option<Option<Session>> {
        let mut lane = self.lane.lock();
        match &mut lane.seat {
            Seat::Free(session) => Some(session.take()),
            Seat::Taken => None,
        }
    }

    /// The file may be another one than before: it is opened and checked before it is used.
    pub(crate) fn distrust(&self) {
        self.opened.store(false, Ordering::Release);
    }

    async fn wait<T>(&self, answer: Answer<T>) -> Result<T, SqlError> {
        answer.wait(self.place.limits.queue_time).await
    }

    fn submit(
        self: &Arc<Self>,
        caller: Caller,
        entry: Entry,
        bytes: usize,
    ) -> Result<(), SqlError> {
        self.place.enter()?;
        self.queue(caller, entry, bytes)
    }

    fn queue(self: &Arc<Self>, caller: Caller, entry: Entry, bytes: usize) -> Result<(), SqlError> {
        let session = {
            let mut lane = self.lane.lock();
            if caller != Caller::HOST && lane.holder == caller {
                return Err(SqlError::invalid(OWN_TRANSACTION));
            }
            lane.queue.push(entry, bytes, &self.place.limits)?;
            match mem::replace(&mut lane.seat, Seat::Taken) {
                Seat::Free(session) => session,
                Seat::Taken => return Ok(()),
            }
        };
        let writer = Arc::clone(self);
        spawn_blocking(move || writer.drain(session.map(Group::new)));
        Ok(())
    }

    /// Works until the queue is empty or a transaction has the connection.
    fn drain(self: Arc<Self>, mut group: Option<Group>) {
        let _watch = Watch(&self);
        while let Some(entry) = self.next(&mut group) {
            if let Entry::Clear(job) = entry {
                if let Some(open) = &mut group {
                    open.flush();
                }
                group = None;
                if self.stand_aside(job) {
                    return;
                }
                continue;
            }
            let open = match self.opened(group.take()) {
                Ok(open) => open,
                Err(error) => {
                    entry.fail(error);
                    continue;
                }
            };
            group = match entry {
                Entry::Write(job) => Some(write(open, job)),
                Entry::Begin(job) => match self.hand_over(open, job) {
                    Some(back) => Some(back),
                    None => return,
                },
                Entry::Clear(_) => Some(open),
            };
        }
        self.place.shelf.trim();
    }

    /// Leaves the file to whoever asked. `false` when they have gone.
    fn stand_aside(self: &Arc<Self>, job: ClearJob) -> bool {
        let cleared = Cleared { writer: Some(Arc::clone(self)), runtime: job.runtime };
        match job.reply.send(Ok(cleared)) {
            Ok(()) => true,
            Err(refused) => {
                if let Ok(mut cleared) = refused {
                    cleared.writer = None;
                }
                false
            }
        }
    }

    /// The next entry that somebody still waits for, after a commit when one is due. When there is none
    /// the group is committed and the connection put back, in one step with looking, so that no entry
    /// is left behind.
    fn next(&self, group: &mut Option<Group>) -> Option<Entry> {
        loop {
            if let Some(due) = group.as_mut().filter(|group| group.is_due()) {
                due.flush();
            }
            // A connection that met a grave error is closed, and opened again for the next entry.
            group.take_if(|group| group.session().is_condemned());
            let mut lane = self.lane.lock();
            if let Some(entry) = lane.next() {
                return Some(entry);
            }
            let Some(open) = group.as_mut().filter(|group| group.is_open()) else {
                lane.seat = Seat::Free(group.take().and_then(Group::into_session));
                return None;
            };
            drop(lane);
            open.flush();
        }
    }

    fn opened(&self, group: Option<Group>) -> Result<Group, SqlError> {
        if let Some(group) = group {
            return Ok(group);
        }
        let session = Session::open_writer(&self.place);
        let error = session.as_ref().err();
        self.place.note_opening(error.filter(|error| matches!(error, SqlError::Unavailable(_))));
        let session = session?;
        self.place.opened();
        self.opened.store(true, Ordering::Release);
        Ok(Group::new(session))
    }

    /// Begins a transaction and gives it to whoever asked. Answers the group when that failed.
    fn hand_over(self: &Arc<Self>, mut group: Group, job: BeginJob) -> Option<Group> {
        if let Err(error) = group.enter(job.company) {
            let _ = job.reply.send(Err(error));
            return Some(group);
        }
        if let Err(error) = (job.first)(group.session(), &job.reply.ticket()) {
            let _ = job.reply.send(Err(error));
            group.undo(Some(job.undone));
            return Some(group);
        }
        self.lane.lock().holder = job.caller;
        let exclusive = Exclusive::new(group, self, job.runtime);
        match job.reply.send(Ok(exclusive)) {
            Ok(()) => None,
            Err(refused) => refused.ok().and_then(Exclusive::take_back),
        }
    }

    /// Goes on after a transaction. Blocks.
    pub(crate) fn resume(self: Arc<Self>, group: Group) {
        self.release_holder();
        self.drain(Some(group));
    }

    /// Nobody has a transaction open any more.
    pub(crate) fn release_holder(&self) {
        self.lane.lock().holder = Caller::HOST;
    }
}

fn write(mut group: Group, job: WriteJob) -> Group {
    group.write(job);
    group
}

impl Lane {
    /// The next entry that somebody still waits for.
    fn next(&mut self) -> Option<Entry> {
        while let Some(entry) = self.queue.pop() {
            if entry.start() {
                return Some(entry);
            }
        }
        None
    }
}

impl Work {
    /// What a service wants written.
    pub(crate) fn of_service(statements: Vec<Statement>) -> Self {
        let steps = statements.into_iter().map(Step::of_service).collect();
        Self { steps, announces: false }
    }

    /// What the host wants written.
    pub(crate) fn of_host(statements: Vec<Statement>, announces: bool) -> Self {
        Self { steps: statements.into_iter().map(Step::of_host).collect(), announces }
    }
}

impl Entry {
    fn start(&self) -> bool {
        match self {
            Self::Write(job) => job.reply.start(),
            Self::Begin(job) => job.reply.start(),
            Self::Clear(job) => job.reply.start(),
        }
    }

    fn fail(self, error: SqlError) {
        match self {
            Self::Write(job) => drop(job.reply.send(Err(error))),
            Self::Begin(job) => drop(job.reply.send(Err(error))),
            Self::Clear(job) => drop(job.reply.send(Err(error))),
        }
    }
}

impl Drop for Cleared {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            self.runtime.spawn_blocking(move || writer.drain(None));
        }
    }
}

/// Frees the seat when a drainer panics, so that the next job opens the database anew.
struct Watch<'a>(&'a Writer);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut lane = self.0.lane.lock();
            lane.seat = Seat::Free(None);
            lane.holder = Caller::HOST;
            // Their callers are told that the work stopped.
            lane.queue.clear();
        }
    }
}
