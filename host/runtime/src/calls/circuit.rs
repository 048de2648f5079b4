//! What is kept of the calls of one service to one interface, whatever revisions make and answer them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use thali_contract::name::{InterfaceName, ServiceName};

use super::breaker::{Admission, Breaker, Change, Verdict};
use super::budget::RetryBudget;
use super::chance::Chance;
use super::policy::BreakerPolicy;

/// All circuits of a host that some revision still holds.
#[derive(Default)]
pub(crate) struct Circuits(Mutex<HashMap<Key, Weak<Circuit>>>);

/// A consumer, and an interface without the part of its version that compatible versions differ in.
type Key = (ServiceName, String);

/// The breaker, the retry budget and the counts of one service's calls to one interface.
pub(super) struct Circuit {
    consumer: ServiceName,
    line: String,
    pub(super) breaker: Breaker,
    pub(super) budget: RetryBudget,
    pub(super) chance: Chance,
    pub(super) counts: Counts,
}

/// What happened since the host started.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) calls: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) cut_off: AtomicU64,
    pub(super) crowded_out: AtomicU64,
    pub(super) opened: AtomicU64,
}

impl Circuits {
    /// The circuit of these calls: the one that another revision of the consumer uses, or a new one.
    pub(super) fn circuit(&self, consumer: &ServiceName, import: &InterfaceName) -> Arc<Circuit> {
        let mut circuits = self.0.lock();
        let key = (consumer.clone(), import.line());
        if let Some(circuit) = circuits.get(&key).and_then(Weak::upgrade) {
            return circuit;
        }
        // Revisions are prepared rarely: the time to forget what nobody holds.
        circuits.retain(|_, circuit| circuit.strong_count() > 0);
        let circuit = Arc::new(Circuit::new(key.clone()));
        circuits.insert(key, Arc::downgrade(&circuit));
        circuit
    }
}

impl Circuit {
    fn new((consumer, line): Key) -> Self {
        Self {
            consumer,
            line,
            breaker: Breaker::new(),
            budget: RetryBudget::default(),
            chance: Chance::new(),
            counts: Counts::default(),
        }
    }

    /// Tells the breaker what became of a call, and the log what became of the breaker.
    pub(super) fn record(&self, admission: Admission, verdict: Verdict, policy: &BreakerPolicy) {
        if verdict == Verdict::Failure {
            self.counts.failures.fetch_add(1, Ordering::Relaxed);
        }
        let Some(change) = self.breaker.record(admission, verdict, policy) else { return };
        let (consumer, interface) = (&self.consumer, &self.line);
        match change {
            Change::Opened { failures, pause } => {
                self.counts.opened.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    %consumer, interface,
                    "circuit breaker opened after {failures} failures in a row; one call probes in {pause:?}"
                );
            }
            Change::StaysOpen { pause } => {
                tracing::warn!(
                    %consumer, interface,
                    "circuit breaker stays open: the probe failed; the next one is in {pause:?}"
                );
            }
            Change::Closed => {
                tracing::info!(%consumer, interface, "circuit breaker closed: the probe succeeded");
            }
        }
    }

    /// Says that an operator changed the breaker.
    pub(super) fn log_forced(&self, force: super::Force) {
        let (consumer, interface) = (&self.consumer, &self.line);
        tracing::warn!(%consumer, interface, "circuit breaker: an operator says {force:?}");
    }
}
