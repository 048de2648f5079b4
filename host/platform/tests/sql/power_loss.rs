//! What a power cut leaves: whatever was not flushed is missing or torn, wherever the cut falls.
//!
//! A commit is acknowledged when the log is flushed, so the length of the log at that moment is what a
//! disk must have kept. Every shorter log, with its last page torn, is what a disk may have kept of what
//! came after. While the log is copied back into the database, any of the copied pages may be missing
//! or torn, and the log is whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use thali_platform::sql::{Database, Databases, SqlLimits};

use crate::{Fixture, Speak, int, text};

const PAGE_BYTES: usize = 4096;

/// The files of a database, and how much of the log was acknowledged with how many rows.
struct Disk {
    database: Vec<u8>,
    log: Vec<u8>,
    /// The length of the log when as many rows as the index says, and one, were acknowledged.
    acknowledged: Vec<usize>,
}

impl Disk {
    /// Writes rows one after the other, and then takes the files away.
    async fn with_rows(count: i64) -> Self {
        let fixture = Fixture::new();
        let orders = fixture.orders().await;
        let log = fixture.file("orders").with_extension("sqlite-wal");
        let mut acknowledged = Vec::new();
        for n in 0..count {
            orders.must("INSERT INTO t VALUES ($1, $2)", [text(&format!("row {n}")), int(n)]).await;
            acknowledged.push(length(&log));
        }
        let database = std::fs::read(fixture.file("orders")).unwrap();
        Self { database, log: std::fs::read(log).unwrap(), acknowledged }
    }

    /// How many rows were acknowledged when the log had this length.
    fn rows_at(&self, log_bytes: usize) -> usize {
        self.acknowledged.iter().take_while(|length| **length <= log_bytes).count()
    }
}

/// A disk after the power came back.
struct Revived {
    _folder: tempfile::TempDir,
    database: Arc<Database>,
}

impl Revived {
    fn new(database: &[u8], log: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orders.sqlite");
        std::fs::write(&file, database).unwrap();
        std::fs::write(file.with_extension("sqlite-wal"), log).unwrap();
        let databases = Databases::open(folder.path().to_owned(), SqlLimits::default()).unwrap();
        let database = databases.database(&"orders".parse().unwrap());
        Self { _folder: folder, database }
    }

    /// The rows are the first so many, whole; and the file is sound.
    async fn rows(&self) -> usize {
        let rows = self.database.rows("SELECT id, n FROM t ORDER BY n", []).await.unwrap().rows;
        for (at, row) in rows.iter().enumerate() {
            let n = i64::try_from(at).unwrap();
            assert_eq!(row, &[text(&format!("row {n}")), int(n)]);
        }
        let check: String = Connection::open(self.database.path())
            .unwrap()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");
        rows.len()
    }
}

fn length(path: &Path) -> usize {
    usize::try_from(std::fs::metadata(path).unwrap().len()).unwrap()
}

#[tokio::test]
async fn a_log_that_is_cut_anywhere_keeps_every_row_that_was_acknowledged_by_then() {
    let disk = Disk::with_rows(12).await;
    assert_eq!(disk.rows_at(disk.log.len()), 12);
    // The table itself is in the log as well, and not acknowledged rows: begin behind it.
    let first = disk.acknowledged[0];
    for cut in (first..=disk.log.len()).step_by(509) {
        let revived = Revived::new(&disk.database, &disk.log[..cut]);
        let rows = revived.rows().await;
        assert_eq!(rows, disk.rows_at(cut), "the log was cut at byte {cut}");
    }
}

#[tokio::test]
async fn a_page_of_the_log_that_is_torn_ends_it_there() {
    let disk = Disk::with_rows(12).await;
    let first = disk.acknowledged[0];
    for torn in (first..disk.log.len()).step_by(1021) {
        let mut log = disk.log.clone();
        let end = (torn + PAGE_BYTES / 2).min(log.len());
        log[torn..end].fill(0xA5);
        let revived = Revived::new(&disk.database, &log);
        let rows = revived.rows().await;
        assert_eq!(rows, disk.rows_at(torn), "the log was torn at byte {torn}");
    }
}

#[tokio::test]
async fn a_copy_of_the_log_into_the_database_may_be_cut_at_every_page() {
    let disk = Disk::with_rows(400).await;
    let copied = checkpointed(&disk);
    let pages = copied.len() / PAGE_BYTES;
    assert!(pages > 8, "{pages} pages are too few to prove anything");
    for cut in 0..pages {
        for torn in [false, true] {
            let database = half_copied(&disk.database, &copied, cut, torn);
            let revived = Revived::new(&database, &disk.log);
            assert_eq!(revived.rows().await, 400, "the copy was cut at page {cut}, torn: {torn}");
        }
    }
}

/// The pages before `cut` are copied; that one is torn, or none of it is.
fn half_copied(old: &[u8], new: &[u8], cut: usize, torn: bool) -> Vec<u8> {
    let copied = cut * PAGE_BYTES + if torn { PAGE_BYTES / 2 } else { 0 };
    let mut database = new.to_vec();
    for (at, byte) in database.iter_mut().enumerate().skip(copied) {
        *byte = old.get(at).copied().unwrap_or(0);
    }
    database
}

/// The database after its log was copied into it.
fn checkpointed(disk: &Disk) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("copy.sqlite");
    std::fs::write(&file, &disk.database).unwrap();
    std::fs::write(file.with_extension("sqlite-wal"), &disk.log).unwrap();
    let connection = Connection::open(&file).unwrap();
    let busy: i64 =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
    drop(connection);
    std::fs::read(&file).unwrap()
}
