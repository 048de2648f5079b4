//! Following the host as it runs: server-sent events for the dashboard and the command line.
//!
//! A follower that is slow gets the newest status and never the ones before it. What it must not miss, steps of deploys and
//! changes, waits for it in a queue of fixed length; when that is full it is told that everything may have changed.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde::Serialize;
use thali_contract::problem::Problem;
use thali_control::StepEvent;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio::time::timeout;

use crate::sse::{BEAT, BEAT_TIME, event};

/// Followers at the same time. A status is written once for all of them.
const FOLLOWERS_MAX: usize = 32;

/// Steps and changes that wait for a slow follower: several deploys.
const QUEUE: usize = 256;

/// Seconds until somebody may have left.
const RETRY_SECONDS: u32 = 5;

/// What has changed, so that whoever shows it reads it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub(crate) enum Change {
    Services,
    Rollouts,
    Events,
    Schedules,
    Breakers,
}

/// Everything there is.
const CHANGES: [Change; 5] =
    [Change::Services, Change::Rollouts, Change::Events, Change::Schedules, Change::Breakers];

/// Who follows the host.
pub(crate) struct Followers {
    status: watch::Sender<Bytes>,
    told: broadcast::Sender<Bytes>,
    places: Arc<Semaphore>,
}

/// One who follows.
struct Follower {
    status: watch::Receiver<Bytes>,
    told: broadcast::Receiver<Bytes>,
    first: Option<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Default for Followers {
    fn default() -> Self {
        Self {
            status: watch::Sender::new(Bytes::new()),
            told: broadcast::Sender::new(QUEUE),
            places: Arc::new(Semaphore::new(FOLLOWERS_MAX)),
        }
    }
}

impl Followers {
    /// Whether anybody follows.
    pub(super) fn some(&self) -> bool {
        self.told.receiver_count() > 0
    }

    /// Tells everybody that something has changed.
    pub(crate) fn tell(&self, change: Change) {
        if self.some() {
            // The last one may have left just now.
            let _ = self.told.send(event("changed", &change));
        }
    }

    /// Tells everybody how far a deploy is.
    pub(super) fn step(&self, step: &StepEvent) {
        if self.some() {
            // As above.
            let _ = self.told.send(event("deploy", step));
        }
    }

    /// Tells everybody how the host is.
    pub(super) fn show(&self, status: &impl Serialize) {
        self.status.send_replace(event("status", status));
    }

    /// Everything that is told from now on, beginning with `first`.
    ///
    /// # Errors
    ///
    /// When there are as many followers as there may be.
    pub(crate) fn follow<S: Serialize>(
        &self,
        first: &S,
    ) -> Result<impl Stream<Item = Bytes> + Send + use<S>, Box<Problem>> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| full())?;
        let follower = Follower {
            status: self.status.subscribe(),
            told: self.told.subscribe(),
            first: Some(event("status", first)),
            _place: place,
        };
        Ok(stream::unfold(follower, |mut follower| async move {
            let piece = follower.next().await?;
            Some((piece, follower))
        }))
    }
}

fn full() -> Box<Problem> {
    let problem = Problem::new(503, "too_many_followers", "As many follow the host as may")
        .detail(format!(
            "{FOLLOWERS_MAX} dashboards and programs follow it at the same time at most: close one"
        ))
        .retry_after(RETRY_SECONDS);
    Box::new(problem)
}

impl Follower {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        timeout(BEAT_TIME, self.news()).await.unwrap_or(Some(BEAT))
    }

    /// What was told comes before how the host is: it has to be seen in time.
    async fn news(&mut self) -> Option<Bytes> {
        tokio::select! {
            biased;
            told = self.told.recv() => match told {
                Ok(told) => Some(told),
                Err(RecvError::Lagged(_)) => Some(everything_changed()),
                Err(RecvError::Closed) => None,
            },
            changed = self.status.changed() => {
                changed.ok().map(|()| self.status.borrow_and_update().clone())
            }
        }
    }
}

fn everything_changed() -> Bytes {
    CHANGES.map(|change| event("changed", &change)).concat().into()
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    fn text(piece: Option<Bytes>) -> String {
        String::from_utf8(piece.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_slow_follower_gets_the_newest_status_and_every_change() {
        let followers = Followers::default();
        assert!(!followers.some());
        let mut slow = Box::pin(followers.follow(&1).unwrap());
        for status in 2..10 {
            followers.show(&status);
        }
        followers.tell(Change::Rollouts);
        assert_eq!(text(slow.next().await), "event: status\ndata: 1\n\n");
        let change = "event: changed\ndata: {\"what\":\"rollouts\"}\n\n";
        assert_eq!(text(slow.next().await), change);
        assert_eq!(text(slow.next().await), "event: status\ndata: 9\n\n");
    }

    #[tokio::test]
    async fn who_has_missed_a_change_reads_everything_again() {
        let followers = Followers::default();
        let mut slow = Box::pin(followers.follow(&1).unwrap());
        slow.next().await;
        for _ in 0..=QUEUE {
            followers.tell(Change::Services);
        }
        let missed = text(slow.next().await);
        assert!(missed.contains("breakers") && missed.contains("schedules"), "{missed}");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_broken_by_a_comment() {
        let followers = Followers::default();
        let mut follower = Box::pin(followers.follow(&1).unwrap());
        follower.next().await;
        assert_eq!(text(follower.next().await), ":\n\n");
    }

    #[tokio::test]
    async fn there_are_only_so_many_followers() {
        let followers = Followers::default();
        let all: Vec<_> = (0..FOLLOWERS_MAX).map(|_| followers.follow(&1)).collect();
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(followers.follow(&1).err().map(|problem| problem.status), Some(503));
        drop(all);
        assert!(followers.follow(&1).is_ok() && !followers.some());
    }
}
