//! Backup, restore, check, export.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use thali_platform::sql::{
    Caller, Database, MigrateError, Migration, Piece, REPLACED, RestoreError, SqlError, Value,
};

use crate::{Fixture, Speak, insert, int, statement, text};

fn migrations(count: usize) -> Vec<Migration> {
    let sql = ["CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)", "CREATE INDEX by_n ON t (n)"];
    let named = sql.iter().enumerate().take(count);
    named.map(|(at, sql)| Migration { name: format!("{at}.sql"), sql: (*sql).into() }).collect()
}

async fn migrated(fixture: &Fixture, service: &str, count: usize) -> Arc<Database> {
    let database = fixture.database(service);
    database.migrate(&migrations(count)).await.unwrap();
    database
}

fn aside(fixture: &Fixture, name: &str) -> PathBuf {
    fixture.folder.path().join("db").join(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_of_one_moment_and_restores_elsewhere() {
    let fixture = Fixture::new();
    let orders = migrated(&fixture, "orders", 2).await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = {
        let (orders, stop) = (Arc::clone(&orders), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut pairs = 0;
            while !stop.load(Ordering::Relaxed) {
                let (left, right) = (format!("l{pairs}"), format!("r{pairs}"));
                let batch = vec![insert(&left, pairs), insert(&right, pairs)];
                orders.batch(Caller::HOST, batch).await.unwrap();
                pairs += 1;
            }
        })
    };
    while orders.one("SELECT count(*) > 20 FROM t").await == int(0) {}
    let file = aside(&fixture, "copy.tmp");
    let before = orders.one("SELECT count(*) FROM t").await;
    orders.backup(file.clone()).await.unwrap();
    let after = orders.one("SELECT count(*) FROM t").await;
    stop.store(true, Ordering::Relaxed);
    load.await.unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let elsewhere = fixture.database("elsewhere");
    elsewhere.must("CREATE TABLE old (id TEXT)", []).await;
    let report = elsewhere.restore(file.clone(), &migrations(2)).await.unwrap();
    assert!(report.applied.is_empty() && !file.exists());
    let (Value::Integer(before), Value::Integer(after)) = (before, after) else { panic!() };
    let Value::Integer(copied) = elsewhere.one("SELECT count(*) FROM t").await else { panic!() };
    assert!((before..=after).contains(&copied), "{before} <= {copied} <= {after}");
    let halves =
        elsewhere.one("SELECT count(*) FROM (SELECT n FROM t GROUP BY n HAVING count(*) <> 2)");
    assert_eq!(halves.await, int(0), "no batch was cut in two");
    assert_eq!(elsewhere.check().await, Ok(vec![]));
    elsewhere.must("INSERT INTO t VALUES ('new', 0)", []).await;
    assert!(fixture.file("elsewhere").with_extension(REPLACED).exists());
}

#[tokio::test]
async fn an_older_backup_is_brought_up_to_the_live_revision() {
    let fixture = Fixture::new();
    let orders = migrated(&fixture, "orders", 1).await;
    orders.must("INSERT INTO t VALUES ('kept', 1)", []).await;
    let file = aside(&fixture, "copy.tmp");
    orders.backup(file.clone()).await.unwrap();
    orders.migrate(&migrations(2)).await.unwrap();
    orders.must("INSERT INTO t VALUES ('later', 1)", []).await;
    let report = orders.restore(file, &migrations(2)).await.unwrap();
    assert_eq!(report.applied, ["1.sql"]);
    assert_eq!(orders.one("SELECT group_concat(id) FROM t").await, text("kept"));
    let kept = rusqlite::Connection::open(fixture.file("orders").with_extension(REPLACED)).unwrap();
    let rows: i64 = kept.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 2);
}

#[tokio::test]
async fn a_bad_file_changes_nothing() {
    let fixture = Fixture::new();
    let orders = migrated(&fixture, "orders", 2).await;
    orders.must("INSERT INTO t VALUES ('kept', 1)", []).await;
    let file = aside(&fixture, "bad.tmp");

    fs::write(&file, "no database at all, but as long as one".repeat(200)).unwrap();
    let refused = orders.restore(file.clone(), &migrations(2)).await;
    assert!(matches!(refused, Err(RestoreError::NotADatabase)), "{refused:?}");
    assert!(!file.exists());

    fs::write(&file, "").unwrap();
    let refused = orders.restore(file.clone(), &migrations(2)).await;
    assert!(matches!(refused, Err(RestoreError::Foreign)), "{refused:?}");

    for n in 0..200 {
        orders.must("INSERT INTO t VALUES ($1, $2)", [text(&"x".repeat(200 + n)), int(1)]).await;
    }
    orders.backup(file.clone()).await.unwrap();
    let mut handle = fs::OpenOptions::new().write(true).open(&file).unwrap();
    handle.seek(SeekFrom::Start(8 * 4096)).unwrap();
    handle.write_all(&[0xa5; 4096]).unwrap();
    let refused = orders.restore(file.clone(), &migrations(2)).await;
    assert!(matches!(refused, Err(RestoreError::Damaged(_))), "{refused:?}");

    orders.backup(file.clone()).await.unwrap();
    let mut changed = migrations(2);
    changed[0].sql.push(' ');
    let refused = orders.restore(file.clone(), &changed).await;
    assert!(
        matches!(refused, Err(RestoreError::Migrations(MigrateError::Changed { .. }))),
        "{refused:?}"
    );
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(201));
    let left = fs::read_dir(fixture.folder.path().join("db")).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    assert!(
        left.iter().all(|name| name.to_string_lossy().starts_with("orders.sqlite")),
        "{left:?}"
    );
}

