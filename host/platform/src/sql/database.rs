//! A database per service, opened when it is first used.

use std::collections::HashMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use thali_contract::name::ServiceName;
use thali_contract::pack::Migration;
use thiserror::Error;
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;

use crate::sql::added::Added;
use crate::sql::error::{SqlError, Unavailable};
use crate::sql::group::Company;
use crate::sql::migrate::{self, MigrateError, MigrationReport, SeedError};
use crate::sql::place::Place;
use crate::sql::reader::Readers;
use crate::sql::session::{Session, Speaker};
use crate::sql::shelf::Shelf;
use crate::sql::ticket::job;
use crate::sql::transaction::Transaction;
use crate::sql::writer::{First, Work, Writer};
use crate::sql::{Caller, DatabaseUsage, Rows, SqlLimits, Statement, Value};

/// Older versions can damage a database in WAL mode when a checkpoint meets a restart of the log.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// With this begin the names of files that are no service's database: copies that are being made.
pub const ASIDE: &str = ".aside-";

/// The databases of all services.
#[derive(Debug)]
pub struct Databases {
    folder: PathBuf,
    limits: SqlLimits,
    databases: RwLock<HashMap<ServiceName, Arc<Database>>>,
    shelf: Arc<Shelf>,
}

/// Why there can be no databases at all.
#[derive(Debug, Error)]
pub enum DatabasesError {
    /// The folder cannot be made.
    #[error("cannot make the folder {}", .0.display())]
    Folder(PathBuf, #[source] std::io::Error),
    /// The linked SQLite is too old to be trusted with data.
    #[error("SQLite {0} is linked, which can lose data; 3.51.3 or newer is needed")]
    SqliteTooOld(&'static str),
}

/// The database of one service.
pub struct Database {
    pub(crate) place: Arc<Place>,
    pub(crate) writer: Arc<Writer>,
    pub(crate) readers: Arc<Readers>,
}

/// The connections of a database that nobody uses. Dropping them closes them, which blocks.
pub(crate) struct Closed {
    _sessions: Vec<Session>,
}

impl Databases {
    /// Prepares a folder for databases. No database is opened yet.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made, or the linked SQLite is too old.
    pub fn open(folder: PathBuf, limits: SqlLimits) -> Result<Arc<Self>, DatabasesError> {
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            return Err(DatabasesError::SqliteTooOld(rusqlite::version()));
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| DatabasesError::Folder(folder.clone(), error))?;
        sweep(&folder);
        let shelf = Shelf::new(limits.databases_open_max);
        Ok(Arc::new(Self { folder, limits, databases: RwLock::default(), shelf }))
    }

    /// Where the databases are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many databases have connections open now.
    pub fn open_count(&self) -> usize {
        self.shelf.open()
    }

    /// The database of a service. It is opened, and its file made, when it is first used.
    pub fn database(&self, service: &ServiceName) -> Arc<Database> {
        if let Some(database) = self.databases.read().get(service) {
            return Arc::clone(database);
        }
        let mut databases = self.databases.write();
        let database = databases.entry(service.clone()).or_insert_with(|| {
            let path = self.folder.join(format!("{service}.sqlite"));
            Database::new(service.clone(), path, self.limits.clone(), &self.shelf)
        });
        Arc::clone(database)
    }
}

/// Deletes what a backup or a restore left that was cut off. What cannot be deleted does no harm.
fn sweep(folder: &Path) {
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = file.file_name();
        if name.to_string_lossy().starts_with(ASIDE) {
            let _ = std::fs::remove_file(file.path());
        }
    }
}

