//! `thali db`: look into, copy and replace the database of a service.

use std::fs::{self, File};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::args::{DbArgs, DbCommand, ExportFormat};
use crate::client::Admin;
use crate::commands::{print_json, segment};
use crate::error::CliError;
use crate::output::{self, note};
use crate::progress;
use crate::table::table;

type Outcome = Result<ExitCode, CliError>;

/// How every SQLite database begins.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Runs one of the commands.
pub(crate) fn db(admin: &Admin, args: &DbArgs, json: bool) -> Outcome {
    let path = format!("/services/{}/database", segment(&args.name));
    match &args.command {
        DbCommand::Shell { sql, write } => {
            Shell { admin, path, write: *write, json }.run(sql.as_deref())
        }
        DbCommand::Backup { file, force } => backup(admin, &path, file, *force, json),
        DbCommand::Restore { file } => restore(admin, &path, &args.name, file, json),
        DbCommand::Export { format } => export(admin, &path, *format),
        DbCommand::Check => check(admin, &path, &args.name, json),
    }
}

struct Shell<'a> {
    admin: &'a Admin,
    path: String,
    write: bool,
    json: bool,
}

impl Shell<'_> {
    fn run(&self, sql: Option<&str>) -> Outcome {
        match sql {
            Some(sql) => self.script(sql),
            None if io::stdin().is_terminal() => self.prompt(),
            None => {
                let mut script = String::new();
                io::stdin().read_to_string(&mut script).map_err(CliError::Terminal)?;
                self.script(&script)
            }
        }
    }

    /// Reads statements until the end of the input or `.quit`. An error ends one statement only.
    fn prompt(&self) -> Outcome {
        let mode = if self.write { "writes" } else { "reads only; --write lets you change data" };
        note!("each line that ends with ; is run ({mode}); .quit or Ctrl-D leaves");
        let mut pending = String::new();
        loop {
            output::prompt(if pending.is_empty() { "sql> " } else { "...> " });
            let mut line = String::new();
            if io::stdin().lock().read_line(&mut line).map_err(CliError::Terminal)? == 0
                || line.trim() == ".quit"
            {
                return Ok(ExitCode::SUCCESS);
            }
            pending.push_str(&line);
            if !pending.trim_end().ends_with(';') {
                continue;
            }
            match self.script(&std::mem::take(&mut pending)) {
                Ok(_) => {}
                Err(refused @ CliError::Refused(_)) => note!("{refused}"),
                Err(other) => return Err(other),
            }
        }
    }

    fn script(&self, sql: &str) -> Outcome {
        let request = json!({ "sql": sql, "write": self.write }).to_string();
        let path = format!("{}/query", self.path);
        let body = self.admin.post(&path, "application/json", request.as_bytes())?.body;
        if self.json {
            return Ok(print_json(&body));
        }
        for item in body.get("items").and_then(Value::as_array).into_iter().flatten() {
            show(item);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Rows as a table, a change as a number.
fn show(item: &Value) {
    let Some(columns) = item.get("columns").and_then(Value::as_array) else {
        let changed = item.get("changed").and_then(Value::as_u64).unwrap_or_default();
        return print(&format!("{changed} rows changed\n"));
    };
    let headings: Vec<&str> = columns.iter().filter_map(Value::as_str).collect();
    let mut rows = table(&headings);
    // A column's name is not the host's to spell.
    rows.set_header(&headings);
    for row in item.get("rows").and_then(Value::as_array).into_iter().flatten() {
        rows.add_row(row.as_array().into_iter().flatten().map(text));
    }
    print(&format!("{rows}\n"));
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::String(text) => text.clone(),
        Value::Object(bytes) => {
            format!("x'{}'", bytes.get("hex").and_then(Value::as_str).unwrap_or_default())
        }
        other => other.to_string(),
    }
}

fn print(text: &str) {
    output::print(format_args!("{text}"));
}

fn backup(admin: &Admin, path: &str, file: &Path, force: bool, json: bool) -> Outcome {
    let failed = |reason| CliError::Write { path: file.to_owned(), reason };
    if file.exists() && !force {
        let taken = io::Error::new(io::ErrorKind::AlreadyExists, "it is there already");
        return Err(failed(taken));
    }
    let aside = beside(file);
    let saved = save(admin, path, &aside).and_then(|bytes| {
        fs::rename(&aside, file).map_err(failed)?;
        Ok(bytes)
    });
    if saved.is_err() {
        let _ = fs::remove_file(&aside);
    }
    let bytes = saved?;
    if json {
        return Ok(print_json(&json!({ "file": file, "bytes": bytes })));
    }
    print(&format!("{} has {bytes} bytes; the host has checked them\n", file.display()));
    Ok(ExitCode::SUCCESS)
}

/// Writes the copy to a file, to its last byte.
fn save(admin: &Admin, path: &str, aside: &Path) -> Result<u64, CliError> {
    let failed = |reason| CliError::Write { path: aside.to_owned(), reason };
    let mut target = private(aside).map_err(failed)?;
    let (copy, announced) = admin.download(&format!("{path}/backup"))?;
    let bar = progress::bytes("copying", announced);
    let mut copy = bar.wrap_read(copy);
    let mut magic = [0; MAGIC.len()];
    let broken = |error: io::Error| CliError::Broken(error.to_string());
    copy.read_exact(&mut magic).map_err(broken)?;
    if magic != MAGIC {
        return Err(CliError::Broken("what came is no SQLite database".into()));
    }
    target.write_all(&magic).map_err(failed)?;
    let bytes = io::copy(&mut copy, &mut target).map_err(broken)? + MAGIC.len() as u64;
    if announced.is_some_and(|announced| announced != bytes) {
        return Err(CliError::Broken(format!("{bytes} of {announced:?} bytes came")));
    }
    bar.finish_and_clear();
    target.sync_all().map_err(failed)?;
    Ok(bytes)
}

/// A new file that only its owner can read.
fn private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn restore(admin: &Admin, path: &str, name: &str, file: &Path, json: bool) -> Outcome {
    let backup =
        File::open(file).map_err(|reason| CliError::Read { path: file.to_owned(), reason })?;
    let spinner = progress::spinner(&format!("restoring {name}"));
    let answer = admin.upload(path, backup);
    spinner.finish_and_clear();
    let body = answer?.body;
    if json {
        return Ok(print_json(&body));
    }
    print(&format!(
        "{name} uses {} now; what it used before is kept in the data folder as \
         databases/{name}.before-restore.sqlite\n",
        file.display()
    ));
    Ok(ExitCode::SUCCESS)
}

fn export(admin: &Admin, path: &str, format: ExportFormat) -> Outcome {
    let format = match format {
        ExportFormat::Sql => "sql",
        ExportFormat::Jsonl => "jsonl",
    };
    let (mut rows, _) = admin.download(&format!("{path}/export?format={format}"))?;
    match io::copy(&mut rows, &mut io::stdout().lock()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(CliError::Broken(error.to_string())),
        Ok(_) => Ok(ExitCode::SUCCESS),
    }
}

fn check(admin: &Admin, path: &str, name: &str, json: bool) -> Outcome {
    let body = admin.get(&format!("{path}/check"))?.body;
    let ok = body.get("ok").and_then(Value::as_bool).unwrap_or(false);
    if json {
        print_json(&body);
    } else if ok {
        print(&format!("the database of {name} is sound\n"));
    }
    if ok {
        return Ok(ExitCode::SUCCESS);
    }
    for finding in body.get("findings").and_then(Value::as_array).into_iter().flatten() {
        note!("{}", finding.as_str().unwrap_or_default());
    }
    Ok(ExitCode::FAILURE)
}
