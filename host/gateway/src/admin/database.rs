//! The databases of services: `thali db`.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::{Extension, Json, Router};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use tempfile::TempPath;
use thali_contract::name::ServiceName;
use thali_contract::problem::Problem;
use thali_control::{Control, DeployError, ReplaceError};
use thali_platform::sql::{
    Caller, Database, Outcome, Piece, RestoreError, Rows, SqlError, SqlLimits, Statement, Value,
    statements,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::spawn_blocking;

use super::Host;
use crate::body::Body;
use crate::listen::Call;
use crate::read::BodyError;
use crate::reply;
use crate::web::{self, Answer, None, Params, Refused, Segments};

/// Bytes that are read from a backup, or collected of an export, before they are sent on.
const PIECE_BYTES: usize = 64 << 10;

/// Pieces that wait for a slow client, or for a slow disk.
const PIECES_MAX: usize = 4;

/// Backups and exports that are sent at the same time: half of what the admin API does at once, so that clients who do not
/// read what they asked for leave room for health and metrics.
pub(super) const DOWNLOADS_MAX: usize = 8;

/// How long the upload of a backup may take.
const UPLOAD_TIME: Duration = Duration::from_secs(600);

/// Statements that one request may have.
const STATEMENTS_MAX: usize = 1000;

/// What the results of one request may take together, in bytes, about: as much as that of one statement, which has
/// its own limit, and as much again.
const RESULTS_BYTES_MAX: usize = 16 << 20;

/// What one value takes besides its text.
const VALUE_BYTES: usize = 16;

/// A backup that was uploaded, until somebody takes it.
#[derive(Clone)]
pub(super) struct Upload(Arc<Mutex<Option<TempPath>>>);

/// What `thali db NAME shell` asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    sql: String,
    #[serde(default)]
    write: bool,
}

/// `?format=sql`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Export {
    #[serde(default)]
    format: Format,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Sql,
    Jsonl,
}

/// Whether the request brings a backup, which is not read into memory.
pub(super) fn is_restore(request: &Request<Incoming>) -> bool {
    request.method() == Method::PUT && request.uri().path().ends_with("/database")
}

/// Writes the body of a request to a file, then sends the request through the router.
pub(super) async fn receive(
    router: Router,
    control: Arc<Control>,
    request: Request<Incoming>,
    call: Call,
) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    match tokio::time::timeout(UPLOAD_TIME, store(&control, body)).await {
        Ok(Ok(file)) => head.extensions.insert(Upload(Arc::new(Mutex::new(Some(file))))),
        Ok(Err(problem)) => return call.refuse(&problem),
        Err(_) => return call.refuse(&BodyError::TooSlow(UPLOAD_TIME.as_secs()).problem()),
    };
    web::answer(router, head, Bytes::new(), call).await
}

async fn store(control: &Control, mut body: Incoming) -> Result<TempPath, Problem> {
    let file = control.file_beside_databases().await.map_err(|error| error.problem())?;
    let (mut file, path) = file.into_parts();
    let (sender, mut pieces) = mpsc::channel::<Bytes>(PIECES_MAX);
    let writing = spawn_blocking(move || {
        while let Some(piece) = pieces.blocking_recv() {
            file.write_all(&piece)?;
        }
        file.sync_all()
    });
    let received = forward(&mut body, sender).await;
    let written = writing.await.map_err(|_| reply::internal())?;
    // When writing failed the receiver was gone, which is what `received` would say.
    written.map_err(|error| {
        DeployError::Storage { action: "storing the upload", source: error }.problem()
    })?;
    received.map_err(BodyError::problem)?;
    Ok(path)
}

async fn forward(body: &mut Incoming, to: mpsc::Sender<Bytes>) -> Result<(), BodyError> {
    let mut room = SqlLimits::default().database_bytes_max;
    let bytes_max = usize::try_from(room).unwrap_or(usize::MAX);
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        room = room.checked_sub(piece.len() as u64).ok_or(BodyError::TooLarge(bytes_max))?;
        if to.send(piece).await.is_err() {
            return Err(BodyError::Broken);
        }
    }
    Ok(())
}

/// Puts an uploaded backup in place.
pub(super) async fn restore(
    State(host): State<Host>,
    Segments(name): Segments<ServiceName>,
    Params(None {}): Params<None>,
    Extension(upload): Extension<Upload>,
) -> Answer {
    let file = upload.0.lock().take().ok_or_else(reply::internal)?;
    let report = host.control.replace_database(&name, file).await.map_err(not_replaced)?;
    Ok(web::json(StatusCode::OK, json!({ "service": name, "migrations_applied": report.applied })))
}

