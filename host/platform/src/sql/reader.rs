//! Reads: a queue like the writer's, drained by up to a few connections side by side.
//!
//! A read is carried out on a blocking thread, never on the one that polls: a cold page of a slow disk
//! would stop every other request there. A thread that is done takes the next read from the queue,
//! so under load the way to a thread and back is paid once for many reads.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::sql::error::{SqlError, Unavailable};
use crate::sql::place::Place;
use crate::sql::queue::Queue;
use crate::sql::session::{Session, Speaker};
use crate::sql::statement::Access;
use crate::sql::ticket::{Reply, job};
use crate::sql::{Rows, Statement};

/// The reading side of a database.
pub(crate) struct Readers {
    place: Arc<Place>,
    lane: Mutex<Lane>,
    /// The last thread that read has ended, after the readers were closed.
    quiet: Notify,
}

struct Lane {
    /// Each with the moment since when it has nothing to do; the one that was used last is at the end.
    idle: Vec<(Instant, Session)>,
    closed: bool,
    /// Threads that read now; each looks at the queue before it ends.
    running: usize,
    queue: Queue<ReadJob>,
}

struct ReadJob {
    statement: Statement,
    speaker: Speaker,
    reply: Reply<Rows>,
}

impl Readers {
    pub(crate) fn new(place: &Arc<Place>) -> Arc<Self> {
        let lane = Lane { idle: Vec::new(), closed: false, running: 0, queue: Queue::new() };
        let (place, lane) = (Arc::clone(place), Mutex::new(lane));
        Arc::new(Self { place, lane, quiet: Notify::new() })
    }

    /// Runs one statement that only reads.
    pub(crate) async fn query(
        self: &Arc<Self>,
        statement: Statement,
        speaker: Speaker,
    ) -> Result<Rows, SqlError> {
        let (reply, answer) = job();
        let bytes = statement.bytes();
        self.submit(ReadJob { statement, speaker, reply }, bytes)?;
        answer.wait(self.place.limits.queue_time).await
    }

    /// Waits for the reads that run, and closes the connections until [`Readers::reopen`].
    pub(crate) async fn close(&self) {
        loop {
            let quiet = {
                let mut lane = self.lane.lock();
                lane.closed = true;
                (lane.running == 0).then(|| std::mem::take(&mut lane.idle))
            };
            match quiet {
                Some(idle) => return drop(idle),
                None => self.quiet.notified().await,
            }
        }
    }

    /// Lets reads in again.
    pub(crate) fn reopen(&self) {
        self.lane.lock().closed = false;
    }

    /// The connections and that of the writer, which `writer` answers when it is idle, too.
    pub(crate) fn take_if_idle(
        &self,
        writer: impl FnOnce() -> Option<Option<Session>>,
    ) -> Option<Vec<Session>> {
        let mut lane = self.lane.lock();
        if lane.running > 0 {
            return None;
        }
        let writer = writer()?;
        let mut sessions: Vec<_> = lane.idle.drain(..).map(|(_, session)| session).collect();
        // Last, because the last one to be closed writes the log back.
        sessions.extend(writer);
        Some(sessions)
    }

    fn submit(self: &Arc<Self>, job: ReadJob, bytes: usize) -> Result<(), SqlError> {
        self.place.enter()?;
        let session = {
            let mut lane = self.lane.lock();
            if lane.closed {
                return Err(Unavailable::Offline.into());
            }
            lane.queue.push(job, bytes, &self.place.limits)?;
            if lane.running >= self.place.limits.readers_max {
                return Ok(());
            }
            lane.running += 1;
            lane.idle.pop().map(|(_, session)| session)
        };
        let readers = Arc::clone(self);
        spawn_blocking(move || readers.drain(session));
        Ok(())
    }

    fn drain(self: Arc<Self>, mut session: Option<Session>) {
        let _watch = Watch(&self);
        while let Some(job) = self.next(&mut session) {
            let answer = match self.opened(&mut session) {
                Ok(open) => {
                    let _metering = open.meter.start(open.budget(Some(job.reply.ticket())));
                    open.speak(job.speaker, |open| open.query(&job.statement, Access::Read))
                }
                Err(error) => Err(error),
            };
            // When the caller has left there is nobody to tell.
            let _ = job.reply.send(answer);
            session = session.filter(|session| !session.is_condemned());
        }
        self.place.shelf.trim();
    }

    /// The next read that somebody still waits for. When there is none the connection is put back, in
    /// one step with looking, so that no read is left behind.
    fn next(&self, session: &mut Option<Session>) -> Option<ReadJob> {
        let mut lane = self.lane.lock();
        while let Some(job) = lane.queue.pop() {
            if job.reply.start() {
                return Some(job);
            }
        }
        lane.running = lane.running.saturating_sub(1);
        if lane.closed {
            *session = None;
            self.quiet.notify_one();
            return None;
        }
        let now = Instant::now();
        lane.idle.extend(session.take().map(|session| (now, session)));
        // What was not used for longest is at the front.
        let idle_time = self.place.limits.reader_idle_time;
        let stale = lane.idle.first().is_some_and(|(since, _)| now - *since > idle_time);
        let stale = stale.then(|| lane.idle.remove(0));
        drop(lane);
        drop(stale);
        None
    }

    fn opened<'a>(&self, session: &'a mut Option<Session>) -> Result<&'a Session, SqlError> {
        match session {
            Some(open) => Ok(open),
            None => {
                let open = session.insert(Session::open_reader(&self.place)?);
                self.place.opened();
                Ok(open)
            }
        }
    }
}

/// Gives the place of a thread that panics to the next read.
struct Watch<'a>(&'a Readers);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut lane = self.0.lane.lock();
            lane.running = lane.running.saturating_sub(1);
            if lane.running == 0 {
                // Their callers are told that the work stopped.
                lane.queue.clear();
            }
            self.0.quiet.notify_one();
        }
    }
}
