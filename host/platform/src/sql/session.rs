//! One connection to a database: how it is opened, what is set on it, what its errors mean.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::sql::error::{SqlError, Unavailable};
use crate::sql::guard::Guard;
use crate::sql::meter::{Budget, Meter};
use crate::sql::place::Place;
use crate::sql::ticket::Ticket;

/// SQLite's page size, in bytes.
const PAGE_BYTES: u64 = 4096;

/// How long SQLite itself waits for a lock. Only recovery and checkpoints ever hold one that the
/// queues of this module do not arrange already.
const LOCK_TIME: Duration = Duration::from_secs(2);

/// The log is cut back to this many bytes after a transaction that made it larger.
const LOG_BYTES_KEPT: u64 = 16 << 20;

// Kept by the connection like the statements of services, and marked like all of the host's.
const BEGIN: &str = "/*_thali_*/BEGIN IMMEDIATE";
const COMMIT: &str = "/*_thali_*/COMMIT";
const SAVEPOINT: &str = "/*_thali_*/SAVEPOINT member";
const RELEASE: &str = "/*_thali_*/RELEASE member";
const UNDO: &str = "/*_thali_*/ROLLBACK TO member";
const SCHEMA_VERSION: &str = "/*_thali_*/PRAGMA schema_version";

/// The host's own tables. They are there before a service's first statement, so that no service can
/// make tables of these names.
const HOST_SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS _thali_migrations (
        position INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        checksum TEXT NOT NULL,
        applied_at TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS _thali_meta (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS _thali_idempotency (
        seq INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        fingerprint BLOB NOT NULL,
        claimed_at INTEGER NOT NULL,
        status INTEGER,
        content_type TEXT,
        location TEXT,
        revision TEXT,
        body BLOB
    );";

/// Who says a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// The service, which the guard watches.
    Service,
    /// The host, which may touch its own tables.
    Host,
}

/// One connection.
pub(crate) struct Session {
    pub(crate) raw: Connection,
    pub(crate) guard: Guard,
    pub(crate) meter: Meter,
    pub(crate) place: Arc<Place>,
    condemned: Cell<bool>,
    /// What [`Session::defers_constraints`] answered, and for which version of the schema.
    deferring: Cell<Option<(i64, bool)>>,
}

impl Session {
    /// The connection that writes. Creates the file when there is none.
    pub(crate) fn open_writer(place: &Arc<Place>) -> Result<Self, SqlError> {
        Place::make_private_file(&place.path);
        let session = Self::connect(place, OpenFlags::SQLITE_OPEN_CREATE)?;
        if session.host(|raw| raw.is_readonly("main"))? {
            return Err(session.log(Unavailable::ReadOnly.into(), "the file cannot be written"));
        }
        let pages = place.limits.database_bytes_max / PAGE_BYTES;
        session.set("journal_mode", "wal")?;
        session.set("synchronous", "FULL")?;
        session.set("foreign_keys", "ON")?;
        session.set("max_page_count", &pages.to_string())?;
        session.set("journal_size_limit", &LOG_BYTES_KEPT.to_string())?;
        session.expect("journal_mode", "wal")?;
        session.expect("synchronous", "2")?;
        session.expect("foreign_keys", "1")?;
        session.host(|raw| raw.execute_batch(HOST_SCHEMA))?;
        session.host(crate::events::make_tables)?;
        session.host(|raw| raw.execute_batch(crate::schedules::SCHEMA))?;
        Ok(session)
    }

    /// A connection that only reads, of a database that a writer has opened before.
    pub(crate) fn open_reader(place: &Arc<Place>) -> Result<Self, SqlError> {
        let session = Self::connect(place, OpenFlags::empty())?;
        session.set("query_only", "ON")?;
        session.expect("query_only", "1")?;
        session.expect("journal_mode", "wal")?;
        Ok(session)
    }

    fn connect(place: &Arc<Place>, flags: OpenFlags) -> Result<Self, SqlError> {
        let flags = flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let raw = Connection::open_with_flags(&place.path, flags)
            .map_err(|error| place.log(SqlError::from_sqlite(&error), &error.to_string()))?;
        let mut session = Self {
            raw,
            guard: Guard::default(),
            meter: Meter::default(),
            place: Arc::clone(place),
            condemned: Cell::new(false),
            deferring: Cell::new(None),
        };
        session.configure().map_err(|error| session.explain(&error))?;
        Ok(session)
    }

    fn configure(&mut self) -> rusqlite::Result<()> {
        let limits = &self.place.limits;
        self.raw.busy_timeout(LOCK_TIME)?;
        self.raw.set_prepared_statement_cache_capacity(limits.cached_statements_max);
        // A string in double quotes is a mistake everywhere but in SQLite.
        self.raw.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        self.raw.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        self.raw.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        self.raw.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        // Nobody may run ANALYZE, so the values of parameters tell the planner nothing; without this it
        // prepares statements with joins again whenever one is bound.
        self.raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let value_bytes_max = i32::try_from(limits.value_bytes_max).unwrap_or(i32::MAX);
        self.raw.set_limit(Limit::SQLITE_LIMIT_LENGTH, value_bytes_max)?;
        self.raw.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        self.raw.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
        self.guard.install(&mut self.raw)?;
        self.meter.install(&mut self.raw)
    }

    fn set(&self, pragma: &'static str, value: &str) -> Result<(), SqlError> {
        self.host(|raw| raw.pragma_update(None, pragma, value))
    }

    fn expect(&self, name: &'static str, expected: &'static str) -> Result<(), SqlError> {
        let found = self.host(|raw| {
            raw.pragma_query_value(None, name, |row| {
                Ok(match row.get_ref(0)? {
                    rusqlite::types::ValueRef::Integer(value) => value.to_string(),
                    other => other.as_str()?.to_owned(),
                })
            })
        })?;
        if found == expected {
            return Ok(());
        }
        Err(self
            .log(Unavailable::Setting { name, expected, found }.into(), "a setting did not take"))
    }

    /// Runs what the host itself has to say.
    pub(crate) fn host<T>(
        &self,
        f: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, SqlError> {
        self.guard.host(|| f(&self.raw)).map_err(|error| self.explain(&error))
    }

    /// Runs statements in the name of a service, or of the host, whom the guard does not watch.
    pub(crate) fn speak<T>(&self, speaker: Speaker, f: impl FnOnce(&Self) -> T) -> T {
        match speaker {
            Speaker::Service => f(self),
            Speaker::Host => self.guard.host(|| f(self)),
        }
    }

    /// Begins a transaction that may write.
    pub(crate) fn begin(&self) -> Result<(), SqlError> {
        self.control(BEGIN)
    }

    /// Makes the transaction durable, or undoes it.
    pub(crate) fn commit(&self) -> Result<(), SqlError> {
        self.control(COMMIT).inspect_err(|_| self.rollback())
    }

    /// Undoes the transaction, if there is one.
    pub(crate) fn rollback(&self) {
        self.deferring.set(None);
        if self.in_transaction() && self.host(|raw| raw.execute_batch("ROLLBACK")).is_err() {
            self.condemned.set(true);
        }
    }

    /// Begins a part of the transaction that can be undone by itself.
    pub(crate) fn enter_savepoint(&self) -> Result<(), SqlError> {
        self.control(SAVEPOINT)
    }

    /// Ends the part: it stays if the transaction does.
    pub(crate) fn release_savepoint(&self) -> Result<(), SqlError> {
        self.control(RELEASE)
    }

    /// Ends the part, and undoes it.
    pub(crate) fn undo_savepoint(&self) -> Result<(), SqlError> {
        self.deferring.set(None);
        self.control(UNDO)?;
        self.control(RELEASE)
    }

    fn control(&self, sql: &'static str) -> Result<(), SqlError> {
        self.host(|raw| raw.prepare_cached(sql)?.execute([]).map(drop))
    }

    /// Whether the schema has constraints that only a commit checks. Says yes once too often, when a
    /// comment in the schema has the word, and never no by mistake.
    pub(crate) fn defers_constraints(&self) -> Result<bool, SqlError> {
        let version: i64 =
            self.host(|raw| raw.prepare_cached(SCHEMA_VERSION)?.query_row([], |row| row.get(0)))?;
        if let Some((seen, answer)) = self.deferring.get()
            && seen == version
        {
            return Ok(answer);
        }
        let answer = self.host(|raw| {
            raw.query_row(
                "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE sql LIKE '%DEFERR%')",
                [],
                |row| row.get(0),
            )
        })?;
        self.deferring.set(Some((version, answer)));
        Ok(answer)
    }

    /// Whether a transaction is open. SQLite ends one by itself when an error leaves it no choice.
    pub(crate) fn in_transaction(&self) -> bool {
        !self.raw.is_autocommit()
    }

    /// Whether the connection met an error after which it should be opened again.
    pub(crate) fn is_condemned(&self) -> bool {
        self.condemned.get()
    }

    /// The budget of one statement that starts now.
    pub(crate) fn budget(&self, ticket: Option<Arc<Ticket>>) -> Budget {
        Budget { until: Instant::now() + self.place.limits.statement_time, ticket }
    }

    /// What an error means here: the guard and the meter know why SQLite was told to stop, and the
    /// file system knows what is full.
    pub(crate) fn explain(&self, error: &rusqlite::Error) -> SqlError {
        if let Some(refusal) = self.guard.refusal() {
            return refusal;
        }
        let meant = match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => self.meter.explain(),
            Some(ErrorCode::DiskFull) if !self.place.is_disk_full() => {
                Some(SqlError::too_large(format!(
                    "the database would be larger than {} bytes",
                    self.place.limits.database_bytes_max
                )))
            }
            Some(ErrorCode::SystemIoFailure) if self.place.is_disk_full() => {
                Some(Unavailable::DiskFull.into())
            }
            _ => None,
        };
        let meant = meant.unwrap_or_else(|| SqlError::from_sqlite(error));
        if meant.condemns_connection() {
            self.condemned.set(true);
        }
        self.log(meant, &error.to_string())
    }

    fn log(&self, error: SqlError, cause: &str) -> SqlError {
        self.place.log(error, cause)
    }
}
