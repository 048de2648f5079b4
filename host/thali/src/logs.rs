//! `thali logs`: what the host and its services say.

mod follow;
mod line;

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::Value;

use crate::args::LogsArgs;
use crate::client::Admin;
use crate::commands::query;
use crate::error::CliError;

/// Lines that are shown first.
const LINES: u32 = 200;
const LINES_BEFORE: u32 = 20;

/// Lists what was said, and goes on with what is said from then on if it is asked to.
pub(crate) fn logs(admin: &Admin, args: &LogsArgs, json: bool) -> Result<ExitCode, CliError> {
    let mut printer = Printer::new(json);
    if args.follow {
        follow::follow(admin, &wanted(args, LINES_BEFORE), &mut printer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let body = admin.get(&format!("/logs{}", wanted(args, LINES)))?.body;
    for record in body.get("items").and_then(Value::as_array).into_iter().flatten() {
        if printer.print(record).is_ended() {
            return Ok(ExitCode::SUCCESS);
        }
    }
    printer.flush();
    Ok(ExitCode::SUCCESS)
}

/// The query that asks for it.
fn wanted(args: &LogsArgs, lines: u32) -> String {
    let level = args.level.and_then(|level| level.to_possible_value());
    let lines = args.lines.map_or(lines, u32::from).to_string();
    query(&[
        ("service", args.name.as_deref()),
        ("level", level.as_ref().map(|level| level.get_name())),
        ("since", args.since.as_deref()),
        ("request_id", args.request.as_deref()),
        ("trace_id", args.trace.as_deref()),
        ("contains", args.contains.as_deref()),
        ("limit", Some(lines.as_str())),
    ])
}

/// Writes lines, for as long as somebody reads them.
struct Printer {
    stdout: BufWriter<io::Stdout>,
    json: bool,
    color: bool,
    reading: Reading,
}

/// Whether somebody reads what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    GoesOn,
    Ended,
}

impl Reading {
    fn is_ended(self) -> bool {
        self == Self::Ended
    }
}

impl Printer {
    fn new(json: bool) -> Self {
        let stdout = io::stdout();
        let color = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { stdout: BufWriter::new(stdout), json, color, reading: Reading::GoesOn }
    }

    /// Writes a record as one line.
    fn print(&mut self, record: &Value) -> Reading {
        let written = match self.json {
            true => writeln!(self.stdout, "{record}"),
            false => writeln!(self.stdout, "{}", line::Line { record, color: self.color }),
        };
        self.wrote(written)
    }

    fn flush(&mut self) -> Reading {
        let flushed = self.stdout.flush();
        self.wrote(flushed)
    }

    /// A reader that has gone away has read enough.
    fn wrote(&mut self, written: io::Result<()>) -> Reading {
        if let Err(error) = written {
            self.reading = Reading::Ended;
            if error.kind() != ErrorKind::BrokenPipe {
                crate::output::note!("the output cannot be written: {error}");
            }
        }
        self.reading
    }
}
