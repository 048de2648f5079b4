//! `thali audit`: who changed what.

use std::process::ExitCode;

use serde_json::Value;

use crate::client::Admin;
use crate::commands::print_json;
use crate::error::CliError;
use crate::output::out;
use crate::table::{cell, table};

/// Lists the latest changes, the newest first.
pub(crate) fn audit(admin: &Admin, limit: u32, json: bool) -> Result<ExitCode, CliError> {
    let body = admin.get(&format!("/audit?limit={limit}"))?.body;
    if json {
        return Ok(print_json(&body));
    }
    let mut rows = table(&["time", "actor", "peer", "action", "target", "revision", "outcome"]);
    for entry in body.get("items").and_then(Value::as_array).into_iter().flatten() {
        let text = |member| cell(entry, member);
        rows.add_row([
            text("time"),
            text("actor"),
            text("peer"),
            text("action"),
            text("target"),
            text("revision"),
            outcome(entry.get("outcome").unwrap_or(&Value::Null)),
        ]);
    }
    out!("{rows}");
    Ok(ExitCode::SUCCESS)
}

/// `201`, `409 has_dependents`, or that nobody knows.
fn outcome(outcome: &Value) -> String {
    if let Some(status) = outcome.get("status") {
        return status.to_string();
    }
    match outcome.get("refused").and_then(Value::as_array) {
        Some(parts) => {
            let part = |part: &Value| part.as_str().map_or_else(|| part.to_string(), Into::into);
            parts.iter().map(part).collect::<Vec<String>>().join(" ")
        }
        None => "cut off".into(),
    }
}
