//! Reads: a queue like the writer's, drained by up to a few connections side by side.
//!
//! A read is carried out on a blocking thread, never on the one that polls: a cold page of a slow disk
//! would stop every other request there. A thread that is done takes the next read from the queue,
//! so under load the way to a thread and back is paid once for many reads.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::spawn_blocking;

use crate::sql::error::SqlError;
use crate::sql::queue::Queue;
use crate::sql::session::{Place, Session, Speaker};
use crate::sql::statement::Access;
use crate::sql::ticket::{Reply, job};
use crate::sql::{Rows, Statement};

/// The reading side of a database.
pub(crate) struct Readers {
    place: Arc<Place>,
    lane: Mutex<Lane>,
}

struct Lane {
    idle: Vec<Session>,
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
        let lane = Lane { idle: Vec::new(), running: 0, queue: Queue::new() };
        Arc::new(Self { place: Arc::clone(place), lane: Mutex::new(lane) })
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

    fn submit(self: &Arc<Self>, job: ReadJob, bytes: usize) -> Result<(), SqlError> {
        let session = {
            let mut lane = self.lane.lock();
            lane.queue.push(job, bytes, &self.place.limits)?;
            if lane.running >= self.place.limits.readers_max {
                return Ok(());
            }
            lane.running += 1;
            lane.idle.pop()
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
        lane.idle.extend(session.take());
        None
    }

    fn opened<'a>(&self, session: &'a mut Option<Session>) -> Result<&'a Session, SqlError> {
        match session {
            Some(open) => Ok(open),
            None => Ok(session.insert(Session::open_reader(&self.place)?)),
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
        }
    }
}
