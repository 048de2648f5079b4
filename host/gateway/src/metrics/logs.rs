//! What is logged, and what there was no room for.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use thali_control::Control;
use thali_telemetry::logs::Logs;

use super::family::{Family, named};

/// Collects from the log, and from the live revisions that say too much.
pub(super) struct Logging {
    pub(super) logs: Arc<Logs>,
    pub(super) control: Arc<Control>,
}

impl fmt::Debug for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logging").finish_non_exhaustive()
    }
}

impl Collector for Logging {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.logs.counts();
        let encoder = &mut encoder;
        let help = "Records that the log has kept";
        Family::counter(encoder, "log_records", help).one(counts.records)?;
        let help = "Records that are missing, in memory and files or in files alone";
        let missing =
            [("queue", counts.dropped), ("files", counts.unwritten), ("stderr", counts.unprinted)];
        let missing = missing.map(|(place, count)| ([("place", place.to_owned())], count));
        Family::counter(encoder, "log_records_dropped", help).each(missing)?;
        let live = self.control.live();
        let lines = live.services.iter().map(|service| {
            ([named(service.name().as_str())], service.revision.log_lines_dropped())
        });
        let help = "Lines of the live revision that were not logged because it said too much";
        Family::counter(encoder, "log_lines_dropped", help).each(lines)
    }
}
