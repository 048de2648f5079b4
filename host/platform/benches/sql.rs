//! What a statement costs through `thali:platform/sql`, beside the same statement on a bare connection
//! to a file of the same folder. Trust the ratios: the disk of the day decides the rest.
//!
//! `THALI_BENCH_DIR` names the folder when the temporary one is not on a real disk.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;
use thali_platform::sql::{Caller, Database, Databases, SqlLimits, Statement, Value};
use tokio::runtime::Runtime;

const ROWS: i64 = 10_000;
const CREATE: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL)";
const FILL: &str = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
     INSERT INTO t SELECT i, 'value ' || i FROM n";
const READ: &str = "SELECT v FROM t WHERE id = $1";
const WRITE: &str = "UPDATE t SET v = $1 WHERE id = $2";

struct Bench {
    _folder: TempDir,
    runtime: Runtime,
    database: Arc<Database>,
    bare: rusqlite::Connection,
}

impl Bench {
    fn new() -> Self {
        let parent =
            std::env::var_os("THALI_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
        let folder = tempfile::tempdir_in(parent).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let databases = Databases::open(folder.path().to_owned(), SqlLimits::default()).unwrap();
        let database = databases.database(&"bench".parse().unwrap());
        runtime.block_on(async {
            for sql in [CREATE, FILL] {
                database.execute(Caller::HOST, Statement::new(sql, [])).await.unwrap();
            }
        });
        let bare = rusqlite::Connection::open(folder.path().join("bare.sqlite")).unwrap();
        bare.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").unwrap();
        bare.execute_batch(CREATE).unwrap();
        bare.execute_batch(FILL).unwrap();
        Self { _folder: folder, runtime, database, bare }
    }

    /// Times `count` statements that `clients` tasks run one after the other each.
    fn time<F, Fut>(&self, clients: u64, count: u64, statement: F) -> Duration
    where
        F: Fn(Arc<Database>, i64) -> Fut + Copy + Send + 'static,
        Fut: Future<Output = ()> + Send,
    {
        self.runtime.block_on(async {
            let began = Instant::now();
            let tasks: Vec<_> = (0..clients)
                .map(|client| {
                    let database = Arc::clone(&self.database);
                    let share = count / clients + u64::from(client < count % clients);
                    tokio::spawn(async move {
                        for n in 0..share {
                            let id = i64::try_from(n * 31 + client * 97).unwrap() % ROWS;
                            statement(Arc::clone(&database), id).await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            began.elapsed()
        })
    }
}

async fn read(database: Arc<Database>, id: i64) {
    let rows = database.query(Statement::new(READ, [Value::Integer(id)])).await.unwrap();
    assert_eq!(black_box(rows).rows.len(), 1);
}

async fn write(database: Arc<Database>, id: i64) {
    // SQLite writes nothing when the value is the one that is there.
    let value = Value::Text(uniquely(id));
    let statement = Statement::new(WRITE, [value, Value::Integer(id)]);
    assert_eq!(database.execute(Caller::HOST, statement).await.unwrap(), 1);
}

async fn transaction(database: Arc<Database>, id: i64) {
    let transaction = database.begin(Caller::HOST).await.unwrap();
    let statement = Statement::new(WRITE, [Value::Text(uniquely(id)), Value::Integer(id)]);
    transaction.execute(statement).await.unwrap();
    transaction.commit().await.unwrap();
}

fn uniquely(id: i64) -> String {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    format!("{id} {}", COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
}

fn reads(c: &mut Criterion) {
    let bench = Bench::new();
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Elements(1));
    group.bench_function("bare", |b| {
        let mut id = 0;
        b.iter(|| {
            id = (id + 31) % ROWS;
            let mut statement = bench.bare.prepare_cached(READ).unwrap();
            black_box(statement.query_row([id], |row| row.get::<_, String>(0)).unwrap())
        });
    });
    for clients in [1, 8, 32] {
        group.bench_function(format!("{clients} clients"), |b| {
            b.iter_custom(|count| bench.time(clients, count, read));
        });
    }
    group.finish();
}

fn writes(c: &mut Criterion) {
    let bench = Bench::new();
    let mut group = c.benchmark_group("durable write");
    group.throughput(Throughput::Elements(1));
    group.sample_size(20);
    group.bench_function("bare", |b| {
        let mut id = 0;
        b.iter(|| {
            id = (id + 31) % ROWS;
            let mut statement = bench.bare.prepare_cached(WRITE).unwrap();
            statement.execute((uniquely(id), id)).unwrap()
        });
    });
    for clients in [1, 8, 32, 128] {
        group.bench_function(format!("{clients} clients"), |b| {
            b.iter_custom(|count| bench.time(clients, count, write));
        });
    }
    for clients in [1, 32] {
        group.bench_function(format!("transaction, {clients} clients"), |b| {
            b.iter_custom(|count| bench.time(clients, count, transaction));
        });
    }
    group.finish();
}

criterion_group!(benches, reads, writes);
criterion_main!(benches);
