//! What is kept of a schedule, in the database of its service.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::status::Outcome;
use crate::sql::{Database, SqlError, Statement, Value};

/// What is known of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Until when everything that was due is done with: it ran, or was passed over.
    pub(super) due_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) outcome: Option<Outcome>,
    pub(super) error: Option<String>,
    pub(super) runs: u64,
    pub(super) failures: u64,
    pub(super) skipped: u64,
}

impl Row {
    /// A schedule that is new at `now`.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            due_at: now,
            started_at: None,
            ended_at: None,
            outcome: None,
            error: None,
            runs: 0,
            failures: 0,
            skipped: 0,
        }
    }
}

type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, SqlError>> + Send + 'a>>;

/// Where rows are kept.
pub(super) trait Book: Send + Sync + 'static {
    /// The row of a schedule.
    fn load<'a>(&'a self, name: &'a str) -> Later<'a, Option<Row>>;
    /// Keeps the row of a schedule; durable when it returns.
    fn store<'a>(&'a self, name: &'a str, row: Row) -> Later<'a, ()>;
}

/// The row of one schedule, in memory and on disk.
pub(super) struct Record {
    name: String,
    book: Arc<dyn Book>,
    row: Mutex<Row>,
    /// One writes at a time, so that no older row comes last.
    writing: tokio::sync::Mutex<()>,
}

impl Record {
    /// Reads what is known of a schedule. A run that nobody ended was cut short.
    pub(super) async fn open(
        book: Arc<dyn Book>,
        name: &str,
        now: Timestamp,
    ) -> Result<Self, SqlError> {
        let known = book.load(name).await?;
        let is_new = known.is_none();
        let mut row = known.unwrap_or_else(|| Row::new(now));
        if row.outcome == Some(Outcome::Running) {
            row.outcome = Some(Outcome::Cut);
        }
        let (row, writing) = (Mutex::new(row), tokio::sync::Mutex::default());
        let record = Self { name: name.to_owned(), book, row, writing };
        if is_new {
            record.store().await?;
        }
        Ok(record)
    }

    pub(super) fn row(&self) -> Row {
        self.row.lock().clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Row)) {
        change(&mut self.row.lock());
    }

    /// Writes the row as it is now.
    pub(super) async fn store(&self) -> Result<(), SqlError> {
        let _alone = self.writing.lock().await;
        self.book.store(&self.name, self.row()).await
    }
}

const LOAD: &str = "SELECT due_at, started_at, ended_at, outcome, error, runs, failures, skipped \
                    FROM _thali_schedules WHERE name = $1";

const STORE: &str = "INSERT INTO _thali_schedules \
    (name, due_at, started_at, ended_at, outcome, error, runs, failures, skipped) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (name) DO UPDATE SET \
    due_at = excluded.due_at, started_at = excluded.started_at, ended_at = excluded.ended_at, \
    outcome = excluded.outcome, error = excluded.error, runs = excluded.runs, \
    failures = excluded.failures, skipped = excluded.skipped";

impl Book for Database {
    fn load<'a>(&'a self, name: &'a str) -> Later<'a, Option<Row>> {
        Box::pin(async move {
            let rows = self.host_query(Statement::new(LOAD, [name.into()])).await?;
            Ok(rows.rows.into_iter().next().map(read))
        })
    }

    fn store<'a>(&'a self, name: &'a str, row: Row) -> Later<'a, ()> {
        Box::pin(async move {
            let time = |time: Option<Timestamp>| time.map_or(Value::Null, instant);
            let text = |text: Option<String>| text.map_or(Value::Null, Value::Text);
            let count = |count: u64| Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
            let params = vec![
                name.into(),
                instant(row.due_at),
                time(row.started_at),
                time(row.ended_at),
                text(row.outcome.map(|outcome| outcome.as_str().to_owned())),
                text(row.error),
                count(row.runs),
                count(row.failures),
                count(row.skipped),
            ];
            self.host_batch(vec![Statement::new(STORE, params)], false).await.map(drop)
        })
    }
}

fn instant(time: Timestamp) -> Value {
    Value::Integer(time.as_millisecond())
}

/// A row of [`LOAD`]. What the host itself has not written reads as nothing.
fn read(values: Vec<Value>) -> Row {
    let mut values = values.into_iter();
    let mut next = || values.next().unwrap_or(Value::Null);
    let time = |value: Value| match value {
        Value::Integer(ms) => Timestamp::from_millisecond(ms).ok(),
        _ => None,
    };
    let text = |value: Value| match value {
        Value::Text(text) => Some(text),
        _ => None,
    };
    let count = |value: Value| match value {
        Value::Integer(count) => u64::try_from(count).unwrap_or_default(),
        _ => 0,
    };
    Row {
        due_at: time(next()).unwrap_or(Timestamp::UNIX_EPOCH),
        started_at: time(next()),
        ended_at: time(next()),
        outcome: text(next()).and_then(|outcome| Outcome::parse(&outcome)),
        error: text(next()),
        runs: count(next()),
        failures: count(next()),
        skipped: count(next()),
    }
}
