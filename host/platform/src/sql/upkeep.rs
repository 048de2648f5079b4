//! What operators do to a live database: copy it, check it, read all of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tokio::task::spawn_blocking;

use crate::sql::database::Database;
use crate::sql::error::{SqlError, Unavailable};
use crate::sql::place::Place;
use crate::sql::session::{Session, Speaker};

/// Findings of a check that are kept; a damaged file can have thousands.
const FINDINGS_MAX: u32 = 100;

impl Database {
    /// Copies the database as it is at one moment, while it is used, to a new file, and checks the copy.
    /// The file is a whole database of its own.
    ///
    /// # Errors
    ///
    /// When the database cannot be read, the file cannot be written, or the copy is damaged, which
    /// means that the database is.
    pub async fn backup(&self, file: PathBuf) -> Result<(), SqlError> {
        self.on_own_connection(move |session| {
            let copied = copy(session, &file);
            if copied.is_err() {
                let _ = std::fs::remove_file(&file);
            }
            copied
        })
        .await
    }

    /// Reads the whole database and answers what is wrong with it: nothing, when the list is empty.
    ///
    /// # Errors
    ///
    /// When the database is too damaged to be opened.
    pub async fn check(&self) -> Result<Vec<String>, SqlError> {
        self.on_own_connection(|session| session.host(findings)).await
    }

    /// Runs `f` with a connection that nobody else uses and that has no limits of time.
    pub(crate) async fn on_own_connection<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Session) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, SqlError> {
        self.place.enter()?;
        self.writer.open().await?;
        let place = Arc::clone(&self.place);
        let work = spawn_blocking(move || {
            let session = Session::open_reader(&place)?;
            session.speak(Speaker::Host, |session| f(session))
        });
        work.await.unwrap_or_else(|_| Err(Unavailable::Stopped.into()))
    }
}

/// What SQLite finds wrong with a database.
pub(crate) fn findings(raw: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = raw.prepare(&format!("PRAGMA integrity_check({FINDINGS_MAX})"))?;
    let found = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut findings: Vec<_> = found.collect::<Result<_, _>>()?;
    findings.retain(|finding| finding != "ok");
    let mut statement =
        raw.prepare("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check LIMIT ?1")?;
    let broken = statement.query_map([FINDINGS_MAX], |row| {
        let (table, parent) = (row.get::<_, String>(0)?, row.get::<_, String>(2)?);
        let row = row.get::<_, Option<i64>>(1)?;
        let row = row.map_or_else(|| "a row".to_owned(), |row| format!("row {row}"));
        Ok(format!("{row} of {table} refers to a row of {parent} that is not there"))
    })?;
    for finding in broken {
        findings.push(finding?);
    }
    Ok(findings)
}

fn copy(session: &Session, file: &Path) -> Result<(), SqlError> {
    let place = &session.place;
    Place::make_private_file(file);
    let mut target = Connection::open(file).map_err(|error| place.not_written(&error))?;
    // In one step, which is one read transaction: writers go on, and the copy is of one moment.
    let step = Backup::new(&session.raw, &mut target).and_then(|backup| backup.step(-1));
    match step {
        Ok(StepResult::Done) => {}
        Ok(_) => return Err(SqlError::Busy),
        Err(error) => return Err(session.explain(&error)),
    }
    let checked =
        target.pragma_update(None, "journal_mode", "delete").and_then(|()| findings(&target));
    let findings = checked.map_err(|error| place.not_written(&error))?;
    match findings.first() {
        None => target.close().map_err(|(_, error)| place.not_written(&error)),
        Some(finding) => Err(place.log(Unavailable::Corrupt.into(), finding)),
    }
}