/// Runs statements one after the other, each with a result. With `write` they are one transaction.
pub(super) async fn query(
    State(host): State<Host>,
    Segments(name): Segments<ServiceName>,
    Params(None {}): Params<None>,
    script: Bytes,
) -> Answer {
    let script: Script = serde_json::from_slice(&script).map_err(|error| {
        Problem::new(400, "bad_request", "The request is malformed").detail(error.to_string())
    })?;
    let database = database(&host, &name)?;
    let statements: Vec<_> = statements(&script.sql).into_iter().map(str::to_owned).collect();
    if statements.len() > STATEMENTS_MAX {
        let most = format!("at most {STATEMENTS_MAX} statements at once");
        return Err(refused(SqlError::TooLarge(most), script.write));
    }
    let outcomes = run(&database, statements, script.write).await;
    let outcomes = outcomes.map_err(|error| refused(error, script.write))?;
    let items = outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Rows(Rows { columns, rows }) => {
            let rows: Vec<Vec<_>> =
                rows.iter().map(|row| row.iter().map(plain).collect()).collect();
            json!({ "columns": columns, "rows": rows })
        }
        Outcome::Changed(rows) => json!({ "changed": rows }),
    });
    Ok(Json(json!({ "items": items.collect::<Vec<_>>() })).into_response())
}

async fn run(
    database: &Database,
    statements: Vec<String>,
    write: bool,
) -> Result<Vec<Outcome>, SqlError> {
    let mut results = Results::default();
    if !write {
        for sql in statements {
            results.add(Outcome::Rows(database.query(Statement::new(sql, [])).await?))?;
        }
        return Ok(results.outcomes);
    }
    let transaction = database.begin(Caller::HOST).await?;
    for sql in statements {
        results.add(transaction.apply(Statement::new(sql, [])).await?)?;
    }
    transaction.commit().await?;
    Ok(results.outcomes)
}

/// What statements have said until now.
#[derive(Default)]
struct Results {
    outcomes: Vec<Outcome>,
    bytes: usize,
}

impl Results {
    fn add(&mut self, outcome: Outcome) -> Result<(), SqlError> {
        self.bytes += match &outcome {
            Outcome::Rows(Rows { rows, .. }) => rows.iter().flatten().map(weight).sum(),
            Outcome::Changed(_) => VALUE_BYTES,
        };
        if self.bytes > RESULTS_BYTES_MAX {
            let most = RESULTS_BYTES_MAX >> 20;
            let most = format!("all results together may take {most} MiB: ask for less at once");
            return Err(SqlError::TooLarge(most));
        }
        self.outcomes.push(outcome);
        Ok(())
    }
}

fn weight(value: &Value) -> usize {
    VALUE_BYTES
        + match value {
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
            _ => 0,
        }
}

/// Reads the whole database.
pub(super) async fn check(
    State(host): State<Host>,
    Segments(name): Segments<ServiceName>,
    Params(None {}): Params<None>,
) -> Answer {
    let findings = match database(&host, &name)?.check().await {
        Ok(findings) => findings,
        Err(SqlError::Unavailable(reason)) => vec![reason.to_string()],
        Err(error) => return Err(refused(error, false)),
    };
    Ok(Json(json!({ "ok": findings.is_empty(), "findings": findings })).into_response())
}

/// Sends a copy of the live database.
pub(super) async fn backup(
    State(host): State<Host>,
    Segments(name): Segments<ServiceName>,
    Params(None {}): Params<None>,
) -> Answer {
    let database = database(&host, &name)?;
    let place = place(&host)?;
    let copy = host.control.backup(&database).await.map_err(|error| {
        error.log("backup");
        Refused::from(error.problem())
    })?;
    let bytes = copy.as_file().metadata().map_err(|_| reply::internal())?.len();
    // SQLite wrote to the path, this handle reads the same file.
    let (mut file, path) = copy.into_parts();
    let body = produced(move |to| {
        let _place = place;
        // Deleted when the last piece was read.
        let _path = path;
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            match file.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(length) => piece.truncate(length),
                Err(error) => return Err(error.to_string()),
            }
            if to.blocking_send(Ok(piece.into())).is_err() {
                return Ok(());
            }
        }
    });
    let head =
        [(CONTENT_TYPE, "application/vnd.sqlite3".to_owned()), (CONTENT_LENGTH, bytes.to_string())];
    Ok((head, body).into_response())
}

