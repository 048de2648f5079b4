//! What the databases of the services tell.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;
use thali_control::{Control, LiveService};
use thali_platform::sql::DatabaseUsage;

use super::family::{Family, Label, named};

/// Collects from the databases of live services.
pub(super) struct Databases(pub(super) Arc<Control>);

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Databases").finish_non_exhaustive()
    }
}

impl Collector for Databases {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let live = self.0.live();
        let all: Vec<_> = live.services.iter().filter_map(of).collect();
        let encoder = &mut encoder;
        let help = "Whether the database can be used, as far as is known: 0 or 1";
        Family::gauge(encoder, "database_up", help)
            .each(all.iter().map(|(name, up, _)| ([named(name)], u64::from(*up))))?;
        sizes(&all, encoder)?;
        let help = "Statements, by whether they may write";
        let statements = all.iter().flat_map(|(name, _, usage)| {
            let kind = |kind: &str| -> Label { ("kind", kind.to_owned()) };
            [("read", usage.reads), ("write", usage.writes)]
                .map(|(which, count)| ([named(name), kind(which)], count))
        });
        Family::counter(encoder, "database_statements", help).each(statements)?;
        let help = "Commits that failed: nothing of them was done";
        Family::counter(encoder, "database_commit_failures", help)
            .each(all.iter().map(|(name, _, usage)| ([named(name)], usage.commit_failures)))?;
        let help = "How long a commit took, its flush to disk included";
        Family::histogram(encoder, "database_commit", help)
            .in_unit(&Unit::Seconds)
            .each_histogram(1e-6, histograms(&all, |usage| &usage.commits_us))?;
        let help = "Writes and transactions that shared one commit";
        Family::histogram(encoder, "database_batch", help)
            .each_histogram(1.0, histograms(&all, |usage| &usage.batches))
    }
}

type Known = (String, bool, DatabaseUsage);

fn of(service: &LiveService) -> Option<Known> {
    let care = service.care.as_ref()?;
    let up = care.trouble().is_none();
    Some((service.name().to_string(), up, care.database().usage()))
}

fn sizes(all: &[Known], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let each = |count: fn(&DatabaseUsage) -> u64| {
        all.iter().map(move |(name, _, usage)| ([named(name)], count(usage)))
    };
    let help = "The file of the database";
    Family::gauge(encoder, "database", help)
        .in_unit(&Unit::Bytes)
        .each(each(|usage| usage.bytes))?;
    let help = "The write-ahead log beside it";
    Family::gauge(encoder, "database_wal", help)
        .in_unit(&Unit::Bytes)
        .each(each(|usage| usage.wal_bytes))
}

fn histograms(
    all: &[Known],
    of: fn(&DatabaseUsage) -> &thali_runtime::HistogramSnapshot,
) -> impl Iterator<Item = ([Label; 1], thali_runtime::HistogramSnapshot)> {
    all.iter().map(move |(name, _, usage)| ([named(name)], of(usage).clone()))
}
