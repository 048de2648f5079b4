//! What has been counted up to one moment.

use std::collections::{BTreeMap, HashMap};

use thali_contract::name::{InterfaceName, ServiceName};
use thali_control::{Live, LiveService};
use thali_platform::events::SubscriptionId;
use thali_runtime::{BreakerState, GateCounts};
use tokio::time::Instant;

use super::Watched;
use super::process;
use super::quantile::Durations;

/// All that rates are made of.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) host: Requests,
    pub(super) shed: u64,
    /// Seconds that this process has computed.
    pub(super) cpu_s: f64,
    pub(super) services: BTreeMap<ServiceName, Service>,
    /// By who calls, and what.
    pub(super) calls: BTreeMap<(ServiceName, InterfaceName), Calls>,
    /// Events that were delivered.
    pub(super) delivered: HashMap<SubscriptionId, u64>,
}

/// Requests that were answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    pub(super) errors: u64,
    pub(super) durations: Durations,
}

/// What was counted of one service.
#[derive(Clone, Debug, Default)]
pub(super) struct Service {
    pub(super) requests: Requests,
    /// By the number of each live revision: they begin to count when they are deployed.
    pub(super) revisions: Vec<Revision>,
    /// The most memory that its instances had together since the sample before.
    pub(super) memory_bytes: u64,
}

/// What was counted of one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Revision {
    pub(super) number: u32,
    pub(super) invocations: u64,
    pub(super) traps: u64,
}

/// The calls of one service to one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Calls {
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) breaker: BreakerState,
    pub(super) forced: bool,
}

impl Sample {
    pub(super) fn take(watched: &Watched, live: &Live) -> Self {
        let mut host = Requests::default();
        let mut services: BTreeMap<_, _> =
            live.services.iter().map(|live| (live.name().clone(), Service::of(live))).collect();
        watched.fronts.traffic.each(|service, counts| {
            let errors = counts.classes().filter(|(class, _)| *class == "5xx");
            let errors = errors.map(|(_, count)| count).sum();
            let (_, durations) = counts.durations();
            host.add(errors, &durations);
            if let Some(service) = service.and_then(|name| services.get_mut(name)) {
                service.requests.add(errors, &durations);
            }
        });
        let deliveries = watched.control.events().deliveries().into_iter();
        let gates = live.services.iter().map(|live| live.revision.admissions());
        let shed = gates.chain([watched.runtime.admissions()]).map(|counts| shed(&counts)).sum();
        Self {
            at: Instant::now(),
            host,
            shed,
            cpu_s: process::cpu_s(),
            services,
            calls: live.services.iter().flat_map(calls).collect(),
            delivered: deliveries.map(|counts| (counts.id, counts.delivered)).collect(),
        }
    }
}

impl Sample {
    /// Whether a breaker has another state than in `later`.
    pub(super) fn has_other_breakers(&self, later: &Self) -> bool {
        let state = |calls: &Calls| (calls.breaker, calls.forced);
        later.calls.iter().any(|(edge, now)| {
            self.calls.get(edge).is_some_and(|before| state(before) != state(now))
        })
    }
}

impl Requests {
    fn add(&mut self, errors: u64, durations: &[(f64, u64)]) {
        self.errors += errors;
        self.durations.add(durations);
    }
}

impl Service {
    fn of(live: &LiveService) -> Self {
        let revisions = live.revisions().map(|live| Revision {
            number: live.revision.number(),
            invocations: live.revision.invocations(),
            traps: live.revision.traps(),
        });
        Self {
            requests: Requests::default(),
            revisions: revisions.collect(),
            memory_bytes: live.revision.usage().take_memory_bytes_most() as u64,
        }
    }
}

fn shed(counts: &GateCounts) -> u64 {
    counts.refused_full + counts.refused_late
}

/// What the live revisions of a service call. Revisions share the counts.
fn calls(
    service: &LiveService,
) -> impl Iterator<Item = ((ServiceName, InterfaceName), Calls)> + '_ {
    let upstreams = service.revisions().flat_map(|live| live.revision.upstreams());
    upstreams.map(|upstream| {
        let snapshot = upstream.snapshot();
        let calls = Calls {
            calls: snapshot.calls,
            failures: snapshot.failures,
            breaker: snapshot.breaker.state,
            forced: snapshot.breaker.forced,
        };
        ((service.name().clone(), snapshot.interface), calls)
    })
}
