//! `thali graph`: who calls whom, and who hears whom.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::args::GraphArgs;
use crate::client::Admin;
use crate::commands::print_json;
use crate::error::CliError;
use crate::output::{self, out};
use crate::table::{cell, table};

/// Everything that is wired together.
struct Graph {
    services: Vec<Service>,
    calls: Vec<Call>,
    events: Vec<Event>,
    missing: Vec<Missing>,
}

struct Service {
    name: String,
    version: String,
    state: String,
}

/// `from` calls `to`.
struct Call {
    from: String,
    to: String,
    interface: String,
    breaker: String,
}

/// `to` hears what `from` tells.
struct Event {
    from: String,
    to: String,
    topic: String,
    lag: u64,
    dead: u64,
}

/// `from` needs an interface that nobody provides.
struct Missing {
    from: String,
    interface: String,
    optional: bool,
}

/// Prints the graph of what is live.
pub(crate) fn graph(admin: &Admin, args: &GraphArgs, json: bool) -> Result<ExitCode, CliError> {
    let (wiring, breakers) = (admin.get("/graph")?.body, admin.get("/breakers")?.body);
    let events = admin.get("/events")?.body;
    if json {
        let all = json!({
            "services": wiring.get("services"), "calls": wiring.get("edges"),
            "missing": wiring.get("missing"),
            "breakers": breakers.get("items"), "events": events.get("items"),
        });
        return Ok(print_json(&all));
    }
    let graph = Graph::read(&wiring, &breakers, &events);
    if args.dot {
        output::print(format_args!("{}", graph.dot()));
    } else if args.mermaid {
        output::print(format_args!("{}", graph.mermaid()));
    } else {
        graph.print();
    }
    Ok(ExitCode::SUCCESS)
}

impl Graph {
    fn read(wiring: &Value, breakers: &Value, events: &Value) -> Self {
        let states: BTreeMap<(String, String), String> = list(breakers, "items")
            .map(|calls| ((cell(calls, "consumer"), cell(calls, "interface")), state(calls)))
            .collect();
        let service = |node: &Value| Service {
            name: cell(node, "name"),
            version: cell(node, "version"),
            state: cell(node, "state"),
        };
        let call = |edge: &Value| {
            let (from, interface) = (cell(edge, "consumer"), cell(edge, "interface"));
            let key = (from, interface);
            let breaker = states.get(&key).cloned().unwrap_or_else(|| "closed".into());
            let (from, interface) = key;
            Call { from, to: cell(edge, "provider"), interface, breaker }
        };
        let event = |subscription: &Value| Event {
            from: cell(subscription, "publisher"),
            to: cell(subscription, "subscriber"),
            topic: cell(subscription, "topic"),
            lag: number(subscription, "lag"),
            dead: number(subscription, "dead"),
        };
        let missing = |import: &Value| Missing {
            from: cell(import, "consumer"),
            interface: cell(import, "interface"),
            optional: import.get("optional") == Some(&Value::Bool(true)),
        };
        Self {
            services: list(wiring, "services").map(service).collect(),
            calls: list(wiring, "edges").map(call).collect(),
            events: list(events, "items").map(event).collect(),
            missing: list(wiring, "missing").map(missing).collect(),
        }
    }

    fn print(&self) {
        for service in &self.services {
            let Service { name, version, state } = service;
            let state = if state == "running" { String::new() } else { format!("  {state}") };
            out!("{name} {version}{state}");
            for line in self.below(name) {
                out!("{line}");
            }
        }
        if self.services.is_empty() {
            out!("nothing is live; `thali deploy FILE` changes that");
        }
    }

    /// What a service has to do with others, a line each.
    fn below(&self, name: &str) -> Vec<String> {
        let mut rows = table(&[]);
        let calls = self.calls.iter().filter(|call| call.from == name);
        for Call { to, interface, breaker, .. } in calls {
            let breaker = if breaker == "closed" { "" } else { breaker.as_str() };
            rows.add_row(["  calls", to, interface, breaker]);
        }
        let events = self.events.iter().filter(|event| event.from == name);
        for Event { to, topic, lag, dead, .. } in events {
            rows.add_row(["  tells", to, topic, &waiting(*lag, *dead)]);
        }
        let missing = self.missing.iter().filter(|missing| missing.from == name);
        for Missing { interface, optional, .. } in missing {
            let how = if *optional { "missing (optional)" } else { "missing" };
            rows.add_row(["  needs", "-", interface, how]);
        }
        rows.lines().map(|line| line.trim_end().to_owned()).filter(|l| !l.is_empty()).collect()
    }

