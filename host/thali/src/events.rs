//! `thali events`: subscriptions and dead letters.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Map, Value};

use crate::client::Admin;
use crate::commands::{print_json, segment};
use crate::error::CliError;
use crate::output::{note, out};
use crate::table::{cell, table};

type Outcome = Result<ExitCode, CliError>;

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// List the subscriptions: how far each has come, what waits, what is dead.
    List,
    /// List dead letters: events whose delivery was given up.
    Dead {
        /// Only those of this subscriber.
        #[arg(long)]
        subscriber: Option<String>,
        /// Only those of this publisher.
        #[arg(long)]
        publisher: Option<String>,
        /// At most so many, 1 to 100.
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Go on behind an earlier list, which printed this.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show a dead letter in full, as a CloudEvent, with the error of each subscriber.
    Show {
        /// The event's id.
        id: String,
    },
    /// Deliver dead letters again, from the first attempt on.
    #[command(after_help = "Example:\n  thali events redrive --subscriber notifications")]
    Redrive(Selection),
    /// Forget dead letters.
    #[command(
        after_help = "Example:\n  thali events discard 019ab6a2-… --subscriber notifications"
    )]
    Discard(Selection),
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
pub(crate) struct Selection {
    /// The event's id; none means all that fit the options.
    #[arg(group = "which")]
    id: Option<String>,
    /// Those of this subscriber.
    #[arg(long, group = "which")]
    subscriber: Option<String>,
    /// Those of this publisher.
    #[arg(long, group = "which")]
    publisher: Option<String>,
    /// All there are.
    #[arg(long, group = "which", conflicts_with_all = ["id", "subscriber", "publisher"])]
    all: bool,
}

pub(crate) fn run(admin: &Admin, command: &EventsCommand, json: bool) -> Outcome {
    match command {
        EventsCommand::List => list(admin, json),
        EventsCommand::Dead { subscriber, publisher, limit, cursor } => {
            let query = [
                ("subscriber", subscriber.as_deref()),
                ("publisher", publisher.as_deref()),
                ("cursor", cursor.as_deref()),
            ];
            dead(admin, *limit, &query, json)
        }
        EventsCommand::Show { id } => show(admin, id),
        EventsCommand::Redrive(selection) => change(admin, "redrive", selection, json),
        EventsCommand::Discard(selection) => change(admin, "discard", selection, json),
    }
}

fn list(admin: &Admin, json: bool) -> Outcome {
    let body = admin.get("/events")?.body;
    if json {
        return Ok(print_json(&body));
    }
    let members =
        ["publisher", "topic", "subscriber", "live", "lag", "waiting", "dead", "last_error"];
    print_rows(&body, &members);
    Ok(ExitCode::SUCCESS)
}

fn dead(admin: &Admin, limit: u32, query: &[(&str, Option<&str>)], json: bool) -> Outcome {
    let mut path = format!("/events/dead?limit={limit}");
    for (name, value) in query.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
        path.push_str(&format!("&{name}={}", segment(value)));
    }
    let body = admin.get(&path)?.body;
    if json {
        return Ok(print_json(&body));
    }
    let members = ["id", "publisher", "subscriber", "event", "key", "attempts", "died_at", "error"];
    print_rows(&body, &members);
    if let Some(next) = body.get("next").and_then(Value::as_str) {
        out!("\nthere are more: --cursor {next}");
    }
    Ok(ExitCode::SUCCESS)
}

fn show(admin: &Admin, id: &str) -> Outcome {
    Ok(print_json(&admin.get(&format!("/events/dead/{}", segment(id)))?.body))
}

fn change(admin: &Admin, action: &str, selection: &Selection, json: bool) -> Outcome {
    let members = [
        ("id", &selection.id),
        ("subscriber", &selection.subscriber),
        ("publisher", &selection.publisher),
    ];
    let mut body: Map<String, Value> = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())))
        .collect();
    if selection.all {
        body.insert("all".into(), true.into());
    }
    let body = Value::from(body).to_string();
    let path = format!("/events/dead/{action}");
    let answer = admin.post(&path, "application/json", body.as_bytes())?;
    if json {
        return Ok(print_json(&answer.body));
    }
    note_left_out(&answer.body);
    let count = |member: &str| answer.body.get(member).and_then(Value::as_u64);
    match (count("redriven"), count("discarded")) {
        (Some(0), _) | (_, Some(0)) => {
            out!("no dead letter fits; `thali events dead` lists them")
        }
        (Some(count), _) => out!("{count} dead letters are delivered again"),
        (_, Some(count)) => out!("{count} dead letters are forgotten"),
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Names the publishers whose databases could not be used.
fn note_left_out(body: &Value) {
    for left_out in body.get("left_out").and_then(Value::as_array).into_iter().flatten() {
        note!("warning: {} is left out: {}", cell(left_out, "publisher"), cell(left_out, "reason"));
    }
}

fn print_rows(body: &Value, members: &[&str]) {
    note_left_out(body);
    let items = body.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        out!("none");
        return;
    }
    let headings: Vec<_> = members.iter().map(|member| member.replace('_', " ")).collect();
    let headings: Vec<_> = headings.iter().map(String::as_str).collect();
    let mut rows = table(&headings);
    for item in items {
        rows.add_row(members.iter().map(|member| cell(item, member)));
    }
    out!("{rows}");
}
