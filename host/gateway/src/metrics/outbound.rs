//! What services' own HTTP requests tell.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use thali_control::Control;
use thali_platform::outbound::{Client, OutboundCounts};

use super::family::{Family, named};

/// Collects from the live revisions that may send requests.
pub(super) struct Outbound(pub(super) Arc<Control>);

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").finish_non_exhaustive()
    }
}

impl Collector for Outbound {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let services: Vec<_> = self.counts();
        let encoder = &mut encoder;
        let help = "HTTP requests of the live revision, by what became of them";
        let requests = services.iter().flat_map(|(name, counts)| {
            outcomes(counts)
                .map(|(outcome, count)| ([named(name), ("outcome", outcome.to_owned())], count))
        });
        Family::counter(encoder, "outbound_requests", help).each(requests)?;
        let each = |count: fn(&OutboundCounts) -> u64| {
            services.iter().map(move |(name, counts)| ([named(name)], count(counts)))
        };
        let help = "Connections that the live revision has opened for its HTTP requests";
        Family::counter(encoder, "outbound_connections", help)
            .each(each(|counts| counts.connections))?;
        let help = "Connections of the live revision that are open, idle ones among them";
        Family::gauge(encoder, "outbound_connections_open", help)
            .each(each(|counts| counts.connections_open))?;
        let help = "HTTP requests of the live revision that are under way";
        Family::gauge(encoder, "outbound_open", help).each(each(|counts| counts.open))
    }
}

impl Outbound {
    fn counts(&self) -> Vec<(String, OutboundCounts)> {
        let live = self.0.live();
        let clients = live.services.iter().filter_map(|service| {
            let client = service.revision.extensions().get::<Client>()?;
            Some((service.name().to_string(), client.snapshot()))
        });
        clients.collect()
    }
}

fn outcomes(counts: &OutboundCounts) -> [(&'static str, u64); 7] {
    [
        ("answered", counts.answered),
        ("denied", counts.denied),
        ("invalid", counts.invalid),
        ("exhausted", counts.exhausted),
        ("unreachable", counts.unreachable),
        ("timed_out", counts.timed_out),
        ("broken", counts.broken),
    ]
}
