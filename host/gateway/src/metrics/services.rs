//! What the services tell: who runs and waits, what their instances use, and how they end.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;
use thali_control::{Control, Live, LiveService};
use thali_runtime::{GateCounts, UsageSnapshot};

use super::family::{Family, Label, named};

/// Collects from the live services.
pub(super) struct Services(pub(super) Arc<Control>);

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").finish_non_exhaustive()
    }
}

impl Collector for Services {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let live = self.0.live();
        gates(&live, &mut encoder)?;
        usage(&live, &mut encoder)
    }
}

fn gates(live: &Live, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let of = |service: &LiveService| (service.name().to_string(), service.revision.admissions());
    let gates: Vec<_> = live.services.iter().map(of).collect();
    let each = |count: fn(&GateCounts) -> usize| {
        gates.iter().map(move |(name, counts)| ([named(name)], count(counts) as u64))
    };
    let help = "Invocations that run, or whose answer is being sent";
    Family::gauge(encoder, "running", help).each(each(|counts| counts.running))?;
    let help = "Who waits for the service";
    Family::gauge(encoder, "queued", help).each(each(|counts| counts.waiting))?;
    let help = "Invocations that may run at the same time now";
    Family::gauge(encoder, "places", help).each(each(|counts| counts.places))?;
    let help = "Requests that the service had no room or no time for";
    let refused = gates
        .iter()
        .flat_map(|(name, counts)| shed(counts).map(|(why, count)| ([named(name), why], count)));
    Family::counter(encoder, "shed", help).each(refused)
}

fn usage(live: &Live, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let of =
        |service: &LiveService| (service.name().to_string(), service.revision.usage().snapshot());
    let usage: Vec<_> = live.services.iter().map(of).collect();
    let each = |count: fn(&UsageSnapshot) -> u64| {
        usage.iter().map(move |(name, usage)| ([named(name)], count(usage)))
    };
    let help = "Invocations that have begun";
    Family::counter(encoder, "invocations", help).each(each(|usage| usage.invocations))?;
    let help = "Guests that ended other than by returning, by why";
    let traps = usage.iter().flat_map(|(name, usage)| {
        let label = |reason: &str| ("reason", reason.to_owned());
        usage.traps.iter().map(move |(reason, count)| ([named(name), label(reason)], *count))
    });
    Family::counter(encoder, "traps", help).each(traps)?;
    let help = "Instances that exist now, idle ones among them";
    Family::gauge(encoder, "instances", help).each(each(|usage| usage.instances as u64))?;
    let help = "Instances that wait to be used again, of services that allow it";
    let idle = live.services.iter().map(|service| {
        let idle: usize = service.revisions().map(|live| live.revision.idle_instances()).sum();
        ([named(service.name().as_str())], idle as u64)
    });
    Family::gauge(encoder, "instances_idle", help).each(idle)?;
    let help = "Linear memory of the instances that exist now";
    let memory = each(|usage| usage.memory_bytes as u64);
    Family::gauge(encoder, "memory", help).in_unit(&Unit::Bytes).each(memory)?;
    let help = "The most linear memory that each instance had, told when it is gone";
    let peaks = usage.iter().map(|(name, usage)| ([named(name)], usage.peak_bytes.clone()));
    Family::histogram(encoder, "instance_memory", help)
        .in_unit(&Unit::Bytes)
        .each_histogram(1.0, peaks)?;
    let help = "What the guests have computed by themselves, calls to others not included";
    let cpu = usage.iter().map(|(name, usage)| ([named(name)], usage.cpu.as_secs_f64()));
    Family::counter(encoder, "cpu", help).in_unit(&Unit::Seconds).each_fraction(cpu)?;
    let help = "How long it took to make an instance; its count is how many were made";
    let made = usage.iter().map(|(name, usage)| ([named(name)], usage.instantiated_us.clone()));
    Family::histogram(encoder, "instantiate", help)
        .in_unit(&Unit::Seconds)
        .each_histogram(1e-6, made)
}

/// Those who were turned away, by why.
pub(super) fn shed(counts: &GateCounts) -> [(Label, u64); 2] {
    let why = |reason: &str| ("reason", reason.to_owned());
    [(why("queue_full"), counts.refused_full), (why("queue_time"), counts.refused_late)]
}
