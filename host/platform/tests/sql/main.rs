//! Everything `thali:platform/sql` promises, asked of the databases directly.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod capability;
mod constraints;
mod files;
mod groups;
mod host;
mod limits;
mod migrations;
mod power_loss;
mod refusals;
mod shelf;
mod transactions;
mod units;
mod upkeep;
mod values;
mod writes;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use thali_platform::sql::{
    Caller, Database, Databases, Rows, SqlError, SqlLimits, Statement, Value,
};

/// A folder of databases that is gone when the test is.
struct Fixture {
    folder: TempDir,
    databases: Arc<Databases>,
}

impl Fixture {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(adjust: impl FnOnce(&mut SqlLimits)) -> Self {
        let mut limits = SqlLimits::default();
        adjust(&mut limits);
        let folder = tempfile::tempdir().unwrap();
        let databases = Databases::open(folder.path().join("db"), limits).unwrap();
        Self { folder, databases }
    }

    fn database(&self, service: &str) -> Arc<Database> {
        self.databases.database(&service.parse().unwrap())
    }

    fn file(&self, service: &str) -> PathBuf {
        self.folder.path().join("db").join(format!("{service}.sqlite"))
    }

    /// The same folder, as a restarted host would open it.
    fn reopened(&self) -> Arc<Databases> {
        Databases::open(self.folder.path().join("db"), SqlLimits::default()).unwrap()
    }

    /// The database of `orders`, with a table `t (id TEXT PRIMARY KEY, n INTEGER)`.
    async fn orders(&self) -> Arc<Database> {
        self.table_of("orders").await
    }

    async fn table_of(&self, service: &str) -> Arc<Database> {
        let database = self.database(service);
        database.must("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)", []).await;
        database
    }
}

/// What tests say to a database.
trait Speak {
    async fn run<const N: usize>(&self, sql: &str, params: [Value; N]) -> Result<u64, SqlError>;
    async fn must<const N: usize>(&self, sql: &str, params: [Value; N]) -> u64;
    async fn rows<const N: usize>(&self, sql: &str, params: [Value; N]) -> Result<Rows, SqlError>;
    async fn one(&self, sql: &str) -> Value;
}

impl Speak for Database {
    async fn run<const N: usize>(&self, sql: &str, params: [Value; N]) -> Result<u64, SqlError> {
        self.execute(Caller::HOST, Statement::new(sql, params)).await
    }

    async fn must<const N: usize>(&self, sql: &str, params: [Value; N]) -> u64 {
        self.run(sql, params).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    async fn rows<const N: usize>(&self, sql: &str, params: [Value; N]) -> Result<Rows, SqlError> {
        self.query(Statement::new(sql, params)).await
    }

    async fn one(&self, sql: &str) -> Value {
        let rows = self.rows(sql, []).await.unwrap_or_else(|error| panic!("{sql}: {error}")).rows;
        assert_eq!((rows.len(), rows[0].len()), (1, 1), "{sql}");
        rows[0][0].clone()
    }
}

fn int(value: i64) -> Value {
    Value::Integer(value)
}

fn text(value: &str) -> Value {
    Value::from(value)
}

fn statement<const N: usize>(sql: &str, params: [Value; N]) -> Statement {
    Statement::new(sql, params)
}

fn insert(id: &str, n: i64) -> Statement {
    statement("INSERT INTO t VALUES ($1, $2)", [text(id), int(n)])
}

/// Polls until every task has queued its job: on the test's one thread a yield runs them all.
async fn let_tasks_run() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

fn bytes_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// A statement that never ends by itself.
const FOREVER: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
