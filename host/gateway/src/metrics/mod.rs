//! `GET /metrics` on the admin listener, in the OpenMetrics text format or, for scrapers that do not know it, in the
//! older one of Prometheus.
//!
//! Nothing is kept here: the parts of the host count by atomics of their own, and each scrape reads them. So there is no
//! registry on the way of a request, and several hosts in one process do not mix. Labels are names of services and
//! templates of routes, never what a client sent.

mod changes;
mod collect;
mod databases;
mod durations;
mod events;
mod family;
mod logs;
mod outbound;
mod plain;
mod process;
mod revisions;
mod services;
mod telemetry;
mod traffic;

use std::sync::Arc;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use thali_control::Control;
use thali_runtime::Runtime;
use thali_telemetry::Telemetry;
use thali_telemetry::logs::Logs;

use crate::auth::Auth;
use crate::front::Fronts;
use crate::listen::Server;
use crate::streams::Streams;

pub(crate) use traffic::{Counts, Traffic};

/// How a scrape is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// With units and exemplars.
    OpenMetrics,
    /// Prometheus 0.0.4.
    Plain,
}

/// Everything that is measured on a host.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    fronts: Arc<Fronts>,
    control: Arc<Control>,
    standing: events::Standing,
}

/// What the metrics are read from.
pub(crate) struct Sources {
    pub(crate) control: Arc<Control>,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) auth: Arc<Auth>,
    pub(crate) fronts: Arc<Fronts>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) public: Arc<Server>,
    pub(crate) admin: Arc<Server>,
    pub(crate) telemetry: Telemetry,
    pub(crate) logs: Arc<Logs>,
}

impl Format {
    /// What a scraper wants that accepts this. One that says nothing gets OpenMetrics.
    pub(crate) fn accepted(accept: &str) -> Self {
        let old_only = accept.contains("text/plain") && !accept.contains("openmetrics-text");
        if old_only { Self::Plain } else { Self::OpenMetrics }
    }

    /// The type of the answer.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

impl Metrics {
    /// Other parts of the host add their collectors here.
    pub(crate) fn new(sources: Sources) -> Self {
        let fronts = Arc::clone(&sources.fronts);
        let mut root = Registry::default();
        root.sub_registry_with_prefix("process")
            .register_collector(Box::new(process::Process::new()));
        let registry = root.sub_registry_with_prefix("thali");
        let control = || Arc::clone(&sources.control);
        let standing = events::Standing::default();
        let events = events::Events { control: control(), standing: standing.clone() };
        registry.register_collector(Box::new(services::Services(control())));
        registry.register_collector(Box::new(revisions::Revisions(control())));
        registry.register_collector(Box::new(events));
        registry.register_collector(Box::new(databases::Databases(control())));
        registry.register_collector(Box::new(changes::Changes(control())));
        registry.register_collector(Box::new(outbound::Outbound(control())));
        let logs = Arc::clone(&sources.logs);
        registry.register_collector(Box::new(logs::Logging { logs, control: control() }));
        let control = control();
        let traces = telemetry::Traces {
            runtime: Arc::clone(&sources.runtime),
            telemetry: sources.telemetry.clone(),
        };
        registry.register_collector(Box::new(traces));
        registry.register_collector(Box::new(collect::Gateway(sources)));
        Self { registry: Arc::new(root), fronts, control, standing }
    }

    /// Finds out what has to be waited for, shortly.
    pub(crate) async fn refresh(&self) {
        self.standing.refresh(&self.control).await;
    }

    /// What there is to tell now. Reads files of the kernel, so keep it off the async threads.
    ///
    /// # Errors
    ///
    /// When it cannot be written as text.
    pub(crate) fn scrape(&self, format: Format) -> Result<String, std::fmt::Error> {
        let mut written = String::new();
        text::encode_registry(&mut written, &self.registry)?;
        durations::write(&mut written, &self.fronts.traffic.all())?;
        text::encode_eof(&mut written)?;
        Ok(match format {
            Format::OpenMetrics => written,
            Format::Plain => plain::plain(&written),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_wants_the_older_format_alone_gets_it() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
        for accept in ["", "*/*", prometheus] {
            assert_eq!(Format::accepted(accept), Format::OpenMetrics, "{accept}");
        }
        assert_eq!(Format::accepted("text/plain;version=0.0.4"), Format::Plain);
    }
}
