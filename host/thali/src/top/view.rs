//! The status of a host as lines.

use std::cmp::Reverse;

use comfy_table::ContentArrangement;
use serde_json::Value;

use crate::table::{cell, table};

/// The columns, and when each is left out for want of room: the largest first, 0 never.
const COLUMNS: [(&str, u8); 11] = [
    ("service", 0),
    ("state", 0),
    ("revision", 3),
    ("req/s", 0),
    ("err/s", 1),
    ("p50 ms", 5),
    ("p99 ms", 2),
    ("in flight", 6),
    ("queued", 7),
    ("traps/s", 8),
    ("memory", 4),
];

/// The column that is left out first.
const LAST: u8 = 8;

/// What services are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Name,
    Rate,
    Errors,
    Slowest,
    Memory,
}

impl Order {
    pub(super) fn by(letter: char) -> Option<Self> {
        Some(match letter {
            'n' => Self::Name,
            'r' => Self::Rate,
            'e' => Self::Errors,
            'p' => Self::Slowest,
            'm' => Self::Memory,
            _ => return None,
        })
    }

    /// What it sorts by, the largest first.
    fn member(self) -> Option<&'static str> {
        match self {
            Self::Name => None,
            Self::Rate => Some("rate"),
            Self::Errors => Some("errors"),
            Self::Slowest => Some("p99_ms"),
            Self::Memory => Some("memory_bytes"),
        }
    }
}

/// A status to look at.
pub(super) struct View<'a> {
    host: &'a Value,
    services: Vec<&'a Value>,
}

impl<'a> View<'a> {
    pub(super) fn of(status: &'a Value, order: Order) -> Self {
        let services = status.get("services").and_then(Value::as_array);
        let mut services: Vec<_> = services.into_iter().flatten().collect();
        services.sort_by_key(|service| cell(service, "name"));
        if let Some(member) = order.member() {
            // Stable: equals stay in the order of their names.
            services.sort_by_key(|service| Reverse(thousandths(service, member)));
        }
        Self { host: status.get("host").unwrap_or(&Value::Null), services }
    }

    /// So many columns as fit into `width` characters.
    pub(super) fn lines(&self, width: usize) -> Vec<String> {
        let fits = |lines: &[String]| lines.iter().all(|line| line.chars().count() <= width);
        let mut rows = self.rows(LAST);
        for last in (0..LAST).rev() {
            if fits(&rows) {
                break;
            }
            rows = self.rows(last);
        }
        let mut lines = vec![self.heading(), String::new()];
        lines.extend(rows);
        lines
    }

    /// The table, without the columns that are left out before `last`.
    fn rows(&self, last: u8) -> Vec<String> {
        let shown = || COLUMNS.iter().map(|(_, place)| *place <= last);
        let headings: Vec<_> =
            COLUMNS.iter().filter(|(_, place)| *place <= last).map(|(name, _)| *name).collect();
        let mut rows = table(&headings);
        rows.set_content_arrangement(ContentArrangement::Disabled);
        for service in &self.services {
            let cells = row(service).into_iter().zip(shown());
            rows.add_row(cells.filter(|(_, shown)| *shown).map(|(cell, _)| cell));
        }
        rows.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    fn heading(&self) -> String {
        let host = self.host;
        let up = host.get("uptime_s").and_then(Value::as_u64).unwrap_or_default();
        format!(
            "thali {}  up {}  {} req/s  {} err/s  {} shed/s  {} in flight  {} connections  CPU {} %  {}",
            cell(host, "version"),
            span(up),
            rate(host, "rate"),
            rate(host, "errors"),
            rate(host, "shed"),
            cell(host, "requests_in_flight"),
            cell(host, "connections"),
            rate(host, "cpu_percent"),
            bytes(host, "memory_bytes"),
        )
    }
}

fn row(service: &Value) -> [String; COLUMNS.len()] {
    let text = |member| cell(service, member);
    let mut revision = text("revision");
    for canary in service.get("canaries").and_then(Value::as_array).into_iter().flatten() {
        let (number, percent) = (cell(canary, "revision"), cell(canary, "percent"));
        revision.push_str(&format!(", {number} ({percent} %)"));
    }
    [
        text("name"),
        state(service),
        revision,
        rate(service, "rate"),
        rate(service, "errors"),
        rate(service, "p50_ms"),
        rate(service, "p99_ms"),
        text("in_flight"),
        text("queued"),
        rate(service, "traps"),
        bytes(service, "memory_bytes"),
    ]
}

/// `running`, or what is the matter.
fn state(service: &Value) -> String {
    let (state, health) = (cell(service, "state"), cell(service, "health"));
    match (state.as_str(), health.as_str()) {
        ("running", "ok" | "-") => state,
        ("running", _) => health,
        _ => state,
    }
}

/// A number with one decimal place.
fn rate(value: &Value, member: &str) -> String {
    match value.get(member).and_then(Value::as_f64) {
        Some(number) => format!("{number:.1}"),
        None => "-".into(),
    }
}

/// A number to sort by; none is less than zero.
fn thousandths(value: &Value, member: &str) -> Option<u64> {
    // Of what is shown, nothing is so large that the cast would change it.
    value.get(member).and_then(Value::as_f64).map(|number| (number * 1000.0) as u64)
}

/// `1.2 MiB`
fn bytes(value: &Value, member: &str) -> String {
    match value.get(member).and_then(Value::as_u64) {
        Some(bytes) => indicatif::BinaryBytes(bytes).to_string(),
        None => "-".into(),
    }
}

/// `3 d 4 h`, `4 h 5 min`, `5 min 6 s`
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status() -> Value {
        let service = |name: &str, rate: f64, p99: Option<f64>| {
            json!({
                "name": name, "state": "running", "health": "ok", "revision": 3, "canaries": [],
                "rate": rate, "errors": 0.0, "p50_ms": 0.84, "p99_ms": p99, "in_flight": 1,
                "queued": 0, "memory_bytes": 1_179_648, "traps": 0.0,
            })
        };
        let mut waiting = service("delivery", 0.0, None);
        waiting["state"] = json!("waiting");
        waiting["canaries"] = json!([{"revision": 4, "version": "1.5.0", "percent": 10}]);
        json!({
            "host": {"version": "0.1.0", "uptime_s": 11_520, "rate": 812.04, "memory_bytes": 1024},
            "services": [service("orders", 12.34, Some(4.06)), waiting, service("users", 99.0, Some(1.0))],
        })
    }

