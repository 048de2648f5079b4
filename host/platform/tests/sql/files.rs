//! Files and folders: what is there, what is broken, what cannot be written.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use thali_platform::sql::{Caller, Databases, SqlError, SqlLimits, Unavailable};

use crate::{Fixture, Speak, bytes_of, insert, int, statement, text};

fn unavailable(reason: Unavailable) -> SqlError {
    SqlError::Unavailable(reason)
}

#[tokio::test]
async fn a_database_that_nobody_uses_is_not_even_a_file() {
    let fixture = Fixture::new();
    let all: Vec<_> = (0..200).map(|n| fixture.database(&format!("service-{n}"))).collect();
    assert_eq!(fs::read_dir(fixture.folder.path().join("db")).unwrap().count(), 0);
    all[7].open().await.unwrap();
    assert!(fixture.file("service-7").exists());
    assert!(!fixture.file("service-8").exists());
}

#[tokio::test]
async fn a_service_reaches_its_own_database_only() {
    let fixture = Fixture::new();
    fixture.orders().await.must("INSERT INTO t VALUES ('a', 1)", []).await;
    let other = fixture.table_of("delivery").await;
    assert_eq!(other.one("SELECT count(*) FROM t").await, int(0));
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let fixture = Fixture::new();
    fixture.orders().await.must("INSERT INTO t VALUES ('a', 1)", []).await;
    // A second set of connections sees what a restarted host would see, log included.
    let orders = fixture.reopened().database(&"orders".parse().unwrap());
    assert_eq!(orders.one("SELECT id FROM t").await, text("a"));
}

