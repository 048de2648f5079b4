//! What there is to see of calls.

use std::sync::atomic::{AtomicU64, Ordering};

use thali_contract::name::InterfaceName;

use super::breaker::BreakerView;
use super::policy::{CallPolicy, CallRoom};
use super::upstream::Upstream;
use crate::histogram::HistogramSnapshot;

/// The calls of one service to one interface, at one moment. Counts begin with the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSnapshot {
    /// What is called, as the consumer imports it.
    pub interface: InterfaceName,
    /// How.
    pub policy: CallPolicy,
    /// How many calls may run and wait.
    pub room: CallRoom,
    /// How many do.
    pub taken: CallRoom,
    /// How the circuit breaker stands that lets the least through.
    pub breaker: BreakerView,
    /// The breakers of all revisions that provide the interface, such as `payments/3`.
    pub breakers: Vec<(String, BreakerView)>,
    /// Calls that were made, each counted once whatever its attempts.
    pub calls: u64,
    /// Attempts that count as failures of the provider.
    pub failures: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Calls that the open breaker refused.
    pub cut_off: u64,
    /// Calls that found no room.
    pub crowded_out: u64,
    /// How often the breaker opened.
    pub opened: u64,
    /// Calls that have ended, by how: `answered`, `trapped`, `timed_out`, `breaker_open`, `no_room`,
    /// `unavailable` or `failed`.
    pub ends: Vec<(&'static str, u64)>,
    /// How long they took, in microseconds.
    pub took_us: HistogramSnapshot,
}

impl Upstream {
    /// What there is to see now.
    pub fn snapshot(&self) -> CallSnapshot {
        let circuit = self.circuit();
        let (breaker, breakers) = circuit.views();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = &circuit.counts;
        CallSnapshot {
            interface: self.interface().clone(),
            policy: self.policy().clone(),
            room: self.bulkhead().room(),
            taken: self.bulkhead().taken(),
            breaker,
            breakers,
            calls: read(&counts.calls),
            failures: read(&counts.failures),
            retries: read(&counts.retries),
            cut_off: read(&counts.cut_off),
            crowded_out: read(&counts.crowded_out),
            opened: read(&counts.opened),
            ends: counts.ends.counts(),
            took_us: counts.ends.took_us(),
        }
    }
}
