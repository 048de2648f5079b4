//! `thali show`: one service in full.

use std::process::ExitCode;

use serde_json::Value;

use crate::breakers;
use crate::client::Admin;
use crate::commands::{print_json, segment};
use crate::error::CliError;
use crate::output::out;
use crate::table::{cell, table};

/// Prints one service: state, revisions, routes, contracts, limits.
pub(crate) fn show(admin: &Admin, name: &str, json: bool) -> Result<ExitCode, CliError> {
    let service = admin.get(&format!("/services/{}", segment(name)))?.body;
    if json {
        return Ok(print_json(&service));
    }
    out!("{}  {}", cell(&service, "name"), cell(&service, "description"));
    out!("{}", state(&service));
    section(
        "revisions",
        &service,
        "revisions",
        &["number", "version", "deployed_at", "source"],
        |row| {
            let live = row.get("live").and_then(Value::as_bool).unwrap_or(false);
            let mark = if live { "live" } else { "" };
            vec![
                cell(row, "number"),
                cell(row, "version"),
                cell(row, "deployed_at"),
                cell(row, "source"),
                mark.into(),
            ]
        },
    );
    if let Some(rollout) = service.get("rollout") {
        show_rollout(rollout);
    }
    let headings = ["route", "function", "status", "for", "rate"];
    section("routes", &service, "routes", &headings, |row| {
        let route = format!("{} /api/v1{}", cell(row, "method"), cell(row, "path"));
        let text = |member| cell(row, member);
        vec![route, text("call"), text("status"), text("access"), text("rate")]
    });
    section("exports", &service, "exports", &["interface", "functions", "called by"], |row| {
        vec![cell(row, "interface"), cell(row, "functions"), cell(row, "consumers")]
    });
    section("imports", &service, "imports", &["interface", "provider"], |row| {
        vec![cell(row, "interface"), provider(row)]
    });
    section("calls", &service, "calls", &breakers::HEADINGS, breakers::row);
    section("config", &service, "config", &["key", "value", "from"], |row| {
        vec![cell(row, "key"), cell(row, "value"), spaced(&cell(row, "origin"))]
    });
    section("secrets", &service, "secrets", &["key", "from", "description"], |row| {
        let from = match cell(row, "origin").as_str() {
            "-" => "not set".to_owned(),
            origin => spaced(origin),
        };
        vec![cell(row, "key"), from, cell(row, "description")]
    });
    if let Some(outbound) = service.get("outbound") {
        section("outbound", outbound, "allow", &["origin", "granted by", "private"], |row| {
            vec![cell(row, "origin"), cell(row, "granted_by"), cell(row, "private")]
        });
        if let Some(requests) = outbound.get("requests") {
            out!("{}", members(requests));
        }
    }
    let headings = ["publisher", "topic", "subscriber", "lag", "waiting", "dead"];
    section("subscriptions", &service, "subscriptions", &headings, |row| {
        headings.map(|member| cell(row, member)).to_vec()
    });
    let headings = ["at", "what", "revision", "by", "why"];
    section("history", &service, "history", &headings, |row| {
        let why = [cell(row, "message"), cell(row, "reason")];
        let why = why.into_iter().find(|why| why != "-").unwrap_or_default();
        vec![cell(row, "at"), change(row), cell(row, "revision"), cell(row, "by"), why]
    });
    if let Some(limits) = service.get("limits") {
        out!("\nLIMITS\n{}", members(limits));
    }
    Ok(ExitCode::SUCCESS)
}

fn show_rollout(rollout: &Value) {
    let sticky = rollout.get("sticky").and_then(Value::as_str);
    let sticky = sticky.map_or_else(String::new, |by| format!(", sticky by {by}"));
    let title = format!("rollout since {}{sticky}", cell(rollout, "begun_at"));
    let headings = ["revision", "share", "in flight", "requests", "failures", "p50", "p99"];
    let revisions = rollout.get("revisions").and_then(Value::as_array).into_iter().flatten();
    let waiting: Vec<_> = revisions.filter(|row| row.get("waiting_for").is_some()).collect();
    section(&title, rollout, "revisions", &headings, |row| {
        let ms = |member| match cell(row, member).as_str() {
            "-" => "-".to_owned(),
            ms => format!("{ms} ms"),
        };
        vec![
            cell(row, "revision"),
            format!("{} %", cell(row, "percent")),
            cell(row, "in_flight"),
            cell(row, "requests"),
            cell(row, "failures"),
            ms("p50_ms"),
            ms("p99_ms"),
        ]
    });
    for row in waiting {
        let (revision, interface) = (cell(row, "revision"), cell(row, "waiting_for"));
        out!("{revision} waits for {interface}; the others get its share");
    }
}

/// `canary 10 %`, `auto rollback`
fn change(row: &Value) -> String {
    let canaries = row.get("canaries").and_then(Value::as_array).into_iter().flatten();
    let shares: Vec<_> = canaries
        .map(|canary| format!("v{} {} %", cell(canary, "revision"), cell(canary, "percent")))
        .collect();
    let what = spaced(&cell(row, "what"));
    if shares.is_empty() { what } else { format!("{what}: {}", shares.join(", ")) }
}

fn state(service: &Value) -> String {
    let reason = service.get("reason").and_then(Value::as_str);
    let counts = format!(
        "{} in flight, {} invocations, {} traps",
        cell(service, "in_flight"),
        cell(service, "invocations"),
        cell(service, "traps")
    );
    match reason {
        Some(reason) => format!("{}: {reason}  ({counts})", cell(service, "state")),
        None => format!("{}  ({counts})", cell(service, "state")),
    }
}

fn provider(import: &Value) -> String {
    let optional = import.get("optional").and_then(Value::as_bool).unwrap_or(false);
    match cell(import, "provider").as_str() {
        "service" => format!("{} revision {}", cell(import, "service"), cell(import, "revision")),
        "missing" if optional => "missing (optional)".into(),
        other => other.to_owned(),
    }
}

/// `host_file` as people read it.
fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

fn section(
    title: &str,
    service: &Value,
    member: &str,
    headings: &[&str],
    row: impl Fn(&Value) -> Vec<String>,
) {
    let items = service.get(member).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return;
    }
    let mut rows = table(headings);
    for item in items {
        rows.add_row(row(item));
    }
    out!("\n{}\n{rows}", title.to_uppercase());
}

fn members(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| format!(" {name}: {value}")).collect::<Vec<_>>().join("\n")
}