    #[test]
    fn a_status_is_a_heading_and_a_table() {
        let status = status();
        let lines = View::of(&status, Order::Name).lines(usize::MAX);
        assert!(lines[0].starts_with("thali 0.1.0  up 3 h 12 min  812.0 req/s"), "{lines:?}");
        assert!(lines[2].contains("SERVICE") && lines[2].contains("P99 MS"), "{lines:?}");
        let words = |line: &str| {
            line.split("  ")
                .map(|w| w.trim().to_owned())
                .filter(|w| !w.is_empty())
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&lines[3])[..3], ["delivery", "waiting", "3, 4 (10 %)"]);
        let orders =
            ["orders", "running", "3", "12.3", "0.0", "0.8", "4.1", "1", "0", "0.0", "1.12 MiB"];
        assert_eq!(words(&lines[4]), orders);
    }

    #[test]
    fn a_narrow_terminal_gets_the_columns_that_matter_most() {
        let status = status();
        let view = View::of(&status, Order::Name);
        for width in [40, 60, 80, 100] {
            let table = view.lines(width).split_off(2);
            assert_eq!(table.len(), 4, "nothing is wrapped: {table:?}");
            assert!(table.iter().all(|line| line.chars().count() <= width), "{width}: {table:?}");
        }
        let (narrow, wide) = (view.lines(60), view.lines(100));
        assert!(narrow[2].contains("P99 MS") && !narrow[2].contains("TRAPS"), "{narrow:?}");
        assert!(wide[2].contains("TRAPS/S") && wide[2].contains("MEMORY"), "{wide:?}");
        assert!(view.lines(1)[2].contains("REQ/S"), "what is never left out");
    }

    #[test]
    fn services_are_sorted_by_what_was_asked_for() {
        let status = status();
        let names = |letter| {
            let view = View::of(&status, Order::by(letter).unwrap());
            view.services.iter().map(|service| cell(service, "name")).collect::<Vec<_>>()
        };
        assert_eq!(names('n'), ["delivery", "orders", "users"]);
        assert_eq!(names('r'), ["users", "orders", "delivery"]);
        assert_eq!(names('p'), ["orders", "users", "delivery"]);
        assert_eq!(Order::by('x'), None);
    }

    #[test]
    fn what_a_host_does_not_say_is_a_dash() {
        let lines = View::of(&Value::Null, Order::Rate).lines(80);
        assert!(lines[0].contains("- req/s"), "{lines:?}");
    }

    #[test]
    fn time_is_told_by_its_two_largest_parts() {
        let spans = [(5, "5 s"), (65, "1 min 5 s"), (3700, "1 h 1 min"), (90_061, "1 d 1 h")];
        for (seconds, text) in spans {
            assert_eq!(span(seconds), text);
        }
    }
}