#[tokio::test]
async fn a_restore_waits_for_what_runs_and_comes_back_when_it_cannot() {
    let fixture = Fixture::with(|limits| {
        limits.queue_time = std::time::Duration::from_millis(50);
    });
    let orders = migrated(&fixture, "orders", 1).await;
    let file = aside(&fixture, "copy.tmp");
    orders.backup(file.clone()).await.unwrap();
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    transaction.execute(insert("a", 1)).await.unwrap();
    let busy = orders.restore(file.clone(), &migrations(1)).await;
    assert!(matches!(busy, Err(RestoreError::Database(SqlError::Busy))), "{busy:?}");
    assert_eq!(orders.trouble(), None);
    transaction.commit().await.unwrap();
    orders.must("INSERT INTO t VALUES ('b', 1)", []).await;
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(2));
}

#[tokio::test]
async fn an_export_can_be_read_in_again() {
    let fixture = Fixture::new();
    let orders = migrated(&fixture, "orders", 2).await;
    orders
        .must("CREATE TABLE \"odd \"\"name\" (b BOOLEAN, r REAL, x BLOB, s TEXT, z TEXT)", [])
        .await;
    orders.must("CREATE VIEW v AS SELECT id FROM t", []).await;
    let odd = "INSERT INTO \"odd \"\"name\" VALUES ($1, $2, $3, $4, $5)";
    let values = [true.into(), 0.1.into(), vec![0u8, 255].into(), text("it's; --"), Value::Null];
    orders.must(odd, values.clone()).await;
    orders.must("INSERT INTO t VALUES ('a', 1)", []).await;

    let pieces = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&pieces);
    orders
        .export(move |piece| {
            sink.lock().push(piece);
            true
        })
        .await
        .unwrap();
    let pieces = std::mem::take(&mut *pieces.lock());
    assert!(
        pieces.iter().any(|piece| matches!(piece, Piece::Row { values: v, .. } if *v == values))
    );
    let script: String = pieces.iter().map(|piece| piece.to_sql() + "\n").collect();
    assert!(!script.contains("_thali_"), "{script}");

    let copy = fixture.database("copy");
    for sql in thali_platform::sql::statements(&script) {
        copy.must(sql, []).await;
    }
    assert_eq!(copy.rows("SELECT * FROM \"odd \"\"name\"", []).await.unwrap().rows, [values]);
    assert_eq!(copy.one("SELECT id FROM v").await, text("a"));
}

#[tokio::test]
async fn a_check_finds_rows_that_refer_to_nothing() {
    let fixture = Fixture::new();
    let orders = migrated(&fixture, "orders", 1).await;
    orders.must("CREATE TABLE u (t TEXT REFERENCES t (id))", []).await;
    assert_eq!(orders.check().await, Ok(vec![]));
    let raw = rusqlite::Connection::open(fixture.file("orders")).unwrap();
    raw.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO u VALUES ('missing')").unwrap();
    drop(raw);
    let findings = orders.check().await.unwrap();
    assert_eq!(findings, ["row 1 of u refers to a row of t that is not there"]);
}

#[tokio::test]
async fn a_database_without_tables_is_discarded_and_another_is_not() {
    let fixture = Fixture::new();
    let empty = fixture.database("empty");
    let broken = Migration { name: "0.sql".into(), sql: "CREATE TABLE t (id TEXT); oops".into() };
    assert!(empty.migrate(&[broken]).await.is_err());
    assert!(empty.exists());
    empty.discard_if_empty().await.unwrap();
    assert!(!empty.exists());
    let orders = migrated(&fixture, "orders", 1).await;
    orders.discard_if_empty().await.unwrap();
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(0));
    empty.must("CREATE TABLE t (id TEXT)", []).await;
}

#[tokio::test]
async fn a_file_is_for_the_host_alone() {
    let fixture = Fixture::new();
    fs::write(fixture.file("older"), "").unwrap();
    fs::set_permissions(fixture.file("older"), fs::Permissions::from_mode(0o644)).unwrap();
    for service in ["orders", "older"] {
        let database = fixture.table_of(service).await;
        database
            .execute(Caller::HOST, statement("INSERT INTO t VALUES ('a', 1)", []))
            .await
            .unwrap();
        for suffix in ["sqlite", "sqlite-wal", "sqlite-shm"] {
            let file = fs::metadata(fixture.file(service).with_extension(suffix)).unwrap();
            assert_eq!(file.permissions().mode() & 0o777, 0o600, "{service} {suffix}");
        }
    }
}
