//! How many bad tokens a client may send: guessing has to be slow.
//!
//! The count is a leaky bucket by address (GCRA: one number, the time until which the failures so far
//! have used up what there is). Only failures are counted, and a good token is let in whatever was
//! counted: whoever shares an address with a guesser is not slowed down by it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::client::network;

/// Clients that are remembered. One more takes the place of one that was quiet for longest.
const CLIENTS_MAX: usize = 16_384;

/// How many bad tokens are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureLimits {
    /// Bad tokens of one client (an IPv4 address or an IPv6 /64) at once. One more is answered 429.
    /// Default 30: people who paste the wrong token, and several who share an address, stay below it.
    pub burst: u32,
    /// After this long one more is answered 401, and looked for in key sets. Default 2 s.
    pub every: Duration,
}

impl Default for FailureLimits {
    fn default() -> Self {
        Self { burst: 30, every: Duration::from_secs(2) }
    }
}

/// Counts failures by client.
pub(crate) struct Failures {
    limits: FailureLimits,
    began: Instant,
    /// Until when each has used up what there is, in milliseconds since `began`.
    used_until_ms: Cache<IpAddr, Arc<AtomicU64>>,
}

impl Failures {
    pub(crate) fn new(limits: FailureLimits) -> Self {
        Self { limits, began: Instant::now(), used_until_ms: Cache::new(CLIENTS_MAX) }
    }

    /// Seconds until a token of the client is checked again, when it is not now.
    pub(crate) fn blocked_for(&self, client: IpAddr) -> Option<u32> {
        let used_until = self.used_until_ms.get(&network(client))?.load(Ordering::Relaxed);
        let ahead = used_until.saturating_sub(self.now_ms());
        let over = (ahead + self.every_ms()).checked_sub(self.burst_ms())?.checked_sub(1)?;
        Some(u32::try_from(over / 1000 + 1).unwrap_or(u32::MAX))
    }

    /// Counts a failure.
    pub(crate) fn count(&self, client: IpAddr) {
        let client = network(client);
        let Ok(used_until) = self
            .used_until_ms
            .get_or_insert_with(&client, || Ok::<_, std::convert::Infallible>(Arc::default()));
        let (now, every, most) = (self.now_ms(), self.every_ms(), self.burst_ms());
        // Failures beyond the burst do not pile up: they were not checked.
        let _ = used_until.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |until| {
            Some((until.max(now) + every).min(now + most))
        });
    }

    fn now_ms(&self) -> u64 {
        millis(self.began.elapsed())
    }

    fn every_ms(&self) -> u64 {
        millis(self.limits.every)
    }

    fn burst_ms(&self) -> u64 {
        self.every_ms().saturating_mul(self.limits.burst.into())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_guesses_is_slowed_down_and_its_neighbour_is_not() {
        let failures = Failures::new(FailureLimits { burst: 3, every: Duration::from_secs(2) });
        let (guesser, neighbour) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        for _ in 0..3 {
            assert_eq!(failures.blocked_for(guesser), None);
            failures.count(guesser);
        }
        assert_eq!(failures.blocked_for(guesser), Some(2));
        assert_eq!(failures.blocked_for(neighbour), None);
        tokio::time::advance(Duration::from_millis(1999)).await;
        assert_eq!(failures.blocked_for(guesser), Some(1));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(failures.blocked_for(guesser), None, "one more is checked");
        failures.count(guesser);
        assert_eq!(failures.blocked_for(guesser), Some(2));
        tokio::time::advance(Duration::from_secs(6)).await;
        for _ in 0..3 {
            assert_eq!(failures.blocked_for(guesser), None);
            failures.count(guesser);
        }
        assert!(failures.blocked_for(guesser).is_some());
    }
}
