//! What the gateway tells.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::sync::atomic::Ordering::Relaxed;

use super::Sources;
use super::family::Family;
use super::services::shed;

/// The gateway's collector.
pub(super) struct Gateway(pub(super) Sources);

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

impl Collector for Gateway {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.routes(&mut encoder)?;
        self.listeners(&mut encoder)?;
        self.host(&mut encoder)?;
        self.tokens(&mut encoder)
    }
}

impl Gateway {
    fn routes(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let traffic = self.0.fronts.traffic.all();
        let requests = traffic.iter().flat_map(|of| {
            let labels = move |class: &str| {
                [
                    ("service", of.service.clone()),
                    ("route", of.route.clone()),
                    ("class", class.to_owned()),
                ]
            };
            of.counts
                .classes()
                .filter(|(_, count)| *count > 0)
                .map(move |(class, count)| (labels(class), count))
        });
        let help = "Requests that were answered, by the class of their status";
        Family::counter(encoder, "requests", help).each(requests)
    }

    fn listeners(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Sources { public, admin, .. } = &self.0;
        let both = |count: fn(&crate::listen::Server) -> u64| {
            [("public", count(public)), ("admin", count(admin))]
                .map(|(name, count)| ([("listener", name.to_owned())], count))
        };
        let help = "Requests between their head and the last byte of their answer";
        Family::gauge(encoder, "requests_in_flight", help).each(both(|s| s.requests() as u64))?;
        let help = "Connections that are open";
        Family::gauge(encoder, "connections", help).each(both(|s| s.connections() as u64))?;
        let help = "Requests whose clients left before their answer began";
        Family::counter(encoder, "client_aborts", help)
            .each(both(crate::listen::Server::aborted))?;
        let help = "Requests that ended in a panic of the host, which is a bug";
        let panics = public.panics() + admin.panics() + self.0.fronts.traffic.panics.load(Relaxed);
        Family::counter(encoder, "panics", help).one(panics)
    }

    fn host(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Sources { fronts, streams, runtime, .. } = &self.0;
        let help = "The version that runs; always 1";
        let version = ("version", env!("CARGO_PKG_VERSION").to_owned());
        Family::gauge(encoder, "build_info", help).each([([version], 1)])?;
        let help = "Requests that were refused because their client had sent too many";
        Family::counter(encoder, "rate_limited", help).one(fronts.rates.refused())?;
        Family::gauge(encoder, "streams", "Event streams that are open")
            .one(streams.open_now() as u64)?;
        let counts = runtime.admissions();
        let help = "Requests that run, over all services, or whose answer is being sent";
        Family::gauge(encoder, "host_running", help).one(counts.running as u64)?;
        let help = "Requests that wait for the host, over all services";
        Family::gauge(encoder, "host_queued", help).one(counts.waiting as u64)?;
        let help = "Requests that the host had no room or no time for";
        Family::counter(encoder, "host_shed", help)
            .each(shed(&counts).map(|(why, count)| ([why], count)))
    }

    fn tokens(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.0.auth.snapshot();
        let help = "Requests with a token, by what became of it";
        let outcomes = [
            ("accepted", counts.accepted),
            ("refused", counts.refused),
            ("throttled", counts.throttled),
        ];
        let outcomes = outcomes.map(|(outcome, count)| ([("outcome", outcome.to_owned())], count));
        Family::counter(encoder, "tokens", help).each(outcomes)?;
        let help = "Accepted tokens that had been checked before";
        Family::counter(encoder, "tokens_from_cache", help).one(counts.from_cache)?;
        let help = "Keys that tokens are checked by";
        Family::gauge(encoder, "token_keys", help).one(counts.keys as u64)
    }
}