impl Database {
    pub(crate) fn new(
        service: ServiceName,
        path: PathBuf,
        limits: SqlLimits,
        shelf: &Arc<Shelf>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| {
            let place = Arc::new(Place::new(service, path, limits, shelf, me));
            let (writer, readers) = (Writer::new(&place), Readers::new(&place));
            Self { place, writer, readers }
        })
    }

    pub(crate) fn last_used(&self) -> u64 {
        self.place.last_used()
    }

    /// The connections, unless somebody uses one.
    pub(crate) fn close_if_idle(&self) -> Option<Closed> {
        let sessions = self.readers.take_if_idle(|| self.writer.take_if_idle())?;
        Some(Closed { _sessions: sessions })
    }

    /// Why the database cannot be used now, as far as is known without trying: it could not be opened,
    /// or is being restored.
    pub fn trouble(&self) -> Option<SqlError> {
        self.place.trouble()
    }

    /// What it has done since the host started, and how large it is. Looks at its files, so it blocks, shortly.
    pub fn usage(&self) -> DatabaseUsage {
        self.place.tally.usage(&self.place.path)
    }

    /// Changes with every commit.
    pub(crate) fn commits(&self) -> u64 {
        self.place.tally.commits()
    }

    /// Events that were published since the host started, those of transactions that were rolled back
    /// among them.
    pub fn published(&self) -> u64 {
        self.place.tally.events()
    }

    /// An event was stored.
    pub(crate) fn count_published(&self) {
        self.place.tally.published();
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    /// What the service may ask for.
    pub fn limits(&self) -> &SqlLimits {
        &self.place.limits
    }

    /// Opens and checks the database, unless that was done before. Everything else does it, too.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn open(&self) -> Result<(), SqlError> {
        self.writer.open().await
    }

    /// Runs one statement that only reads.
    ///
    /// # Errors
    ///
    /// When the statement fails or would write.
    pub async fn query(&self, statement: Statement) -> Result<Rows, SqlError> {
        self.writer.open().await?;
        self.readers.query(statement, Speaker::Service).await
    }

    /// Runs one statement of the host that only reads. It may read the host's own tables.
    ///
    /// # Errors
    ///
    /// When the statement fails or would write.
    pub async fn host_query(&self, statement: Statement) -> Result<Rows, SqlError> {
        self.writer.open().await?;
        self.readers.query(statement, Speaker::Host).await
    }

    /// Runs statements of the host in one transaction, as [`Database::batch`] does those of a service.
    /// They may touch the host's own tables. With `announces`, [`Database::announcements`] counts the
    /// commit.
    ///
    /// # Errors
    ///
    /// When a statement fails. Then nothing of them was done.
    pub async fn host_batch(
        &self,
        statements: Vec<Statement>,
        announces: bool,
    ) -> Result<Vec<u64>, SqlError> {
        self.host_batch_for(Caller::HOST, statements, announces).await
    }

    /// The same on behalf of a request. One that has a transaction open in another invocation would
    /// wait for itself; the invocation that holds it has an
    /// [`OpenTransaction`](crate::sql::OpenTransaction) instead.
    ///
    /// # Errors
    ///
    /// When a statement fails, or the caller has a transaction open. Then nothing of them was done.
    pub async fn host_batch_for(
        &self,
        caller: Caller,
        statements: Vec<Statement>,
        announces: bool,
    ) -> Result<Vec<u64>, SqlError> {
        self.writer.write(caller, Work::of_host(statements, announces)).await
    }

    /// A count that changes after every commit that announces something: what it announces is durable
    /// by then.
    pub fn announcements(&self) -> watch::Receiver<u64> {
        self.place.announcements.subscribe()
    }

    /// Runs one statement that writes, and answers the number of rows it changed. Durable when it
    /// returns.
    ///
    /// # Errors
    ///
    /// When the statement fails. Then nothing of it was done.
    pub async fn execute(&self, caller: Caller, statement: Statement) -> Result<u64, SqlError> {
        let changes = self.writer.write(caller, Work::of_service(vec![statement])).await?;
        Ok(changes.first().copied().unwrap_or_default())
    }

    /// Runs statements in one transaction, and answers the number of rows each one changed. Durable
    /// when it returns.
    ///
    /// # Errors
    ///
    /// When a statement fails. Then nothing of them was done.
    pub async fn batch(
        &self,
        caller: Caller,
        statements: Vec<Statement>,
    ) -> Result<Vec<u64>, SqlError> {
        let max = self.place.limits.batch_statements_max;
        if statements.len() > max {
            return Err(SqlError::too_large(format!("a batch has at most {max} statements")));
        }
        self.writer.write(caller, Work::of_service(statements)).await
    }

    /// Waits for other writers, then begins a transaction.
    ///
    /// # Errors
    ///
    /// When the wait is too long, or would never end because the caller has a transaction already.
    pub async fn begin(&self, caller: Caller) -> Result<Transaction, SqlError> {
        let exclusive = self.writer.begin(caller, Company::Welcome, nothing()).await?;
        Ok(Transaction::new(&self.place, exclusive, Arc::default()))
    }

    /// Begins a transaction in which something waits already, with a first statement, which may fail
    /// without failing the transaction.
    pub(crate) async fn begin_with<T: Send + 'static>(
        &self,
        caller: Caller,
        added: Arc<Added>,
        statement: impl FnOnce(&Session) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<(Transaction, Result<T, SqlError>), SqlError> {
        let (sender, outcome) = oneshot::channel();
        let waiting = Arc::clone(&added);
        let first: First = Box::new(move |session, ticket| {
            let budget = || session.budget(Some(Arc::clone(ticket)));
            waiting.carry_out(session, budget)?;
            let _metering = session.meter.start(budget());
            let _ = sender.send(statement(session));
            Ok(())
        });
        let exclusive = self.writer.begin(caller, Company::Welcome, first).await?;
        let transaction = Transaction::new(&self.place, exclusive, added);
        let outcome = outcome.await.unwrap_or_else(|_| Err(Unavailable::Stopped.into()));
        Ok((transaction, outcome))
    }

    /// Carries out what was added to a transaction that never needed to begin.
    pub(crate) async fn carry_out(&self, caller: Caller, work: Work) -> Result<(), SqlError> {
        if work.steps.is_empty() {
            return Ok(());
        }
        self.writer.write(caller, work).await.map(drop)
    }

    /// Applies the migrations that are new, all or none, and records them.
    ///
    /// # Errors
    ///
    /// When one fails, or an earlier one was changed or taken away. Then nothing was done.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<MigrationReport, MigrateError> {
        let migrations = migrations.to_vec();
        self.exclusively(move |session| migrate::migrate(session, &migrations)).await
    }

    /// Deletes the files of a database that nothing was ever stored in: that of a service whose first
    /// migration failed.
    ///
    /// # Errors
    ///
    /// When the database cannot be taken out of use.
    pub async fn discard_if_empty(self: &Arc<Self>) -> Result<(), SqlError> {
        let tables =
            "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '\\_thali\\_%' ESCAPE '\\'
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
        let tables = self.host_query(Statement::new(tables, [])).await?;
        if tables.rows != [[Value::Integer(0)]] {
            return Ok(());
        }
        let removed = self.offline(|path| std::fs::remove_file(path)).await?;
        removed.map_err(|_| Unavailable::Io.into())
    }

    /// Whether there is a file.
    pub fn exists(&self) -> bool {
        self.place.path.exists()
    }

    /// Runs the seed, unless one was run on this database before. Answers whether it ran.
    ///
    /// # Errors
    ///
    /// When a statement fails. Then nothing was done.
    pub async fn seed(&self, sql: &str) -> Result<bool, SeedError> {
        let sql = sql.to_owned();
        self.exclusively(move |session| migrate::seed(session, &sql)).await
    }

    /// Runs the host's own work in a transaction, with no lease.
    async fn exclusively<T, E>(
        &self,
        f: impl FnOnce(&Session) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        let exclusive = self.writer.begin(Caller::HOST, Company::Unwelcome, nothing()).await?;
        let (reply, durable) = job();
        let (sender, outcome) = oneshot::channel();
        spawn_blocking(move || {
            let result = exclusive.session().map_err(E::from).and_then(f);
            let is_ok = result.is_ok();
            let _ = sender.send(result);
            if is_ok { exclusive.commit(reply, false) } else { exclusive.roll_back(None) }
        });
        let stopped = |_| Err(SqlError::from(Unavailable::Stopped).into());
        let result = outcome.await.unwrap_or_else(stopped)?;
        durable.finish().await?;
        Ok(result)
    }
}

/// A transaction that begins with nothing.
fn nothing() -> First {
    Box::new(|_, _| Ok(()))
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("place", &self.place).finish_non_exhaustive()
    }
}
