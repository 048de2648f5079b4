//! Where the heavy work of a deploy waits its turn: reading a component and compiling it takes a
//! core, and memory by the hundred megabytes, so few do it at once and few more may wait.

mod child;

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use thali_contract::name::Digest;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinError;
use tokio::time::timeout;
use tracing::Instrument;

use crate::error::DeployError;

pub(crate) use child::{Cancel, ChildError, Compilation};
pub use child::{ChildLimits, CompileWith, EXIT_REFUSED};

/// How much of the machine deploys may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Components that are compiled at the same time. Default 2.
    pub running_max: usize,
    /// Deploys that wait for their turn; one more is refused. Default 8.
    pub waiting_max: usize,
    /// How long a deploy waits for its turn. Default 60 s.
    pub wait_max: Duration,
    /// Where they are compiled. Default in the host itself; `thali up` has a process for it.
    pub with: CompileWith,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            running_max: 2,
            waiting_max: 8,
            wait_max: Duration::from_secs(60),
            with: CompileWith::default(),
        }
    }
}

/// Hands out turns.
pub(crate) struct Turns {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
    wait_max: Duration,
}

/// The right to use a core for a while.
pub(crate) struct Turn {
    _place: OwnedSemaphorePermit,
    _running: OwnedSemaphorePermit,
}

impl Turns {
    pub(crate) fn new(limits: &CompileLimits) -> Self {
        let running_max = limits.running_max.max(1);
        Self {
            places: Arc::new(Semaphore::new(running_max + limits.waiting_max)),
            running: Arc::new(Semaphore::new(running_max)),
            wait_max: limits.wait_max,
        }
    }

    /// Waits for a turn, for so long as is reasonable.
    pub(crate) async fn take(&self) -> Result<Turn, DeployError> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| DeployError::Busy("Too many deploys are waiting already."))?;
        let running = timeout(self.wait_max, Arc::clone(&self.running).acquire_owned())
            .await
            .map_err(|_| DeployError::Busy("Other deploys took too long."))?
            .map_err(|closed| DeployError::Internal(closed.to_string()))?;
        Ok(Turn { _place: place, _running: running })
    }
}

impl Turn {
    /// Does the work off the async threads. The turn lasts until the work is done, even if nobody
    /// waits for it any more.
    pub(crate) async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DeployError> {
        blocking(move || {
            let done = work();
            drop(self);
            done
        })
        .await
    }
}

/// Does something that blocks off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, DeployError> {
    tokio::task::spawn_blocking(work).await.map_err(ended_early)
}

/// Does something that has to be done to its end, whether or not the caller stays for it.
pub(crate) async fn detached<T, E>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<DeployError> + Send + 'static,
{
    tokio::spawn(work.in_current_span()).await.map_err(ended_early)?
}

fn ended_early(error: JoinError) -> DeployError {
    DeployError::Internal(format!("a task of the host ended early: {error}"))
}

/// Lets uploads of the same bytes in one after the other: the first does the work, the others find
/// it done.
#[derive(Default)]
pub(crate) struct SameBytes(Mutex<HashMap<Digest, Weak<tokio::sync::Mutex<()>>>>);

impl SameBytes {
    /// Waits until no other upload of these bytes is under way.
    pub(crate) async fn enter(&self, digest: Digest) -> OwnedMutexGuard<()> {
        self.door(digest).lock_owned().await
    }

    fn door(&self, digest: Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut doors = self.0.lock();
        if let Some(door) = doors.get(&digest).and_then(Weak::upgrade) {
            return door;
        }
        doors.retain(|_, door| door.strong_count() > 0);
        let door = Arc::default();
        doors.insert(digest, Arc::downgrade(&door));
        door
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(waiting_max: usize) -> Turns {
        Turns::new(&CompileLimits { running_max: 1, waiting_max, ..CompileLimits::default() })
    }

    #[tokio::test]
    async fn one_more_than_may_wait_is_refused_at_once() {
        let turns = turns(0);
        let turn = turns.take().await.unwrap();
        assert!(matches!(turns.take().await, Err(DeployError::Busy(_))));
        drop(turn);
        turns.take().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_the_limit_and_the_place_is_given_back() {
        let turns = turns(1);
        let turn = turns.take().await.unwrap();
        assert!(matches!(turns.take().await, Err(DeployError::Busy(_))));
        assert_eq!(turns.places.available_permits(), 1);
        drop(turn);
        turns.take().await.unwrap();
    }

    #[tokio::test]
    async fn a_turn_lasts_as_long_as_its_work_although_nobody_waits() {
        let turns = turns(0);
        let (release, released) = std::sync::mpsc::channel::<()>();
        let turn = turns.take().await.unwrap();
        let work = tokio::spawn(turn.work(move || released.recv()));
        tokio::task::yield_now().await;
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        assert!(matches!(turns.take().await, Err(DeployError::Busy(_))));
        release.send(()).unwrap();
        while turns.take().await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn the_same_bytes_go_one_after_the_other_and_others_beside_them() {
        let uploads = SameBytes::default();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let first = uploads.enter(a).await;
        drop(uploads.enter(b).await);
        assert!(uploads.door(a).try_lock().is_err());
        drop(first);
        drop(uploads.enter(a).await);
        uploads.door(b);
        assert_eq!(uploads.0.lock().len(), 1, "doors that nobody holds are forgotten");
    }
}
