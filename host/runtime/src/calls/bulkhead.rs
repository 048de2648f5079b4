//! How many calls to one interface exist at a time: the rest of a consumer goes on when one of its
//! providers is slow.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::policy::CallRoom;

/// The seats of the calls to one interface.
pub(super) struct Bulkhead {
    room: CallRoom,
    seats: Semaphore,
    waiting: AtomicU32,
}

/// Every seat is taken, and the queue is full or did not move in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("every call to the service that may run does, and none ended in time")]
pub(super) struct Full;

impl Bulkhead {
    pub(super) fn new(room: CallRoom) -> Self {
        Self { room, seats: Semaphore::new(room.concurrency as usize), waiting: AtomicU32::new(0) }
    }

    /// A seat that is free now.
    pub(super) fn try_enter(&self) -> Option<SemaphorePermit<'_>> {
        self.seats.try_acquire().ok()
    }

    /// A seat, as soon as one is free and it is this call's turn.
    pub(super) async fn wait(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Full> {
        let _place = self.queue().ok_or(Full)?;
        match timeout_at(deadline, self.seats.acquire()).await {
            Ok(Ok(seat)) => Ok(seat),
            _ => Err(Full),
        }
    }

    fn queue(&self) -> Option<Place<'_>> {
        let one_more = |waiting: u32| (waiting < self.room.queue).then(|| waiting + 1);
        let joined = self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        joined.is_ok().then(|| Place(&self.waiting))
    }

    pub(super) fn room(&self) -> CallRoom {
        self.room
    }

    /// Calls that run, and calls that wait.
    pub(super) fn taken(&self) -> CallRoom {
        let free = u32::try_from(self.seats.available_permits()).unwrap_or(u32::MAX);
        CallRoom {
            concurrency: self.room.concurrency.saturating_sub(free),
            queue: self.waiting.load(Ordering::Relaxed),
        }
    }
}

/// A place in the queue, given up when the call runs, when its time is over and when its caller leaves.
struct Place<'a>(&'a AtomicU32);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_finds_no_seat_waits_until_the_deadline_and_leaves_no_trace() {
        let bulkhead = Bulkhead::new(CallRoom { concurrency: 1, queue: 1 });
        let seat = bulkhead.try_enter().unwrap();
        let deadline = Instant::now() + Duration::from_secs(1);
        let (waited, refused) = tokio::join!(bulkhead.wait(deadline), bulkhead.wait(deadline));
        assert!(matches!((waited, refused), (Err(Full), Err(Full))));
        assert_eq!(Instant::now(), deadline, "the first waited");
        assert_eq!(bulkhead.taken(), CallRoom { concurrency: 1, queue: 0 });
        drop(seat);
        assert_eq!(bulkhead.taken(), CallRoom { concurrency: 0, queue: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_refuses_at_once_and_one_that_moves_lets_in() {
        let bulkhead = Bulkhead::new(CallRoom { concurrency: 1, queue: 1 });
        let (begun, deadline) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let seat = bulkhead.try_enter().unwrap();
        let first = bulkhead.wait(deadline);
        let second = async {
            assert!(matches!(bulkhead.wait(deadline).await, Err(Full)));
            assert_eq!(Instant::now(), begun);
            drop(seat);
        };
        let (first, ()) = tokio::join!(first, second);
        assert!(first.is_ok());
        assert_eq!(Instant::now(), begun);
    }
}
