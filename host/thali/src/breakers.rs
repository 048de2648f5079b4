//! `thali breakers`: calls between services, and their circuit breakers.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::args::BreakersCommand;
use crate::client::Admin;
use crate::commands::{print_json, segment};
use crate::error::CliError;
use crate::output::out;
use crate::table::{cell, table};

/// What there is to see of the calls to one interface.
pub(crate) const HEADINGS: [&str; 8] =
    ["interface", "state", "next probe", "calls", "failures", "retries", "cut off", "crowded out"];

/// Lists breakers, or forces one.
pub(crate) fn breakers(
    admin: &Admin,
    command: Option<&BreakersCommand>,
    json: bool,
) -> Result<ExitCode, CliError> {
    let (state, which) = match command {
        None => return list(admin, json),
        Some(BreakersCommand::Open(which)) => ("open", which),
        Some(BreakersCommand::Close(which)) => ("closed", which),
        Some(BreakersCommand::Auto(which)) => ("auto", which),
    };
    let path = format!("/breakers/{}/{}", segment(&which.consumer), segment(&which.interface));
    let calls = admin.put(&path, &json!({ "state": state }))?.body;
    if json {
        return Ok(print_json(&calls));
    }
    out!("{} {}: {}", cell(&calls, "consumer"), cell(&calls, "interface"), stands(&calls));
    Ok(ExitCode::SUCCESS)
}

fn list(admin: &Admin, json: bool) -> Result<ExitCode, CliError> {
    let body = admin.get("/breakers")?.body;
    if json {
        return Ok(print_json(&body));
    }
    let mut rows = table(&[&["consumer"][..], &HEADINGS].concat());
    for calls in body.get("items").and_then(Value::as_array).into_iter().flatten() {
        let mut row = vec![cell(calls, "consumer")];
        row.extend(self::row(calls));
        rows.add_row(row);
    }
    out!("{rows}");
    Ok(ExitCode::SUCCESS)
}

/// The calls to one interface, under [`HEADINGS`].
pub(crate) fn row(calls: &Value) -> Vec<String> {
    let next = match calls.get("probe_in_ms").and_then(Value::as_u64) {
        None => "-".to_owned(),
        Some(0) => "next call".to_owned(),
        Some(ms) => format!("{} s", ms.div_ceil(1000)),
    };
    let mut row = vec![cell(calls, "interface"), stands(calls), next];
    let counts = ["calls", "failures", "retries", "cut_off", "crowded_out"];
    row.extend(counts.map(|count| cell(calls, count)));
    row
}

/// `open`, or `open (forced)`.
fn stands(calls: &Value) -> String {
    let state = cell(calls, "state").replace('_', "-");
    match calls.get("forced").and_then(Value::as_bool) {
        Some(true) => format!("{state} (forced)"),
        _ => state,
    }
}
