//! `thali schedules`: what runs by the clock.

use std::process::ExitCode;

use serde_json::Value;

use crate::args::SchedulesCommand;
use crate::client::Admin;
use crate::commands::{print_json, segment};
use crate::error::CliError;
use crate::output::out;
use crate::table::{cell, table};

/// Lists schedules, or runs one.
pub(crate) fn schedules(
    admin: &Admin,
    service: Option<&str>,
    command: Option<&SchedulesCommand>,
    json: bool,
) -> Result<ExitCode, CliError> {
    match command {
        Some(SchedulesCommand::Run { service, name }) => run(admin, service, name, json),
        None => list(admin, service, json),
    }
}

fn list(admin: &Admin, service: Option<&str>, json: bool) -> Result<ExitCode, CliError> {
    let of = service.map(|service| format!("?service={}", segment(service))).unwrap_or_default();
    let body = admin.get(&format!("/schedules{of}"))?.body;
    if json {
        return Ok(print_json(&body));
    }
    let headings = [
        "service", "schedule", "when", "call", "next run", "last run", "runs", "failed", "skipped",
    ];
    let mut rows = table(&headings);
    for schedule in body.get("items").and_then(Value::as_array).into_iter().flatten() {
        let next = match schedule.get("trouble") {
            Some(trouble) => trouble.as_str().unwrap_or_default().to_owned(),
            None => second(&cell(schedule, "next_run")),
        };
        rows.add_row([
            cell(schedule, "service"),
            cell(schedule, "name"),
            format!("{} {}", cell(schedule, "cron"), cell(schedule, "timezone")),
            cell(schedule, "call"),
            next,
            last(schedule.get("last_run").unwrap_or(&Value::Null)),
            cell(schedule, "runs"),
            cell(schedule, "failures"),
            cell(schedule, "skipped"),
        ]);
    }
    out!("{rows}");
    Ok(ExitCode::SUCCESS)
}

fn run(admin: &Admin, service: &str, name: &str, json: bool) -> Result<ExitCode, CliError> {
    let path = format!("/schedules/{}/{}/run", segment(service), segment(name));
    let run = admin.post(&path, "application/json", b"")?.body;
    if json {
        print_json(&run);
    } else {
        out!("{service} {name}: {}", last(&run));
    }
    let is_ok = run.get("outcome").and_then(Value::as_str) == Some("ok");
    Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `2026-11-22T12:00:00Z ok`, or why not.
fn last(run: &Value) -> String {
    if run.is_null() {
        return "-".into();
    }
    let (started, outcome) = (second(&cell(run, "started_at")), cell(run, "outcome"));
    match run.get("error").and_then(Value::as_str) {
        Some(error) => format!("{started} {outcome}: {error}"),
        None => format!("{started} {outcome}"),
    }
}

/// A time without its fraction of a second.
fn second(time: &str) -> String {
    match time.split_once('.') {
        Some((second, _)) => format!("{second}Z"),
        None => time.to_owned(),
    }
}