    /// For Graphviz: `thali graph --dot | dot -Tsvg`.
    fn dot(&self) -> String {
        let mut text = String::from("digraph thali {\n  rankdir=LR;\n  node [shape=box];\n");
        for Service { name, version, state } in &self.services {
            let colour = if state == "running" { "black" } else { "red" };
            line(
                &mut text,
                &format!(
                    "{} [label={}, color={colour}];",
                    quoted(name),
                    quoted(&format!("{name}\n{version}"))
                ),
            );
        }
        for Call { from, to, interface, breaker } in &self.calls {
            let (label, look) = match breaker.as_str() {
                "closed" => (short(interface).to_owned(), ""),
                other => (format!("{}\n{other}", short(interface)), ", color=red, fontcolor=red"),
            };
            let (from, to) = (quoted(from), quoted(to));
            line(&mut text, &format!("{from} -> {to} [label={}{look}];", quoted(&label)));
        }
        for Event { from, to, topic, lag, dead } in &self.events {
            let label = format!("{}\n{}", short(topic), waiting(*lag, *dead));
            let (from, to, label) = (quoted(from), quoted(to), quoted(label.trim_end()));
            line(&mut text, &format!("{from} -> {to} [label={label}, style=dashed];"));
        }
        for Missing { from, interface, optional } in &self.missing {
            let style = if *optional { "dotted" } else { "bold, color=red" };
            let (from, to) = (quoted(from), quoted(interface));
            line(&mut text, &format!("{from} -> {to} [style={style}];"));
        }
        text.push_str("}\n");
        text
    }

    /// For Markdown that draws.
    fn mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for Service { name, version, .. } in &self.services {
            line(&mut text, &format!("{}[\"{name} {version}\"]", id(name)));
        }
        for Call { from, to, interface, breaker } in &self.calls {
            let breaker = if breaker == "closed" { String::new() } else { format!(" ({breaker})") };
            let label = format!("{}{breaker}", short(interface));
            line(&mut text, &format!("{} -->|\"{label}\"| {}", id(from), id(to)));
        }
        for Event { from, to, topic, .. } in &self.events {
            line(&mut text, &format!("{} -.->|\"{}\"| {}", id(from), short(topic), id(to)));
        }
        text
    }
}

fn list<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value.get(member).and_then(Value::as_array).into_iter().flatten()
}

fn number(value: &Value, member: &str) -> u64 {
    value.get(member).and_then(Value::as_u64).unwrap_or_default()
}

/// `open`, `half-open (forced)`
fn state(calls: &Value) -> String {
    let state = cell(calls, "state").replace('_', "-");
    let forced = calls.get("forced") == Some(&Value::Bool(true));
    if forced { format!("{state} (forced)") } else { state }
}

/// `3 behind, 1 dead`
fn waiting(lag: u64, dead: u64) -> String {
    let parts = [(lag, "behind"), (dead, "dead")];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

/// `charging` of `thali:payments/charging@1.0.0`.
fn short(interface: &str) -> &str {
    let name = interface.rsplit_once('/').map_or(interface, |(_, name)| name);
    name.split('@').next().unwrap_or(name)
}

/// As Graphviz reads it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// A name as Mermaid reads it: `end` is a word of its own there.
fn id(name: &str) -> String {
    format!("s_{}", name.replace('-', "_"))
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        let wiring = json!({
            "services": [
                {"name": "orders", "version": "1.4.0", "state": "running"},
                {"name": "payments", "version": "1.0.0", "state": "waiting"},
            ],
            "edges": [{"consumer": "orders", "provider": "payments", "interface": "thali:payments/charging@1.0.0"}],
            "missing": [{"consumer": "payments", "interface": "thali:bank/paying@1.0.0", "optional": false}],
        });
        let breakers = json!({"items": [
            {"consumer": "orders", "interface": "thali:payments/charging@1.0.0", "state": "half_open", "forced": false},
        ]});
        let events = json!({"items": [
            {"publisher": "orders", "subscriber": "payments", "topic": "thali:orders/events@1", "lag": 3, "dead": 0},
        ]});
        Graph::read(&wiring, &breakers, &events)
    }

    #[test]
    fn a_service_is_listed_with_those_it_calls_and_tells() {
        let lines = graph().below("orders");
        assert!(lines[0].contains("calls") && lines[0].contains("half-open"), "{lines:?}");
        assert!(lines[1].contains("tells") && lines[1].contains("3 behind"), "{lines:?}");
        let lines = graph().below("payments");
        assert!(lines[0].contains("thali:bank/paying@1.0.0") && lines[0].contains("missing"));
    }

    #[test]
    fn graphviz_is_told_of_breakers_and_events() {
        let dot = graph().dot();
        let calls =
            r#""orders" -> "payments" [label="charging\nhalf-open", color=red, fontcolor=red];"#;
        let tells = r#""orders" -> "payments" [label="events\n3 behind", style=dashed];"#;
        for part in
            [calls, tells, r#""payments" -> "thali:bank/paying@1.0.0" [style=bold, color=red];"#]
        {
            assert!(dot.contains(part), "{part} is not in {dot}");
        }
        assert_eq!(quoted("a\"b\\"), r#""a\"b\\""#);
    }

    #[test]
    fn mermaid_has_ids_that_are_no_words_of_its_own() {
        let text = graph().mermaid();
        assert!(text.contains("s_orders -->|\"charging (half-open)\"| s_payments"), "{text}");
        assert!(text.contains("s_orders -.->|\"events\"| s_payments"), "{text}");
    }
}
