//! What all connections of one database share.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use thali_contract::name::ServiceName;
use tokio::sync::watch;

use crate::sql::SqlLimits;
use crate::sql::database::Database;
use crate::sql::error::{SqlError, Unavailable};
use crate::sql::shelf::Shelf;
use crate::sql::tally::Tally;

/// With less room than this left, "database or disk is full" means the disk.
const DISK_FREE_BYTES_MIN: u64 = 1 << 20;

/// Permissions of a database's files.
const FILE_MODE: u32 = 0o600;

/// Where a database is, what it may grow to, and who hears of its commits.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) service: ServiceName,
    pub(crate) path: PathBuf,
    pub(crate) limits: SqlLimits,
    /// Counts the commits that were announced.
    pub(crate) announcements: watch::Sender<u64>,
    pub(crate) tally: Tally,
    /// The databases that have connections open, and which of them this is.
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) database: Weak<Database>,
    last_used: AtomicU64,
    offline: AtomicBool,
    /// Why it could not be opened at the last attempt.
    trouble: Mutex<Option<SqlError>>,
    troubled: AtomicBool,
}

impl Place {
    pub(crate) fn new(
        service: ServiceName,
        path: PathBuf,
        limits: SqlLimits,
        shelf: &Arc<Shelf>,
        database: &Weak<Database>,
    ) -> Self {
        Self {
            service,
            path,
            limits,
            announcements: watch::Sender::new(0),
            tally: Tally::default(),
            shelf: Arc::clone(shelf),
            database: Weak::clone(database),
            last_used: AtomicU64::new(0),
            offline: AtomicBool::new(false),
            trouble: Mutex::default(),
            troubled: AtomicBool::new(false),
        }
    }

    /// Notes that the database is used now, or says that it cannot be.
    pub(crate) fn enter(&self) -> Result<(), SqlError> {
        self.last_used.store(self.shelf.now(), Ordering::Relaxed);
        if self.offline.load(Ordering::Acquire) {
            return Err(Unavailable::Offline.into());
        }
        Ok(())
    }

    /// When it was used last, by the clock of the shelf.
    pub(crate) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }

    /// A connection was opened.
    pub(crate) fn opened(&self) {
        self.shelf.admit(&self.database);
    }

    /// Keeps everybody out. `false` when they are kept out already.
    pub(crate) fn go_offline(&self) -> bool {
        !self.offline.swap(true, Ordering::AcqRel)
    }

    /// Lets everybody in again.
    pub(crate) fn come_back(&self) {
        self.offline.store(false, Ordering::Release);
    }

    /// Remembers how the last attempt to open the database ended.
    pub(crate) fn note_opening(&self, error: Option<&SqlError>) {
        self.troubled.store(error.is_some(), Ordering::Release);
        *self.trouble.lock() = error.cloned();
    }

    /// Why the database cannot be used now, as far as is known without trying.
    pub(crate) fn trouble(&self) -> Option<SqlError> {
        if self.offline.load(Ordering::Acquire) {
            return Some(Unavailable::Offline.into());
        }
        if !self.troubled.load(Ordering::Acquire) {
            return None;
        }
        self.trouble.lock().clone()
    }

    /// Makes the file when there is none, and sees that it is the host's alone. SQLite gives its log
    /// the same permissions. What goes wrong here SQLite will say better.
    pub(crate) fn make_private_file(path: &Path) {
        let _ = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path);
        let open_to_others = fs::metadata(path)
            .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o077 != 0);
        if open_to_others {
            let _ = fs::set_permissions(path, fs::Permissions::from_mode(FILE_MODE));
        }
    }

    /// What it means that a copy could not be written.
    pub(crate) fn not_written(&self, error: &rusqlite::Error) -> SqlError {
        let full = self.is_disk_full();
        let meant = if full { Unavailable::DiskFull.into() } else { SqlError::from_sqlite(error) };
        self.log(meant, &error.to_string())
    }

    /// Tells whoever listens that something they wait for is durable now.
    pub(crate) fn announce(&self) {
        self.announcements.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Writes what operators must know to the log; what services do wrong is theirs to hear.
    pub(crate) fn log(&self, error: SqlError, cause: &str) -> SqlError {
        if let SqlError::Unavailable(reason) = &error {
            let (service, path) = (&self.service, self.path.display());
            tracing::error!(%service, %path, %reason, cause, "a database cannot be used");
        }
        error
    }

    pub(crate) fn is_disk_full(&self) -> bool {
        let Some(folder) = self.path.parent() else { return false };
        rustix::fs::statvfs(folder)
            .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < DISK_FREE_BYTES_MIN)
    }
}
