//! `[events]` and `[subscriptions]`.

use std::time::Duration;

use super::entries::{Entry, Keys, Reader, quoted};
use super::{EventsSection, StartFrom, SubscriptionSpec, units};
use crate::name::InterfaceName;

const EVENTS: Keys = Keys { known: &["retention"], later: &[] };
const SUBSCRIPTION: Keys =
    Keys { known: &["only", "from", "attempts", "concurrency", "backoff"], later: &[] };
const BACKOFF: Keys = Keys { known: &["first", "max"], later: &[] };

/// The longest retention and the longest pause: what is later is a mistake, not a plan.
const RETENTION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
const BACKOFF_MAX: Duration = Duration::from_secs(24 * 3600);

pub(super) fn events(reader: &mut Reader<'_>, section: Entry<'_>) -> Option<EventsSection> {
    let mut retention = None;
    for entry in reader.table(section)? {
        match entry.key {
            "retention" => retention = duration(reader, entry, RETENTION_MAX),
            _ => reader.unknown(entry, &EVENTS),
        }
    }
    Some(EventsSection { retention, line: reader.line(section.at) })
}

pub(super) fn subscriptions(reader: &mut Reader<'_>, section: Entry<'_>) -> Vec<SubscriptionSpec> {
    let entries = reader.table(section).unwrap_or_default();
    entries.into_iter().filter_map(|entry| subscription(reader, entry)).collect()
}

fn subscription(reader: &mut Reader<'_>, section: Entry<'_>) -> Option<SubscriptionSpec> {
    let interface = section.key.parse::<InterfaceName>();
    let interface = interface.map_err(|error| reader.mistake(section.at, error.to_string())).ok();
    let mut spec = SubscriptionSpec::new(interface.clone().unwrap_or_else(nowhere));
    spec.line = reader.line(section.at);
    for entry in reader.table(section)? {
        match entry.key {
            "only" => spec.only = only(reader, entry),
            "from" => spec.from = reader.parsed(entry, parse_from).unwrap_or_default(),
            "attempts" => {
                spec.attempts = reader.integer(entry, 1..=100).unwrap_or(spec.attempts);
            }
            "concurrency" => {
                spec.concurrency = reader.integer(entry, 1..=256).unwrap_or(spec.concurrency);
            }
            "backoff" => backoff(reader, entry, &mut spec),
            _ => reader.unknown(entry, &SUBSCRIPTION),
        }
    }
    interface.map(|_| spec)
}

/// Stands for a name that is a mistake already.
fn nowhere() -> InterfaceName {
    let empty = String::new;
    InterfaceName { namespace: empty(), package: empty(), interface: empty(), version: None }
}

fn only(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<Vec<String>> {
    let names = reader.strings(entry)?;
    if names.is_empty() {
        reader.mistake(entry.at, "\"only\" is empty: name functions, or leave it out for all");
    }
    Some(names)
}

fn parse_from(text: &str) -> Result<StartFrom, String> {
    match text {
        "now" => Ok(StartFrom::Now),
        "start" => Ok(StartFrom::Start),
        _ => Err(format!("{} is not \"now\" or \"start\"", quoted(text))),
    }
}

/// `{ first = "500ms", max = "5m" }`
fn backoff(reader: &mut Reader<'_>, section: Entry<'_>, spec: &mut SubscriptionSpec) {
    for entry in reader.table(section).unwrap_or_default() {
        match entry.key {
            "first" => {
                let first = duration(reader, entry, BACKOFF_MAX);
                spec.backoff_first = first.unwrap_or(spec.backoff_first);
            }
            "max" => {
                let max = duration(reader, entry, BACKOFF_MAX);
                spec.backoff_max = max.unwrap_or(spec.backoff_max);
            }
            _ => reader.unknown(entry, &BACKOFF),
        }
    }
    if spec.backoff_first > spec.backoff_max {
        reader.mistake(section.at, "\"first\" is longer than \"max\"");
    }
}

fn duration(reader: &mut Reader<'_>, entry: Entry<'_>, max: Duration) -> Option<Duration> {
    reader.parsed(entry, |text| {
        let example = "write it like \"500ms\", \"30s\", \"5m\" or \"24h\"";
        let time = units::duration(text)
            .ok_or_else(|| format!("{} is not a duration: {example}", quoted(text)))?;
        let hours = max.as_secs() / 3600;
        if time > max { Err(format!("{} is longer than {hours}h", quoted(text))) } else { Ok(time) }
    })
}
