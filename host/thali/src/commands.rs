//! The commands that talk to a running host.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::args::{BuildArgs, DeployArgs};
use crate::client::{Admin, Answer};
use crate::error::CliError;
use crate::table::{cell, table};

type Outcome = Result<ExitCode, CliError>;

/// How often the spinner turns.
const SPIN: Duration = Duration::from_millis(100);

/// `thali build`
pub(crate) fn build(args: &BuildArgs, json: bool) -> Outcome {
    for folder in &args.folders {
        let report =
            crate::build::build(folder).map_err(|error| CliError::Build(error.to_string()))?;
        if json {
            print_json(&serde_json::to_value(&report).unwrap_or_default());
        } else {
            println!("{report}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `thali deploy`
pub(crate) fn deploy(admin: &Admin, args: &DeployArgs, json: bool) -> Outcome {
    let bytes = std::fs::read(&args.file)
        .map_err(|source| CliError::Read { path: args.file.clone(), source })?;
    let spinner = spinner(&format!("deploying {}", name_of(&args.file)));
    let begun = Instant::now();
    let path = if args.force { "/services?force=true" } else { "/services" };
    let answer = admin.post(path, "application/wasm", &bytes);
    spinner.finish_and_clear();
    let answer = answer?;
    if json {
        return Ok(print_json(&answer.body));
    }
    let took = begun.elapsed().as_millis();
    let verb = if answer.status == 200 { "is live already" } else { "is live" };
    println!("{} {verb} ({took} ms)", revision(&answer.body));
    if let Some(interface) = answer.body.get("waiting_for").and_then(Value::as_str) {
        println!("it waits until somebody provides {interface}");
    }
    warnings(&answer.body);
    Ok(ExitCode::SUCCESS)
}

/// `thali services`
pub(crate) fn services(admin: &Admin, json: bool) -> Outcome {
    let Answer { body, .. } = admin.get("/services")?;
    if json {
        return Ok(print_json(&body));
    }
    let mut rows = table(&["service", "state", "version", "revision", "live since", "why"]);
    for service in body.get("items").and_then(Value::as_array).into_iter().flatten() {
        rows.add_row(
            ["name", "state", "version", "revision", "live_since", "reason"]
                .map(|member| cell(service, member)),
        );
    }
    println!("{rows}");
    Ok(ExitCode::SUCCESS)
}

/// `thali rollback`
pub(crate) fn rollback(admin: &Admin, name: &str, json: bool) -> Outcome {
    let answer =
        admin.post(&format!("/services/{}/rollback", segment(name)), "application/json", b"")?;
    if json {
        return Ok(print_json(&answer.body));
    }
    println!("{} is live again", revision(&answer.body));
    warnings(&answer.body);
    Ok(ExitCode::SUCCESS)
}

/// `thali remove`
pub(crate) fn remove(admin: &Admin, name: &str, force: bool, json: bool) -> Outcome {
    let force = if force { "?force=true" } else { "" };
    let answer = admin.delete(&format!("/services/{}{force}", segment(name)))?;
    if json {
        return Ok(print_json(&answer.body));
    }
    println!("{name} is removed; its database stays and is found again by the next deploy");
    warnings(&answer.body);
    Ok(ExitCode::SUCCESS)
}

/// `thali call`
pub(crate) fn call(admin: &Admin, name: &str, function: &str, arguments: &str) -> Outcome {
    let Some((interface, function)) = function.rsplit_once('.') else {
        return Err(CliError::Function(format!("{function:?} does not name a function")));
    };
    let path =
        format!("/services/{}/call/{}/{}", segment(name), segment(interface), segment(function));
    let answer = admin.post(&path, "application/json", arguments.as_bytes())?;
    if answer.status != 204 {
        print_json(&answer.body);
    }
    Ok(ExitCode::SUCCESS)
}

/// `thali auth reload`
pub(crate) fn reload_keys(admin: &Admin, json: bool) -> Outcome {
    let answer = admin.post("/auth/reload", "application/json", b"")?;
    if json {
        return Ok(print_json(&answer.body));
    }
    println!("tokens are checked by {} keys now", cell(&answer.body, "keys"));
    Ok(ExitCode::SUCCESS)
}

/// `thali openapi`
pub(crate) fn openapi(admin: &Admin) -> Outcome {
    Ok(print_json(&admin.get("/openapi.json")?.body))
}

/// `orders revision 3 (1.4.0)`
fn revision(body: &Value) -> String {
    format!(
        "{} revision {} ({})",
        cell(body, "service"),
        cell(body, "revision"),
        cell(body, "version")
    )
}

fn warnings(body: &Value) {
    for warning in body.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        eprintln!("warning: {}", warning.as_str().unwrap_or_default());
    }
}

/// Prints for programs. A reader that has gone away is no error.
pub(crate) fn print_json(value: &Value) -> ExitCode {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| json!(null).to_string());
    let _ = writeln!(std::io::stdout(), "{text}");
    ExitCode::SUCCESS
}

/// A name as one path segment: what is not a name cannot change the path.
pub(crate) fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn name_of(file: &Path) -> String {
    file.file_stem()
        .map_or_else(|| file.display().to_string(), |stem| stem.to_string_lossy().into())
}

fn spinner(message: &str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(message.to_owned());
    spinner.enable_steady_tick(SPIN);
    spinner
}
