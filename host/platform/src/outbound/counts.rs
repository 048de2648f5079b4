//! What became of a service's requests.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::error::OutboundError;

/// Counters of one revision.
#[derive(Debug, Default)]
pub(super) struct Counts {
    answered: AtomicU64,
    denied: AtomicU64,
    invalid: AtomicU64,
    exhausted: AtomicU64,
    unreachable: AtomicU64,
    timed_out: AtomicU64,
    broken: AtomicU64,
    connections: AtomicU64,
}

/// What became of the requests of one revision since it was linked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutboundCounts {
    /// The head of an answer came. When its body fails, that is counted as well.
    pub answered: u64,
    /// To where the service may not go.
    pub denied: u64,
    /// That were no requests.
    pub invalid: u64,
    /// More than the service may send.
    pub exhausted: u64,
    /// The name, the connection or TLS failed.
    pub unreachable: u64,
    /// The answer, or the next part of it, did not come in time.
    pub timed_out: u64,
    /// What came was too large, or no answer.
    pub broken: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// Requests that are under way now, until the end of the answer's body.
    pub open: u64,
    /// Connections that are open now, those that wait for the next request among them.
    pub connections_open: u64,
}

impl Counts {
    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended<T>(&self, outcome: &Result<T, OutboundError>) {
        let counter = match outcome {
            Ok(_) => &self.answered,
            Err(OutboundError::Denied(_)) => &self.denied,
            Err(OutboundError::Invalid(_)) => &self.invalid,
            Err(OutboundError::Exhausted(_)) => &self.exhausted,
            Err(OutboundError::Dns(_) | OutboundError::Connect(_) | OutboundError::Tls(_)) => {
                &self.unreachable
            }
            Err(OutboundError::Timeout(_)) => &self.timed_out,
            Err(OutboundError::TooLarge(_) | OutboundError::Protocol(_)) => &self.broken,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self, open: u64, connections_open: u64) -> OutboundCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        OutboundCounts {
            answered: of(&self.answered),
            denied: of(&self.denied),
            invalid: of(&self.invalid),
            exhausted: of(&self.exhausted),
            unreachable: of(&self.unreachable),
            timed_out: of(&self.timed_out),
            broken: of(&self.broken),
            connections: of(&self.connections),
            open,
            connections_open,
        }
    }
}