/// Sends everything that the service has stored.
pub(super) async fn export(
    State(host): State<Host>,
    Segments(name): Segments<ServiceName>,
    Params(Export { format }): Params<Export>,
) -> Answer {
    let database = database(&host, &name)?;
    let place = place(&host)?;
    let (to, pieces) = mpsc::channel::<Result<Bytes, String>>(PIECES_MAX);
    tokio::spawn(async move {
        let _place = place;
        let rest = Arc::new(Mutex::new(Vec::new()));
        let (rows, lines) = (to.clone(), Arc::clone(&rest));
        let exported = database.export(move |piece| {
            let mut lines = lines.lock();
            lines.extend_from_slice(line(&piece, format).as_bytes());
            lines.len() < PIECE_BYTES
                || rows.blocking_send(Ok(std::mem::take(&mut *lines).into())).is_ok()
        });
        let last = exported.await.map_err(|error| {
            tracing::error!(service = %name, "the export broke off: {error}");
            error.to_string()
        });
        let rest = std::mem::take(&mut *rest.lock());
        let _ = to.send(last.map(|()| rest.into())).await;
    });
    let kind = match format {
        Format::Sql => "application/sql",
        Format::Jsonl => "application/jsonl",
    };
    Ok(([(CONTENT_TYPE, kind)], body(pieces)).into_response())
}

fn line(piece: &Piece, format: Format) -> String {
    let line = match (format, piece) {
        (Format::Sql, piece) => piece.to_sql(),
        (Format::Jsonl, Piece::Schema(sql)) => json!({ "schema": sql }).to_string(),
        (Format::Jsonl, Piece::Row { table, columns, values }) => {
            let row = columns.iter().cloned().zip(values.iter().map(plain));
            let row: serde_json::Map<_, _> = row.collect();
            json!({ "table": &**table, "row": row }).to_string()
        }
    };
    line + "\n"
}

/// A value in JSON; bytes are hexadecimal.
fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Real(value) if value.is_finite() => json!(value),
        Value::Real(value) => json!(value.to_string()),
        Value::Text(value) => json!(value),
        Value::Blob(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "hex": hex })
        }
    }
}

/// A body that a thread makes piece by piece. One that ends with an error is cut off, which the client
/// notices.
/// A place for a download, until it has been sent or broken off.
fn place(host: &Host) -> Result<OwnedSemaphorePermit, Refused> {
    Arc::clone(&host.downloads).try_acquire_owned().map_err(|_| {
        let detail = format!("{DOWNLOADS_MAX} backups and exports are being sent");
        let problem = Problem::new(503, "too_many_downloads", "Too many downloads at once");
        problem.detail(detail).retry_after(5).into()
    })
}

fn produced(
    make: impl FnOnce(mpsc::Sender<Result<Bytes, String>>) -> Result<(), String> + Send + 'static,
) -> axum::body::Body {
    let (to, pieces) = mpsc::channel(PIECES_MAX);
    spawn_blocking(move || {
        if let Err(error) = make(to.clone()) {
            let _ = to.blocking_send(Err(error));
        }
    });
    body(pieces)
}

fn body(pieces: mpsc::Receiver<Result<Bytes, String>>) -> axum::body::Body {
    let next = |mut pieces: mpsc::Receiver<Result<Bytes, String>>| async move {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    };
    axum::body::Body::from_stream(stream::unfold(pieces, next))
}

pub(super) fn database(host: &Host, name: &ServiceName) -> Result<Arc<Database>, Refused> {
    host.control.database_of(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &ServiceName) -> Refused {
    Problem::new(404, "no_database", "There is no such database")
        .detail(format!("there is no service {name}, or it has stored nothing"))
        .into()
}

pub(super) fn refused(error: SqlError, write: bool) -> Refused {
    let problem = match &error {
        SqlError::Busy => Problem::new(503, "busy", "The database is busy").retry_after(1),
        SqlError::Unavailable(_) => {
            Problem::new(503, "database_unavailable", "The database cannot be used").retry_after(2)
        }
        _ => Problem::new(422, "sql", "The statement was refused"),
    };
    let hint = match &error {
        SqlError::TooLarge(_) => "",
        _ if write => "",
        _ => "; without --write the shell only reads",
    };
    problem.detail(format!("{error}{hint}")).into()
}

fn not_replaced(error: ReplaceError) -> Refused {
    tracing::warn!("a database was not replaced: {error}");
    let title = "The backup was not restored";
    match error {
        ReplaceError::Unknown(name) => unknown(&name),
        ReplaceError::Deploy(error) => error.problem().into(),
        ReplaceError::Restore(RestoreError::Database(error)) => refused(error, true),
        ReplaceError::Restore(RestoreError::Io { action, source }) => {
            DeployError::Storage { action, source }.problem().into()
        }
        ReplaceError::Restore(error @ RestoreError::TooLarge { .. }) => {
            Problem::new(413, "backup_too_large", title).detail(error.to_string()).into()
        }
        ReplaceError::Restore(error) => {
            Problem::new(422, "bad_backup", title).detail(error.to_string()).into()
        }
    }
}
