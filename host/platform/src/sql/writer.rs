//! The one connection of a database that writes, and the queue in front of it.
//!
//! Nobody owns a thread. Whoever queues a job while the connection is free takes it to a blocking
//! thread, and that thread *drains* the queue: writes in groups that share a commit, transactions by
//! handing the connection over, everything in the order it came. When the queue is empty the
//! connection is put back. So a database that nobody uses costs a few hundred bytes, and one that
//! everybody uses costs one thread.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::sql::error::{SqlError, Unavailable};
use crate::sql::group;
use crate::sql::queue::Queue;
use crate::sql::session::{Place, Session, Speaker};
use crate::sql::ticket::{Answer, Reply, job};
use crate::sql::{Caller, Statement};

const OWN_TRANSACTION: &str = "this request has a transaction open, which this would wait for: use \
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
}

/// Statements that are to be carried out all or none.
pub(crate) struct WriteJob {
    pub(crate) work: Work,
    pub(crate) reply: Reply<Vec<u64>>,
}

/// What a [`WriteJob`] is to do.
pub(crate) struct Work {
    pub(crate) statements: Vec<Statement>,
    pub(crate) speaker: Speaker,
    /// Whether the database announces the commit.
    pub(crate) announces: bool,
}

struct BeginJob {
    caller: Caller,
    reply: Reply<Exclusive>,
    runtime: Handle,
}

/// The connection, for as long as a transaction has it. Dropping it rolls back.
pub(crate) struct Exclusive {
    session: Option<Session>,
    writer: Arc<Writer>,
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
        let bytes = work.statements.iter().map(Statement::bytes).sum();
        self.submit(caller, Entry::Write(WriteJob { work, reply }), bytes)?;
        self.wait(answer).await
    }

    /// Waits for the connection and begins a transaction on it.
    pub(crate) async fn begin(self: &Arc<Self>, caller: Caller) -> Result<Exclusive, SqlError> {
        let (reply, answer) = job();
        let runtime = Handle::current();
        self.submit(caller, Entry::Begin(BeginJob { caller, reply, runtime }), 0)?;
        self.wait(answer).await
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
        spawn_blocking(move || writer.drain(session));
        Ok(())
    }

    /// Works until the queue is empty or a transaction has the connection.
    fn drain(self: Arc<Self>, mut session: Option<Session>) {
        let _watch = Watch(&self);
        while let Some(entry) = self.next(&mut session) {
            session = match (self.opened(session), entry) {
                (Ok(open), Entry::Write(job)) => Some(self.group(open, job)),
                (Ok(open), Entry::Begin(job)) => match self.hand_over(open, job) {
                    Some(back) => Some(back),
                    None => return,
                },
                (Err(error), entry) => {
                    entry.fail(error);
                    None
                }
            };
            session = session.filter(|session| !session.is_condemned());
        }
    }

    /// The next entry that somebody still waits for. When there is none the connection is put back,
    /// in one step with looking, so that no entry is left behind.
    fn next(&self, session: &mut Option<Session>) -> Option<Entry> {
        let mut lane = self.lane.lock();
        while let Some(entry) = lane.queue.pop() {
            if entry.start() {
                return Some(entry);
            }
        }
        lane.seat = Seat::Free(session.take());
        None
    }

    /// The next write, when a write is what comes next.
    fn next_write(&self) -> Option<WriteJob> {
        let mut lane = self.lane.lock();
        while let Some(Entry::Write(_)) = lane.queue.front() {
            match lane.queue.pop() {
                Some(Entry::Write(job)) if job.reply.start() => return Some(job),
                _ => {}
            }
        }
        None
    }

    fn opened(&self, session: Option<Session>) -> Result<Session, SqlError> {
        if let Some(session) = session {
            return Ok(session);
        }
        let session = Session::open_writer(&self.place)?;
        self.opened.store(true, Ordering::Release);
        Ok(session)
    }

    fn group(&self, session: Session, first: WriteJob) -> Session {
        group::run(&session, first, || self.next_write());
        session
    }

    /// Begins a transaction and gives it to whoever asked. Answers the connection when that failed.
    fn hand_over(self: &Arc<Self>, session: Session, job: BeginJob) -> Option<Session> {
        if let Err(error) = session.begin() {
            let _ = job.reply.send(Err(error));
            return Some(session);
        }
        self.lane.lock().holder = job.caller;
        let writer = Arc::clone(self);
        let exclusive = Exclusive { session: Some(session), writer, runtime: job.runtime };
        match job.reply.send(Ok(exclusive)) {
            Ok(()) => None,
            Err(refused) => refused.ok().and_then(Exclusive::take_back),
        }
    }

    /// Goes on after a transaction.
    fn resume(self: Arc<Self>, session: Option<Session>) {
        self.lane.lock().holder = Caller::HOST;
        if let Some(session) = &session {
            session.rollback();
        }
        self.drain(session.filter(|session| !session.is_condemned()));
    }
}

impl Work {
    /// What a service wants written.
    pub(crate) fn of_service(statements: Vec<Statement>) -> Self {
        Self { statements, speaker: Speaker::Service, announces: false }
    }

    /// What the host wants written.
    pub(crate) fn of_host(statements: Vec<Statement>, announces: bool) -> Self {
        Self { statements, speaker: Speaker::Host, announces }
    }
}

impl Entry {
    fn start(&self) -> bool {
        match self {
            Self::Write(job) => job.reply.start(),
            Self::Begin(job) => job.reply.start(),
        }
    }

    fn fail(self, error: SqlError) {
        match self {
            Self::Write(job) => drop(job.reply.send(Err(error))),
            Self::Begin(job) => drop(job.reply.send(Err(error))),
        }
    }
}

impl Exclusive {
    /// The connection, inside its transaction.
    pub(crate) fn session(&self) -> Result<&Session, SqlError> {
        self.session.as_ref().ok_or_else(|| Unavailable::Stopped.into())
    }

    /// Rolls back what is not committed and goes on with the queue. Blocks.
    pub(crate) fn finish(mut self) {
        let session = self.session.take();
        Arc::clone(&self.writer).resume(session);
    }

    /// The connection without its transaction, to go on with.
    fn take_back(mut self) -> Option<Session> {
        self.writer.lane.lock().holder = Caller::HOST;
        self.session.take().inspect(Session::rollback)
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            let writer = Arc::clone(&self.writer);
            self.runtime.spawn_blocking(move || writer.resume(Some(session)));
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
