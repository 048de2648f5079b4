//! Putting a backup in the place of a database.
//!
//! Everything that can be refused is refused before the live database is touched: the file is checked
//! and migrated where it is. Then the database is taken out of use, and the file renamed into its place.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use thali_contract::pack::Migration;
use thiserror::Error;
use tokio::task::spawn_blocking;

use crate::sql::database::Database;
use crate::sql::error::{SqlError, Unavailable};
use crate::sql::migrate::{MigrateError, MigrationReport};
use crate::sql::place::Place;
use crate::sql::shelf::Shelf;
use crate::sql::upkeep::findings;

/// What follows the name of a service in the name of the file that was replaced last.
pub const REPLACED: &str = "before-restore.sqlite";

/// Why a backup was not put in place. The database is as it was.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The file is something else, or was cut off.
    #[error("the file is not a SQLite database, or only a part of one")]
    NotADatabase,
    /// The file is a database, but not of a service.
    #[error("the file is not a backup of a service's database: it has no record of migrations")]
    Foreign,
    /// The file is damaged.
    #[error("the backup is damaged: {}", .0.join("; "))]
    Damaged(Vec<String>),
    /// The file is larger than a database may be.
    #[error("the backup has {bytes} bytes, and a database may have {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The backup does not fit the service's component.
    #[error("the backup does not fit the live revision: {0}")]
    Migrations(MigrateError),
    /// The files could not be moved.
    #[error("{action} failed")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The database cannot be taken out of use now.
    #[error(transparent)]
    Database(#[from] SqlError),
}

impl Database {
    /// Puts the database in `file` in place of this one, after bringing it up to `migrations`. The file
    /// must be in the same folder and is gone afterwards; the database that was replaced stays beside
    /// its place as `NAME.before-restore.sqlite`.
    ///
    /// # Errors
    ///
    /// When the file is not a whole and fitting backup. Then nothing has changed.
    pub async fn restore(
        self: &Arc<Self>,
        file: PathBuf,
        migrations: &[Migration],
    ) -> Result<MigrationReport, RestoreError> {
        let restored = self.try_restore(&file, migrations).await;
        if restored.is_err() {
            let leftovers = ["", "-wal", "-shm"].map(|suffix| beside(&file, suffix));
            let _ = spawn_blocking(move || leftovers.map(fs::remove_file)).await;
        }
        restored
    }

    async fn try_restore(
        self: &Arc<Self>,
        file: &Path,
        migrations: &[Migration],
    ) -> Result<MigrationReport, RestoreError> {
        let (inspected, bytes_max) = (file.to_owned(), self.place.limits.database_bytes_max);
        let stopped = |_| RestoreError::Database(Unavailable::Stopped.into());
        spawn_blocking(move || inspect(&inspected, bytes_max)).await.map_err(stopped)??;
        let place = &self.place;
        let candidate =
            Self::new(place.service.clone(), file.to_owned(), place.limits.clone(), &Shelf::new(1));
        let report = candidate.migrate(migrations).await.map_err(RestoreError::Migrations)?;
        // Closes the file, so that it is whole without a log.
        candidate.offline(|_| ()).await?;
        let from = file.to_owned();
        self.offline(move |path| swap(&from, path)).await??;
        self.place.announce();
        Ok(report)
    }
}

/// Whether the file is the whole database of a service.
fn inspect(file: &Path, bytes_max: u64) -> Result<(), RestoreError> {
    let failed = |action| move |source| RestoreError::Io { action, source };
    let bytes = fs::metadata(file).map_err(failed("reading the backup"))?.len();
    if bytes > bytes_max {
        return Err(RestoreError::TooLarge { bytes, bytes_max });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let raw = Connection::open_with_flags(file, flags).map_err(unreadable)?;
    let known: bool = raw
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_thali_migrations')",
            [],
            |row| row.get(0),
        )
        .map_err(unreadable)?;
    if !known {
        return Err(RestoreError::Foreign);
    }
    let findings = findings(&raw).map_err(unreadable)?;
    if findings.is_empty() { Ok(()) } else { Err(RestoreError::Damaged(findings)) }
}

fn unreadable(error: rusqlite::Error) -> RestoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => RestoreError::NotADatabase,
        Some(ErrorCode::DatabaseCorrupt) => RestoreError::Damaged(vec![error.to_string()]),
        _ => RestoreError::Database(SqlError::from_sqlite(&error)),
    }
}

/// Keeps the old file and puts the new one in its place by renaming it, so that at every moment there
/// is one of them.
fn swap(from: &Path, path: &Path) -> Result<(), RestoreError> {
    let failed = |action| move |source| RestoreError::Io { action, source };
    let kept = path.with_extension(REPLACED);
    for suffix in ["", "-wal", "-shm"] {
        remove(&beside(&kept, suffix)).map_err(failed("removing the database kept before"))?;
    }
    keep(path, &kept).map_err(failed("keeping the database that is replaced"))?;
    // Only a database that could not be closed in order has a log still. It belongs to the old file.
    let log = beside(path, "-wal");
    keep(&log, &beside(&kept, "-wal")).map_err(failed("keeping the log of the old database"))?;
    for suffix in ["-wal", "-shm"] {
        remove(&beside(path, suffix)).map_err(failed("removing the log of the old database"))?;
    }
    Place::make_private_file(from);
    fs::rename(from, path).map_err(failed("putting the backup in place"))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("syncing the folder"))
}

fn keep(path: &Path, as_path: &Path) -> io::Result<()> {
    match fs::hard_link(path, as_path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
