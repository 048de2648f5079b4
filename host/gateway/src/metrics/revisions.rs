//! What calls between services and rollouts tell.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use thali_control::{Control, Live, LiveService};
use thali_runtime::{BreakerState, CallSnapshot, OutcomeSnapshot};

use super::family::{Family, named};

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
    snapshot: CallSnapshot,
}

impl Calls {
    fn labels(&self) -> [(&'static str, String); 2] {
        [named(&self.consumer), ("interface", self.snapshot.interface.to_string())]
    }
}

fn calls(live: &Live, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let all: Vec<_> = live.services.iter().flat_map(calls_of).collect();
    let each = |count: fn(&CallSnapshot) -> u64| {
        all.iter().map(move |calls| (calls.labels(), count(&calls.snapshot)))
    };
    let help = "Calls of the service to the interface, each counted once whatever its attempts";
    Family::counter(encoder, "calls", help).each(each(|calls| calls.calls))?;
    let help = "Attempts that failed by the provider's fault";
    Family::counter(encoder, "call_failures", help).each(each(|calls| calls.failures))?;
    let help = "Attempts after the first";
    Family::counter(encoder, "call_retries", help).each(each(|calls| calls.retries))?;
    let help = "Calls that were not made";
    let refused = all.iter().flat_map(|calls| {
        let [service, interface] = calls.labels();
        let reason = |why: &str| ("reason", why.to_owned());
        let CallSnapshot { cut_off, crowded_out, .. } = calls.snapshot;
        [("breaker_open", cut_off), ("no_room", crowded_out)]
            .map(|(why, count)| ([service.clone(), interface.clone(), reason(why)], count))
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
fn calls_of(service: &LiveService) -> Vec<Calls> {
    let mut all: Vec<Calls> = Vec::new();
    for upstream in service.revisions().flat_map(|live| live.revision.upstreams()) {
        if all.iter().all(|calls| calls.snapshot.interface != *upstream.interface()) {
            let consumer = service.name().to_string();
            all.push(Calls { consumer, snapshot: upstream.snapshot() });
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