#[tokio::test]
async fn the_folder_is_for_the_host_alone() {
    let fixture = Fixture::new();
    let folder = fixture.folder.path().join("db");
    assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_damaged_and_the_others_are_not() {
    let fixture = Fixture::new();
    let delivery = fixture.table_of("delivery").await;
    fs::write(fixture.file("orders"), "this is not a database, but long enough to look".repeat(50))
        .unwrap();
    let orders = fixture.database("orders");
    for _ in 0..2 {
        assert_eq!(orders.rows("SELECT 1", []).await, Err(unavailable(Unavailable::Corrupt)));
        let begun = orders.begin(Caller::HOST).await;
        assert!(matches!(begun, Err(SqlError::Unavailable(Unavailable::Corrupt))));
        delivery.must("UPDATE t SET n = 1", []).await;
    }
    // Once the file is put right it is used again, with no restart.
    fs::remove_file(fixture.file("orders")).unwrap();
    orders.must("CREATE TABLE t (id TEXT)", []).await;
}

#[tokio::test]
async fn a_damaged_page_is_found_when_it_is_read() {
    let fixture = Fixture::new();
    let path = fixture.file("orders");
    {
        let orders = fixture.orders().await;
        for n in 0..50 {
            orders.must("INSERT INTO t VALUES ($1, $2)", [int(n), text(&"x".repeat(1000))]).await;
        }
    }
    // A copy is a database of its own, without log and without connections.
    let copy = fixture.file("copy");
    let checkpointed = rusqlite::Connection::open(&path).unwrap();
    checkpointed.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    fs::copy(&path, &copy).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(&copy).unwrap();
    // The rows are the last that were written: at the end of the file, behind the host's own tables.
    let pages = bytes_of(&copy) / 4096;
    for page in pages - 8..pages - 1 {
        file.seek(SeekFrom::Start(page * 4096)).unwrap();
        file.write_all(&[0xa5; 4096]).unwrap();
    }
    drop(file);
    let damaged = fixture.database("copy");
    assert_eq!(damaged.one("SELECT 1").await, int(1));
    let read = damaged.rows("SELECT sum(length(n)) FROM t", []).await;
    assert_eq!(read, Err(unavailable(Unavailable::Corrupt)));
    let written = damaged.run("UPDATE t SET n = 'y'", []).await;
    assert_eq!(written, Err(unavailable(Unavailable::Corrupt)));
    assert_eq!(fixture.database("orders").one("SELECT count(*) FROM t").await, int(50));
}

/// A folder in which not even root can make files.
fn read_only_folder(fixture: &Fixture) -> std::path::PathBuf {
    let folder = fixture.folder.path().join("db");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
    let writable = fs::write(folder.join("probe"), "").is_ok();
    let _ = fs::remove_file(folder.join("probe"));
    if writable { Path::new("/proc/self/task").to_owned() } else { folder }
}

#[tokio::test]
async fn a_read_only_folder_says_so() {
    let fixture = Fixture::new();
    let folder = read_only_folder(&fixture);
    let databases = Databases::open(folder, SqlLimits::default()).unwrap();
    let orders = databases.database(&"orders".parse().unwrap());
    for result in [
        orders.rows("SELECT 1", []).await.map(drop),
        orders.run("CREATE TABLE t (id TEXT)", []).await.map(drop),
    ] {
        assert_eq!(result, Err(unavailable(Unavailable::CannotOpen)));
    }
    fs::set_permissions(fixture.folder.path().join("db"), fs::Permissions::from_mode(0o700))
        .unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_says_so() {
    let fixture = Fixture::new();
    let file = fixture.folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Databases::open(file.join("db"), SqlLimits::default()).unwrap_err();
    assert!(error.to_string().starts_with("cannot make the folder "), "{error}");
}

#[tokio::test]
async fn what_a_service_is_told_holds_no_path() {
    let fixture = Fixture::new();
    fs::write(fixture.file("orders"), "x".repeat(5000)).unwrap();
    fs::create_dir(fixture.file("delivery")).unwrap();
    for service in ["orders", "delivery"] {
        let error = fixture.database(service).rows("SELECT 1", []).await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains('/') && !said.contains("sqlite"), "{said}");
    }
}

#[tokio::test]
async fn the_settings_that_durability_rests_on_hold() {
    let fixture = Fixture::new();
    fixture.orders().await;
    let file = rusqlite::Connection::open(fixture.file("orders")).unwrap();
    let mode: String = file.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    assert!(rusqlite::version_number() >= 3_051_003);
}

/// Puts a table into the file whose schema no SQLite would write: its column is declared with bytes
/// that are no text, at which the binding to SQLite panics.
fn poison(path: &Path) {
    let file = rusqlite::Connection::open(path).unwrap();
    file.execute_batch(
        "CREATE TABLE bad (c TEXT);
         INSERT INTO bad VALUES ('x');
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema
            SET sql = CAST(CAST('CREATE TABLE bad (c ' AS BLOB) || x'fffe' || ')' AS TEXT)
            WHERE name = 'bad';",
    )
    .unwrap();
}

#[tokio::test]
async fn a_panic_ends_one_statement_and_nothing_else() {
    let fixture = Fixture::new();
    fixture.orders().await;
    poison(&fixture.file("orders"));
    let orders = fixture.reopened().database(&"orders".parse().unwrap());
    let stopped = unavailable(Unavailable::Stopped);
    for _ in 0..10 {
        assert_eq!(orders.rows("SELECT * FROM bad", []).await, Err(stopped.clone()));
        assert_eq!(orders.one("SELECT count(*) FROM t").await, int(0));
    }
    for _ in 0..3 {
        let transaction = orders.begin(Caller::HOST).await.unwrap();
        transaction.execute(insert("lost", 1)).await.unwrap();
        let poisoned = transaction.query(statement("SELECT * FROM bad", [])).await;
        assert_eq!(poisoned, Err(stopped.clone()));
        assert!(transaction.commit().await.is_err());
    }
    orders.must("INSERT INTO t VALUES ('kept', 1)", []).await;
    assert_eq!(orders.one("SELECT group_concat(id) FROM t").await, text("kept"));
}
