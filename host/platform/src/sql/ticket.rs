//! What a caller holds while its job waits and runs, and how it waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::sql::error::{SqlError, Unavailable};

/// Settles between a caller and a worker whether a job is done.
///
/// Whoever moves it first out of `WAITING` decides: the worker by starting the job, the caller by
/// giving up. So a caller that is told "busy" can be sure that nothing was done.
#[derive(Debug, Default)]
pub(crate) struct Ticket(AtomicU8);

const WAITING: u8 = 0;
const STARTED: u8 = 1;
const ABANDONED: u8 = 2;

impl Ticket {
    /// The worker's side: true when the job is to be run.
    pub(crate) fn start(&self) -> bool {
        self.0.compare_exchange(WAITING, STARTED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn abandon(&self) {
        self.0.store(ABANDONED, Ordering::Release);
    }

    /// Whether somebody still waits for the answer.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.load(Ordering::Acquire) == ABANDONED
    }

    /// The caller's side: true when the job will not be run.
    fn withdraw(&self) -> bool {
        self.0.compare_exchange(WAITING, ABANDONED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// The worker's end of a job: says whether it is wanted, and takes the answer.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    ticket: Arc<Ticket>,
    sender: oneshot::Sender<Result<T, SqlError>>,
}

/// The caller's end of a job.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    ticket: Arc<Ticket>,
    receiver: oneshot::Receiver<Result<T, SqlError>>,
}

/// Both ends of a new job.
pub(crate) fn job<T>() -> (Reply<T>, Answer<T>) {
    let ticket = Arc::new(Ticket::default());
    let (sender, receiver) = oneshot::channel();
    (Reply { ticket: Arc::clone(&ticket), sender }, Answer { ticket, receiver })
}

impl<T> Reply<T> {
    /// True when the job is to be run.
    pub(crate) fn start(&self) -> bool {
        self.ticket.start()
    }

    /// What a statement looks at to see whether its caller is still there.
    pub(crate) fn ticket(&self) -> Arc<Ticket> {
        Arc::clone(&self.ticket)
    }

    /// Answers. Hands the answer back when nobody takes it.
    pub(crate) fn send(self, answer: Result<T, SqlError>) -> Result<(), Result<T, SqlError>> {
        self.sender.send(answer)
    }
}

impl<T> Answer<T> {
    /// Waits for the answer: `queue_time` for the job to be started, then for as long as it runs.
    pub(crate) async fn wait(mut self, queue_time: Duration) -> Result<T, SqlError> {
        self.turn(queue_time).await.unwrap_or(Err(SqlError::Busy))
    }

    /// The answer; none when the job was not started in time, and never will be.
    async fn turn(&mut self, queue_time: Duration) -> Option<Result<T, SqlError>> {
        let answer = match timeout(queue_time, &mut self.receiver).await {
            Ok(answer) => answer,
            Err(_) if self.ticket.withdraw() => return None,
            Err(_) => (&mut self.receiver).await,
        };
        Some(answer.unwrap_or_else(|_| Err(Unavailable::Stopped.into())))
    }

    /// Waits for the answer of a job that needs no turn.
    pub(crate) async fn finish(mut self) -> Result<T, SqlError> {
        (&mut self.receiver).await.unwrap_or_else(|_| Err(Unavailable::Stopped.into()))
    }

    /// [`Self::wait`]; and when it is an error, waits until the transaction that met it is undone and
    /// what it has seen of others, of which the error may tell, is durable.
    pub(crate) async fn wait_or(
        mut self,
        queue_time: Duration,
        undone: Answer<()>,
    ) -> Result<T, SqlError> {
        match self.turn(queue_time).await {
            Some(answer) => after(answer, undone).await,
            None => Err(SqlError::Busy),
        }
    }

    /// The same with [`Self::finish`].
    pub(crate) async fn finish_or(self, undone: Answer<()>) -> Result<T, SqlError> {
        after(self.finish().await, undone).await
    }
}

async fn after<T>(answer: Result<T, SqlError>, undone: Answer<()>) -> Result<T, SqlError> {
    if answer.is_err() {
        // Nobody answers when there was nothing to undo.
        let _ = undone.finish().await;
    }
    answer
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        self.ticket.abandon();
    }
}
