//! `thali config`: what a host is told, and what it can be told.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};
use thali_platform::config::Environment;

use crate::args::{ConfigCommand, UpArgs};
use crate::client::Admin;
use crate::commands::{print_json, warnings};
use crate::error::CliError;
use crate::host_file::{CONFIG_VARIABLE, HostFile, USUAL_FILE};
use crate::output::{note, out, print};
use crate::settings::{self, Given, Shown};
use crate::table::{cell, table};

/// Runs one of its commands.
pub(crate) fn config(
    command: ConfigCommand,
    admin: &Admin,
    given: &Given,
    json: bool,
) -> Result<ExitCode, CliError> {
    match command {
        ConfigCommand::Show { origin, changed, up } => show(*up, given, origin, changed, json),
        ConfigCommand::Reload => reload(admin, json),
        ConfigCommand::Check { file } => check(file, json),
        ConfigCommand::Schema => Ok(print_json(&settings::schema())),
        ConfigCommand::Example => {
            print(format_args!("{}", settings::example()));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn show(
    mut up: UpArgs,
    given: &Given,
    origin: bool,
    changed: bool,
    json: bool,
) -> Result<ExitCode, CliError> {
    let file = HostFile::load(up.config.as_deref())?;
    up.take(&file, given);
    let mut shown = settings::shown(&up, given, &file, &Environment::of_process());
    shown.retain(|shown| !changed || !shown.is_usual());
    if json {
        return Ok(print_json(&json!({ "items": shown })));
    }
    print_settings(&shown, origin);
    Ok(ExitCode::SUCCESS)
}

fn print_settings(shown: &[Shown], origin: bool) {
    let headings = ["setting", "value", "from"];
    let columns = if origin { 3 } else { 2 };
    let mut rows = table(headings.get(..columns).unwrap_or(&headings));
    for shown in shown {
        let mut row = vec![shown.key.clone(), shown.text()];
        row.extend(origin.then(|| shown.origin.clone()));
        rows.add_row(row);
    }
    out!("{rows}");
}

fn reload(admin: &Admin, json: bool) -> Result<ExitCode, CliError> {
    let body = admin.post("/config/reload", "application/json", b"")?.body;
    if json {
        return Ok(print_json(&body));
    }
    match cell(&body, "changed").as_str() {
        "-" => out!("nothing has changed that a reload changes"),
        changed => out!("changed: {changed}"),
    }
    match cell(&body, "services").as_str() {
        "-" => {}
        services => out!("live with it: {services}"),
    }
    match cell(&body, "restart").as_str() {
        "-" => {}
        restart => note!("a restart is needed for: {restart}"),
    }
    warnings(&body);
    Ok(ExitCode::SUCCESS)
}

fn check(file: Option<PathBuf>, json: bool) -> Result<ExitCode, CliError> {
    let named = file.or_else(|| std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from));
    let file = HostFile::load(named.as_deref())?;
    let settings = file.leaves.len();
    if json {
        let name = (!file.name.is_empty()).then_some(&file.name);
        return Ok(print_json(&json!({ "file": name, "settings": settings })));
    }
    match &*file.name {
        "" => out!("there is no {USUAL_FILE} here: a host runs with what is usual"),
        name => out!("{name} is fine: {settings} settings"),
    }
    Ok(ExitCode::SUCCESS)
}

impl Shown {
    /// Its value in one line.
    fn text(&self) -> String {
        match &self.value {
            Value::Null if self.secret && !self.is_usual() => "(secret)".into(),
            Value::Null => "-".into(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}
