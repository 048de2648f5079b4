//! What is kept of the calls of one service to one interface, whatever revisions make and answer them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use thali_contract::name::{InterfaceName, ServiceName};

use super::breaker::{Admission, Breaker, BreakerView, Change, Force, Verdict};
use super::budget::RetryBudget;
use super::chance::Chance;
use super::ends::Ends;
use super::policy::BreakerPolicy;

/// All circuits of a host that some revision still holds.
#[derive(Default)]
pub(crate) struct Circuits(Mutex<HashMap<Key, Weak<Circuit>>>);

/// A consumer, and an interface without the part of its version that compatible versions differ in.
type Key = (ServiceName, String);

/// The breakers, the retry budget and the counts of one service's calls to one interface.
pub(super) struct Circuit {
    consumer: ServiceName,
    line: String,
    breakers: Mutex<Breakers>,
    pub(super) budget: RetryBudget,
    pub(super) chance: Chance,
    pub(super) counts: Counts,
}

/// One for each revision that provides the interface: a new one that fails does not cut off the one that
/// works, and one that mends what failed is not cut off for it.
struct Breakers {
    /// What an operator wants of all of them, and of those to come.
    force: Force,
    /// Those that some topology still leads to.
    known: Vec<Weak<ProviderBreaker>>,
}

/// The breaker of one service's calls to one interface in one revision.
pub(crate) struct ProviderBreaker {
    /// `payments/3`.
    provider: Box<str>,
    pub(super) breaker: Breaker,
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
    pub(super) ends: Ends,
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
            breakers: Mutex::new(Breakers { force: Force::Auto, known: Vec::new() }),
            budget: RetryBudget::default(),
            chance: Chance::new(),
            counts: Counts::default(),
        }
    }

    /// The breaker for a revision, such as `payments/3`: the one that another topology leads to, or a
    /// new one.
    pub(super) fn breaker_for(&self, provider: &str) -> Arc<ProviderBreaker> {
        let mut breakers = self.breakers.lock();
        let known = breakers.live().find(|known| *known.provider == *provider);
        if let Some(known) = known {
            return known;
        }
        breakers.known.retain(|breaker| breaker.strong_count() > 0);
        let breaker = Breaker::new();
        breaker.force(breakers.force);
        let breaker = Arc::new(ProviderBreaker { provider: provider.into(), breaker });
        breakers.known.push(Arc::downgrade(&breaker));
        breaker
    }

    /// Does with all breakers, and with those to come, what an operator wants. Answers whether anything
    /// changed.
    pub(super) fn force(&self, force: Force) -> bool {
        let mut breakers = self.breakers.lock();
        let mut changed = std::mem::replace(&mut breakers.force, force) != force;
        for known in breakers.live() {
            changed |= known.breaker.force(force);
        }
        changed
    }

    /// How the breakers stand: the worst one, and all of them by their provider's revision.
    pub(super) fn views(&self) -> (BreakerView, Vec<(String, BreakerView)>) {
        let breakers = self.breakers.lock();
        let view = |known: Arc<ProviderBreaker>| (known.provider.to_string(), known.breaker.view());
        let all: Vec<_> = breakers.live().map(view).collect();
        let worst = all.iter().map(|(_, view)| *view).max_by_key(BreakerView::badness);
        let worst = worst.unwrap_or_else(|| {
            let unused = Breaker::new();
            unused.force(breakers.force);
            unused.view()
        });
        (worst, all)
    }

    /// Tells a breaker what became of a call, and the log what became of the breaker.
    pub(super) fn record(
        &self,
        ProviderBreaker { provider, breaker }: &ProviderBreaker,
        admission: Admission,
        verdict: Verdict,
        policy: &BreakerPolicy,
    ) {
        if verdict == Verdict::Failure {
            self.counts.failures.fetch_add(1, Ordering::Relaxed);
        }
        let Some(change) = breaker.record(admission, verdict, policy) else { return };
        let (consumer, interface) = (&self.consumer, &self.line);
        match change {
            Change::Opened { failures, pause } => {
                self.counts.opened.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    %consumer, interface, provider,
                    "circuit breaker opened after {failures} failures in a row; one call probes in {pause:?}"
                );
            }
            Change::StaysOpen { pause } => {
                tracing::warn!(
                    %consumer, interface, provider,
                    "circuit breaker stays open: the probe failed; the next one is in {pause:?}"
                );
            }
            Change::Closed => {
                tracing::info!(%consumer, interface, provider, "circuit breaker closed: the probe succeeded");
            }
        }
    }

    /// Says that an operator changed the breaker.
    pub(super) fn log_forced(&self, force: Force) {
        let (consumer, interface) = (&self.consumer, &self.line);
        tracing::warn!(%consumer, interface, "circuit breaker: an operator says {force:?}");
    }
}

impl Breakers {
    fn live(&self) -> impl Iterator<Item = Arc<ProviderBreaker>> {
        self.known.iter().filter_map(Weak::upgrade)
    }
}
