//! The commands that talk to a running host.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Value, json};

use crate::args::{BuildArgs, CompletionsArgs, DeployArgs, NewArgs, Why};
use crate::build::{How, Words};
use crate::client::{Admin, Answer};
use crate::error::CliError;
use crate::output::{self, note, out};
use crate::progress;
use crate::rollouts::shared_out;
use crate::steps::Steps;
use crate::table::{cell, table};

type Outcome = Result<ExitCode, CliError>;

/// `thali new`
pub(crate) fn new(args: &NewArgs, json: bool) -> Outcome {
    let Some(name) = &args.name else { return Ok(templates(json)) };
    let report = crate::new::new(name, &args.template, args.parent.as_deref())?;
    if json {
        return Ok(print_json(&serde_json::to_value(&report).unwrap_or_default()));
    }
    out!("{report}");
    Ok(ExitCode::SUCCESS)
}

fn templates(json: bool) -> ExitCode {
    if json {
        let items: Vec<_> = crate::new::templates()
            .map(|(name, about)| json!({"name": name, "about": about}))
            .collect();
        return print_json(&json!({ "items": items }));
    }
    for (name, about) in crate::new::templates() {
        out!("{name:12}{about}");
    }
    ExitCode::SUCCESS
}

/// `thali build`
pub(crate) fn build(args: &BuildArgs, json: bool) -> Outcome {
    let bar = progress::builds(args.folders.len());
    for folder in &args.folders {
        bar.begins(folder);
        let say = |line: &str| bar.say(line);
        let words = if bar.is_seen() { Words::To(&say) } else { Words::All };
        let report = crate::build::build(folder, How { words, running: None })?;
        bar.done();
        if json {
            bar.aside(|| print_json(&serde_json::to_value(&report).unwrap_or_default()));
        } else {
            bar.aside(|| out!("{report}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `thali deploy`
pub(crate) fn deploy(admin: &Admin, args: &DeployArgs, json: bool) -> Outcome {
    let bytes = std::fs::read(&args.file)
        .map_err(|reason| CliError::Read { path: args.file.clone(), reason })?;
    let steps = Steps::draw(admin, &name_of(&args.file));
    let begun = Instant::now();
    let canary = args.canary.map(|percent| percent.to_string());
    let query = query(&[
        ("force", args.force.then_some("true")),
        ("canary", canary.as_deref()),
        ("message", args.why.message.as_deref()),
        ("watch", steps.tag()),
    ]);
    let answer = admin.post(&format!("/services{query}"), "application/wasm", &bytes);
    let took = begun.elapsed().as_millis();
    if let Some(steps) = steps.end() {
        note!("{steps}");
    }
    let answer = answer?;
    if json {
        return Ok(print_json(&answer.body));
    }
    let verb = if answer.status == 200 { "is live already" } else { "is live" };
    if answer.body.get("outcome").and_then(Value::as_str) == Some("canary") {
        out!("{} ({took} ms)", shared_out(&answer.body));
    } else {
        out!("{} {verb} ({took} ms)", revision(&answer.body));
    }
    if let Some(interface) = answer.body.get("waiting_for").and_then(Value::as_str) {
        out!("it waits until somebody provides {interface}");
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
        let mut row = ["name", "state", "version", "revision", "live_since", "reason"]
            .map(|member| cell(service, member));
        if let [_, _, _, revision, ..] = &mut row
            && let Some(canaries) = service.get("canaries").and_then(Value::as_array)
        {
            for canary in canaries {
                let (number, percent) = (cell(canary, "revision"), cell(canary, "percent"));
                revision.push_str(&format!(", {number} ({percent} %)"));
            }
        }
        rows.add_row(row);
    }
    out!("{rows}");
    Ok(ExitCode::SUCCESS)
}

/// `thali remove`
pub(crate) fn remove(admin: &Admin, name: &str, force: bool, why: &Why, json: bool) -> Outcome {
    let query = query(&[("force", force.then_some("true")), ("message", why.message.as_deref())]);
    let answer = admin.delete(&format!("/services/{}{query}", segment(name)))?;
    if json {
        return Ok(print_json(&answer.body));
    }
    out!("{name} is removed; its database stays and is found again by the next deploy");
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
    out!("tokens are checked by {} keys now", cell(&answer.body, "keys"));
    Ok(ExitCode::SUCCESS)
}

/// `thali openapi`
pub(crate) fn openapi(admin: &Admin) -> Outcome {
    Ok(print_json(&admin.get("/openapi.json")?.body))
}

/// `thali completions`
pub(crate) fn completions(args: &CompletionsArgs) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut crate::args::command(), "thali", &mut text);
    output::print(format_args!("{}", String::from_utf8_lossy(&text)));
    ExitCode::SUCCESS
}

/// `orders revision 3 (1.4.0)`
pub(crate) fn revision(body: &Value) -> String {
    format!(
        "{} revision {} ({})",
        cell(body, "service"),
        cell(body, "revision"),
        cell(body, "version")
    )
}

pub(crate) fn warnings(body: &Value) {
    for warning in body.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        note!("warning: {}", warning.as_str().unwrap_or_default());
    }
}

/// Prints for programs.
pub(crate) fn print_json(value: &Value) -> ExitCode {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| json!(null).to_string());
    out!("{text}");
    ExitCode::SUCCESS
}

/// A name as one path segment: what is not a name cannot change the path.
pub(crate) fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The query of those parameters that are given, with its question mark.
pub(crate) fn query(parameters: &[(&str, Option<&str>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    let pairs: Vec<_> = given.map(|(name, value)| format!("{name}={}", segment(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn name_of(file: &Path) -> String {
    file.file_stem()
        .map_or_else(|| file.display().to_string(), |stem| stem.to_string_lossy().into())
}
