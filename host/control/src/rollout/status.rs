//! What is shown of a rollout.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use thali_contract::name::InterfaceName;

use crate::live::LiveService;

/// A rollout that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RolloutStatus {
    /// Since when.
    pub begun_at: Timestamp,
    /// What clients keep their revision by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky: Option<String>,
    /// The live revisions, the stable one first.
    pub revisions: Vec<LiveRevisionStatus>,
}

/// One of several live revisions. The counts are those since the host or the revision began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LiveRevisionStatus {
    /// Its number.
    pub revision: u32,
    /// Of the requests.
    pub percent: u8,
    /// Whether it is the stable one.
    pub stable: bool,
    /// The interface that nobody provides; until somebody does, the others get its share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<InterfaceName>,
    /// Invocations that run now.
    pub in_flight: usize,
    /// Invocations that have ended.
    pub requests: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// The time that half of them did not take longer than, to a quarter of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<u64>,
    /// The same for 99 in 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<u64>,
}

impl RolloutStatus {
    /// `None` for a service that has none. A canary that did not come back after a restart is not shown.
    pub(crate) fn of(service: &LiveService) -> Option<Self> {
        let rollout = service.record.rollout.as_ref()?;
        let canaries = service.canaries.iter().map(|canary| {
            let percent = rollout.percent_of(canary.service.revision.number()).unwrap_or_default();
            LiveRevisionStatus::of(&canary.service, percent.get(), false)
        });
        let canaries: Vec<_> = canaries.collect();
        let taken = canaries.iter().map(|canary| canary.percent);
        let rest = taken.fold(thali_runtime::SHARES_TOTAL, u8::saturating_sub);
        let stable = LiveRevisionStatus::of(service, rest, true);
        Some(Self {
            begun_at: rollout.begun_at,
            sticky: service.record.sticky.as_ref().map(ToString::to_string),
            revisions: std::iter::once(stable).chain(canaries).collect(),
        })
    }
}

impl LiveRevisionStatus {
    fn of(service: &LiveService, percent: u8, stable: bool) -> Self {
        let revision = &service.revision;
        let counted = revision.outcomes().snapshot();
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            revision: revision.number(),
            percent,
            stable,
            waiting_for: service.waiting_for.clone(),
            in_flight: revision.in_flight(),
            requests: counted.requests,
            failures: counted.failures,
            p50_ms: counted.percentile(50).map(ms),
            p99_ms: counted.percentile(99).map(ms),
        }
    }
}
