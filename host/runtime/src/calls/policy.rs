//! What the calls of a service to one interface may do.

use std::time::Duration;

use thali_contract::name::InterfaceName;

/// Of so many invocations of a consumer, one is kept free of calls to any one interface.
const KEPT_FREE: u32 = 16;

/// Of the calls to one interface that may exist at a time, one in so many waits for the others.
const QUEUE_SHARE: u32 = 5;

/// How the calls of one service to one interface are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPolicy {
    /// The longest time of one attempt. Default `None`: what the provider allows itself, and never more
    /// than three quarters of the time that the caller has left.
    pub timeout: Option<Duration>,
    /// Attempts after the first one, of functions that the provider marks idempotent. Default 2.
    pub retries: u32,
    /// When calls are cut off.
    pub breaker: BreakerPolicy,
    /// Calls at the same time. Default `None`: most of what the consumer may run at the same time, see
    /// [`CallPolicy::room`].
    pub concurrency: Option<u32>,
    /// Calls that may wait for those. Default `None`: a quarter of them, within the same bounds.
    pub queue: Option<u32>,
}

/// When calls are cut off, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that open the breaker. Default 5.
    pub failures: u32,
    /// How long it stays open before one call may probe. Doubles with every probe that fails.
    /// Default 10 s.
    pub reset: Duration,
    /// The longest that doubling leads to. Default 60 s.
    pub reset_max: Duration,
    /// The part of that time that is added at random, in percent, so that the consumers of one
    /// provider do not probe it at the same moment. Default 10.
    pub jitter_percent: u32,
}

/// How many calls to one interface may exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallRoom {
    /// At the same time.
    pub concurrency: u32,
    /// Waiting for those.
    pub queue: u32,
}

/// The policies of one service's calls.
#[derive(Clone, Debug, Default)]
pub struct CallPolicies {
    others: CallPolicy,
    named: Vec<(InterfaceName, CallPolicy)>,
}

impl Default for CallPolicy {
    fn default() -> Self {
        Self {
            timeout: None,
            retries: 2,
            breaker: BreakerPolicy::default(),
            concurrency: None,
            queue: None,
        }
    }
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            failures: 5,
            reset: Duration::from_secs(10),
            reset_max: Duration::from_secs(60),
            jitter_percent: 10,
        }
    }
}

impl CallPolicy {
    /// How many calls may exist when the consumer runs at most `consumer` invocations at the same time.
    ///
    /// Every call holds one of these, and one that waits does too. Unless the policy says otherwise one
    /// in 16 of them is left to requests that do not need this provider, however slow it is.
    pub fn room(&self, consumer: u32) -> CallRoom {
        let all = consumer - consumer / KEPT_FREE;
        let usual = self.concurrency.map_or(all / QUEUE_SHARE, |calls| calls / (QUEUE_SHARE - 1));
        let queue = self.queue.unwrap_or(usual);
        let rest = all.saturating_sub(queue);
        CallRoom { concurrency: self.concurrency.unwrap_or(rest).max(1), queue }
    }
}

impl CallPolicies {
    /// These policies for the interfaces that are named, and `others` for all others.
    pub fn new(others: CallPolicy, named: Vec<(InterfaceName, CallPolicy)>) -> Self {
        Self { others, named }
    }

    /// The policy of calls to this import.
    pub fn of(&self, import: &InterfaceName) -> &CallPolicy {
        let named = self.named.iter().find(|(interface, _)| interface == import);
        named.map_or(&self.others, |(_, policy)| policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_provider_leaves_its_consumer_room_for_other_requests() {
        let usual = CallPolicy::default();
        assert_eq!(usual.room(128), CallRoom { concurrency: 96, queue: 24 });
        assert_eq!(usual.room(1), CallRoom { concurrency: 1, queue: 0 });
        assert_eq!(usual.room(8), CallRoom { concurrency: 7, queue: 1 });
        for consumer in [16, 17, 64, 128, 256, 1000] {
            let room = usual.room(consumer);
            assert!(room.concurrency + room.queue < consumer, "{consumer}: {room:?}");
        }
    }

    #[test]
    fn what_a_policy_says_holds() {
        let policy = CallPolicy { concurrency: Some(4), queue: Some(0), ..CallPolicy::default() };
        assert_eq!(policy.room(128), CallRoom { concurrency: 4, queue: 0 });
        let policy = CallPolicy { concurrency: Some(8), ..CallPolicy::default() };
        assert_eq!(policy.room(128), CallRoom { concurrency: 8, queue: 2 });
        let policy = CallPolicy { queue: Some(500), ..CallPolicy::default() };
        assert_eq!(policy.room(128), CallRoom { concurrency: 1, queue: 500 });
    }
}
