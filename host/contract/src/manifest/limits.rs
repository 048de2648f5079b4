//! `[limits]`: what one invocation of the service may use.

use std::sync::Arc;
use std::time::Duration;

use super::edge::{self, RateSpec};
use super::entries::{Entry, Keys, Reader, quoted};
use super::units;

const LIMITS: Keys = Keys {
    known: &["memory", "tables", "timeout", "cpu", "concurrency", "queue", "reuse", "rate"],
    later: &["outbound"],
};

/// `[limits]`: what the service asks for. It never gets more than the host allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitsSpec {
    /// `memory`: the most memory of one invocation, in bytes.
    pub memory_bytes: Option<u64>,
    /// `tables`: the most elements of all tables of one invocation.
    pub table_elements: Option<u32>,
    /// `timeout`: the longest time of one invocation.
    pub timeout: Option<Duration>,
    /// `cpu`: the longest time that one invocation may compute.
    pub cpu: Option<Duration>,
    /// `concurrency`: the most invocations at a time.
    pub concurrency: Option<u32>,
    /// `queue`: the most requests that wait for one of those to end.
    pub queue: Option<u32>,
    /// `reuse`: how many invocations an instance may serve, one after the other; 1 is a fresh
    /// instance each time.
    pub reuse: Option<u32>,
}

pub(super) fn limits(
    reader: &mut Reader<'_>,
    section: Entry<'_>,
    rate: &mut Option<Arc<RateSpec>>,
) -> LimitsSpec {
    let mut limits = LimitsSpec::default();
    for entry in reader.table(section).unwrap_or_default() {
        match entry.key {
            "memory" => limits.memory_bytes = reader.parsed(entry, size),
            "tables" => limits.table_elements = reader.integer(entry, 1..=10_000_000),
            "timeout" => limits.timeout = reader.parsed(entry, time),
            "cpu" => limits.cpu = reader.parsed(entry, time),
            "concurrency" => limits.concurrency = reader.integer(entry, 1..=1_000_000),
            "queue" => limits.queue = reader.integer(entry, 0..=1_000_000),
            "rate" => *rate = edge::rate(reader, entry).map(Arc::new),
            "reuse" => limits.reuse = reader.integer(entry, 1..=1_000_000_000),
            _ => reader.unknown(entry, &LIMITS),
        }
    }
    limits
}

fn size(text: &str) -> Result<u64, String> {
    let example = "write it like \"32MiB\"";
    units::bytes(text).ok_or_else(|| format!("{} is not a size: {example}", quoted(text)))
}

fn time(text: &str) -> Result<Duration, String> {
    let example = "write it like \"3s\" or \"800ms\"";
    units::duration(text).ok_or_else(|| format!("{} is not a duration: {example}", quoted(text)))
}
