//! A deadline that moves with every request and yet costs a busy connection nothing.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is armed late: a deadline further away than the armed one leaves the timer alone, which
/// then fires early, sees that nothing is due, and is armed again. So it is touched once per timeout and
/// not once per request.
#[derive(Default)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready once `deadline` has passed.
    pub(crate) fn poll_until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moved_away_is_kept_and_one_that_moved_closer_too() {
        let start = Instant::now();
        let mut timer = Timer::default();
        let mut deadline = start + Duration::from_secs(5);
        let first = poll_fn(|cx| Poll::Ready(timer.poll_until(deadline, cx)));
        assert!(first.await.is_pending());
        deadline = start + Duration::from_secs(60);
        poll_fn(|cx| timer.poll_until(deadline, cx)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(60));

        let far = Instant::now() + Duration::from_secs(60);
        assert!(poll_fn(|cx| Poll::Ready(timer.poll_until(far, cx))).await.is_pending());
        let near = Instant::now() + Duration::from_secs(2);
        poll_fn(|cx| timer.poll_until(near, cx)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(62));
    }
}
