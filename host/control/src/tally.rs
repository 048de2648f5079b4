//! What became of deploys since the host started, counted by atomics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use thali_platform::SendCounts;
use thali_runtime::{Histogram, HistogramSnapshot};

use crate::control::Control;
use crate::error::DeployError;
use crate::outcome::{Deployed, Outcome};

/// Up to how many milliseconds deploys and compilations took: a small component takes 50, an interpreter 10,000.
const TOOK_MS: [u64; 12] = [1, 5, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 60_000];

/// What a deploy came to, as the metrics say it.
const DEPLOYS: [&str; 6] = ["created", "restored", "canary", "unchanged", "refused", "failed"];

/// What a compilation came to.
const COMPILES: [&str; 4] = ["compiled", "cached", "refused", "failed"];

/// Who rolled back.
const ROLLBACKS: [&str; 2] = ["operator", "automatic"];

/// Counts of one host.
#[derive(Debug)]
pub(crate) struct Tally {
    deploys: [AtomicU64; DEPLOYS.len()],
    deploys_ms: Histogram,
    compiles_ms: [Histogram; COMPILES.len()],
    rollbacks: [AtomicU64; ROLLBACKS.len()],
}

/// What became of deploys, and of messages, since the host started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlCounts {
    /// Deploys by what they came to: `created`, `restored`, `canary`, `unchanged`, `refused` or `failed`.
    pub deploys: Vec<(&'static str, u64)>,
    /// How long they took in milliseconds, the waits included.
    pub deploys_ms: HistogramSnapshot,
    /// How long compilations took in milliseconds, by what they came to: `compiled`, `cached`, `refused` or
    /// `failed`.
    pub compiles_ms: Vec<(&'static str, HistogramSnapshot)>,
    /// Rollbacks by who made them: `operator` or `automatic`.
    pub rollbacks: Vec<(&'static str, u64)>,
    /// Email.
    pub mail: SendCounts,
    /// Text messages.
    pub sms: SendCounts,
}

/// Who rolled a service back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RolledBackBy {
    Operator,
    Host,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            deploys: Default::default(),
            deploys_ms: Histogram::new(&TOOK_MS),
            compiles_ms: std::array::from_fn(|_| Histogram::new(&TOOK_MS)),
            rollbacks: Default::default(),
        }
    }
}

impl Tally {
    /// A deploy has ended.
    pub(crate) fn deployed(&self, outcome: &Result<Deployed, DeployError>, took: Duration) {
        let at = match outcome {
            Ok(deployed) => match deployed.outcome {
                Outcome::Created => 0,
                Outcome::Restored => 1,
                Outcome::Canary => 2,
                Outcome::Unchanged => 3,
                // A deploy does none of these.
                Outcome::Traffic | Outcome::Promoted | Outcome::RolledBack => return,
            },
            Err(error) if error.status() < 500 => 4,
            Err(_) => 5,
        };
        count(&self.deploys, at);
        self.deploys_ms.count(ms(took));
    }

    /// A compilation has ended; whether its code was there already.
    pub(crate) fn compiled(&self, outcome: Result<bool, &DeployError>, took: Duration) {
        let at = match outcome {
            Ok(false) => 0,
            Ok(true) => 1,
            Err(error) if error.status() < 500 => 2,
            Err(_) => 3,
        };
        if let Some(histogram) = self.compiles_ms.get(at) {
            histogram.count(ms(took));
        }
    }

    /// A service was rolled back.
    pub(crate) fn rolled_back(&self, by: RolledBackBy) {
        count(&self.rollbacks, by as usize);
    }
}

fn count(counts: &[AtomicU64], at: usize) {
    if let Some(count) = counts.get(at) {
        count.fetch_add(1, Relaxed);
    }
}

fn ms(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

impl Control {
    /// What became of deploys, and of messages.
    pub fn counts(&self) -> ControlCounts {
        let tally = &self.tally;
        let read = |count: &AtomicU64| count.load(Relaxed);
        let compiles = tally.compiles_ms.iter().map(Histogram::snapshot);
        ControlCounts {
            deploys: DEPLOYS.into_iter().zip(tally.deploys.iter().map(read)).collect(),
            deploys_ms: tally.deploys_ms.snapshot(),
            compiles_ms: COMPILES.into_iter().zip(compiles).collect(),
            rollbacks: ROLLBACKS.into_iter().zip(tally.rollbacks.iter().map(read)).collect(),
            mail: self.backends.mailer.counts(),
            sms: self.backends.texter.counts(),
        }
    }
}
