//! What is recorded of requests, and what is lost of it.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use thali_runtime::Runtime;
use thali_telemetry::Telemetry;

use super::family::Family;

/// Collects from what records traces and what sends them.
pub(super) struct Traces {
    pub(super) runtime: Arc<Runtime>,
    pub(super) telemetry: Telemetry,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").finish_non_exhaustive()
    }
}

impl Collector for Traces {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let recorded = self.runtime.tracer().counts();
        let sent = self.telemetry.otlp().map(|otlp| otlp.counts()).unwrap_or_default();
        let help = "Requests, deliveries and runs of schedules whose spans were recorded";
        Family::counter(encoder, "traces_recorded", help).one(recorded.recorded)?;
        let help = "Spans that were recorded";
        Family::counter(encoder, "spans_recorded", help).one(recorded.spans)?;
        let help = "Spans that a collector has taken";
        Family::counter(encoder, "spans_exported", help).one(sent.exported)?;
        let help = "Spans that were lost: too many of one request, a full queue, or a collector \
                    that did not take them";
        let dropped = [
            ("request", recorded.spans_dropped),
            ("queue", sent.dropped_queue),
            ("collector", sent.dropped_collector),
        ];
        let dropped = dropped.map(|(reason, count)| ([("reason", reason.to_owned())], count));
        Family::counter(encoder, "spans_dropped", help).each(dropped)?;
        let help = "Traces that are kept in memory";
        Family::gauge(encoder, "traces_kept", help).one(self.telemetry.traces.len() as u64)
    }
}
