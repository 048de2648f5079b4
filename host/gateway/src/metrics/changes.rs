//! What deploys, schedules and messages tell.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;
use thali_control::{Control, ControlCounts, ServiceState};
use thali_platform::SendCounts;
use thali_platform::schedules::{LastRun, Outcome, ScheduleStatus};

use super::family::{Family, Label, named};

/// Collects from the host's control.
pub(super) struct Changes(pub(super) Arc<Control>);

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}

impl Collector for Changes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let help = "Whether the service serves: 0 or 1";
        let up = self.0.services().into_iter().map(|service| {
            let up = service.state == ServiceState::Running;
            ([named(service.name.as_str())], u64::from(up))
        });
        Family::gauge(encoder, "service_up", help).each(up)?;
        let help = "The revision that is live, of several the stable one";
        let live = self.0.live();
        let revisions = live.services.iter().map(|service| {
            ([named(service.name().as_str())], u64::from(service.revision.number()))
        });
        Family::gauge(encoder, "service_revision", help).each(revisions)?;
        deploys(&self.0.counts(), encoder)?;
        schedules(&self.0.schedules().status(), encoder)
    }
}

fn deploys(counts: &ControlCounts, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let by = |label, counts: &[(&'static str, u64)]| {
        let each = |(which, count): &(&'static str, u64)| ([(label, (*which).to_owned())], *count);
        counts.iter().map(each).collect::<Vec<_>>()
    };
    let help = "Deploys, by what they came to";
    Family::counter(encoder, "deploys", help).each(by("outcome", &counts.deploys))?;
    let help = "How long deploys took, waits for others included";
    Family::histogram(encoder, "deploy", help)
        .in_unit(&Unit::Seconds)
        .each_histogram(1e-3, [([], counts.deploys_ms.clone())])?;
    let help = "Rollbacks, by who made them";
    Family::counter(encoder, "rollbacks", help).each(by("by", &counts.rollbacks))?;
    let help = "How long it took to compile components, by what it came to";
    let compiles = counts.compiles_ms.iter();
    let compiles = compiles.map(|(outcome, took)| ([outcome_of(outcome)], took.clone()));
    Family::histogram(encoder, "compile", help)
        .in_unit(&Unit::Seconds)
        .each_histogram(1e-3, compiles)?;
    let help = "Email and text messages, by what became of them";
    let messages = [("mail", counts.mail), ("sms", counts.sms)].into_iter().flat_map(
        |(channel, SendCounts { sent, rejected, unavailable })| {
            [("sent", sent), ("rejected", rejected), ("unavailable", unavailable)].map(
                |(outcome, count)| ([("channel", channel.to_owned()), outcome_of(outcome)], count),
            )
        },
    );
    Family::counter(encoder, "messages", help).each(messages)
}

fn schedules(all: &[ScheduleStatus], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "Runs of schedules since their service was first deployed, by what became of them";
    let runs = all.iter().flat_map(|of| {
        let is_running = |last: &LastRun| last.outcome == Outcome::Running;
        let running = u64::from(of.last_run.as_ref().is_some_and(is_running));
        let ok = of.runs.saturating_sub(of.failures + running);
        [("ok", ok), ("failed", of.failures), ("skipped", of.skipped)].map(|(outcome, count)| {
            let schedule = ("schedule", of.name.clone());
            ([named(of.service.as_str()), schedule, outcome_of(outcome)], count)
        })
    });
    Family::counter(encoder, "schedule_runs", help).each(runs)
}

fn outcome_of(outcome: &str) -> Label {
    ("outcome", outcome.to_owned())
}
