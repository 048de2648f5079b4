//! What calls between services and rollouts tell.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;
use thali_control::{Control, Live, LiveService};
use thali_runtime::{BreakerState, CallSnapshot, NodeIndex, OutcomeSnapshot};

use super::family::{Family, Label, named};

/// Collects from the live revisions.
pub(super) struct Revisions(pub(super) Arc<Control>);

impl fmt::Debug for Revisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revisions").finish_non_exhaustive()
    }
}

impl Collector for Revisions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let live = self.0.live();
        calls(&live, &mut encoder)?;
        rollouts(&live, &mut encoder)
    }
}

/// The calls of one service to one interface: there is one series for each import of each service.
struct Calls {
    consumer: String,
    /// Who provides the interface now; empty when nobody does.
    provider: String,
    snapshot: CallSnapshot,
}

impl Calls {
    fn labels(&self) -> [Label; 3] {
        [
            named(&self.consumer),
            ("provider", self.provider.clone()),
            ("interface", self.snapshot.interface.to_string()),
        ]
    }

    fn labels_with(&self, name: &'static str, value: &str) -> [Label; 4] {
        let [service, provider, interface] = self.labels();
        [service, provider, interface, (name, value.to_owned())]
    }
}

fn calls(live: &Live, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let nodes = (0..).map(NodeIndex).zip(&live.services);
    let all: Vec<_> = nodes.flat_map(|(at, service)| calls_of(live, at, service)).collect();
    let each = |count: fn(&CallSnapshot) -> u64| {
        all.iter().map(move |calls| (calls.labels(), count(&calls.snapshot)))
    };
    let help = "Calls of the service to the interface, each counted once whatever its attempts";
    Family::counter(encoder, "calls", help).each(each(|calls| calls.calls))?;
    let help = "Calls that have ended, by how they did for who made them";
    let ends = all.iter().flat_map(|calls| {
        let labels = |end: &str| calls.labels_with("outcome", end);
        calls.snapshot.ends.iter().map(move |(end, count)| (labels(end), *count))
    });
    Family::counter(encoder, "call_outcomes", help).each(ends)?;
    let help = "How long calls took, all attempts and the pauses between them included";
    let took = all.iter().map(|calls| (calls.labels(), calls.snapshot.took_us.clone()));
    Family::histogram(encoder, "call_duration", help)
        .in_unit(&Unit::Seconds)
        .each_histogram(1e-6, took)?;
    let help = "Attempts that failed by the provider's fault";
    Family::counter(encoder, "call_failures", help).each(each(|calls| calls.failures))?;
    let help = "Attempts after the first";
    Family::counter(encoder, "call_retries", help).each(each(|calls| calls.retries))?;
    let help = "Calls that were not made";
    let refused = all.iter().flat_map(|calls| {
        let CallSnapshot { cut_off, crowded_out, .. } = calls.snapshot;
        [("breaker_open", cut_off), ("no_room", crowded_out)]
            .map(|(why, count)| (calls.labels_with("reason", why), count))
    });
    Family::counter(encoder, "calls_refused", help).each(refused)?;
    let help = "Calls that run";
    Family::gauge(encoder, "calls_running", help)
        .each(each(|calls| calls.taken.concurrency.into()))?;
    let help = "Calls that wait for those";
    Family::gauge(encoder, "calls_waiting", help).each(each(|calls| calls.taken.queue.into()))?;
    let help = "How often the circuit breaker opened";
    Family::counter(encoder, "breaker_opened", help).each(each(|calls| calls.opened))?;
    let help = "The circuit breaker, of several the worst: 0 closed, 1 half open, 2 open";
    Family::gauge(encoder, "breaker_state", help).each(each(|calls| match calls.breaker.state {
        BreakerState::Closed => 0,
        BreakerState::HalfOpen => 1,
        BreakerState::Open => 2,
    }))
}

/// What the live revisions call. Counts are of the service: revisions share them.
fn calls_of(live: &Live, at: NodeIndex, service: &LiveService) -> Vec<Calls> {
    let mut all: Vec<Calls> = Vec::new();
    for upstream in service.revisions().flat_map(|live| live.revision.upstreams()) {
        if all.iter().all(|calls| calls.snapshot.interface != *upstream.interface()) {
            let consumer = service.name().to_string();
            let mut providers = live.topology.providers(at);
            let provider = providers.find(|(import, _)| import.name == *upstream.interface());
            let provider = provider.map_or_else(String::new, |(_, provider)| {
                live.topology.revision(provider).service().to_string()
            });
            all.push(Calls { consumer, provider, snapshot: upstream.snapshot() });
        }
    }
    all
}

/// One of several live revisions of a service.
struct Rolling {
    service: String,
    revision: u32,
    percent: u64,
    outcomes: OutcomeSnapshot,
}

fn rollouts(live: &Live, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let rolling = live.rolling.iter().filter_map(|slot| live.services.get(*slot));
    let all: Vec<_> = rolling.flat_map(rolling_of).collect();
    let each = |count: fn(&Rolling) -> u64| {
        all.iter()
            .map(move |of| ([named(&of.service), ("revision", of.revision.to_string())], count(of)))
    };
    let help = "The share that each of several live revisions has, in percent";
    Family::gauge(encoder, "rollout_share", help).each(each(|of| of.percent))?;
    let help = "Invocations of each of several live revisions that have ended";
    Family::counter(encoder, "rollout_requests", help).each(each(|of| of.outcomes.requests))?;
    let help = "Those of them that failed";
    Family::counter(encoder, "rollout_failures", help).each(each(|of| of.outcomes.failures))
}

fn rolling_of(service: &LiveService) -> Vec<Rolling> {
    let Some(rollout) = &service.record.rollout else { return Vec::new() };
    let stable = service.revision.number();
    let percent = |number| match number == stable {
        true => rollout.stable_percent(),
        false => rollout.percent_of(number).unwrap_or_default().get(),
    };
    let revisions = service.revisions().map(|live| &live.revision);
    let rolling = revisions.map(|revision| Rolling {
        service: service.name().to_string(),
        revision: revision.number(),
        percent: percent(revision.number()).into(),
        outcomes: revision.outcomes().snapshot(),
    });
    rolling.collect()
}
