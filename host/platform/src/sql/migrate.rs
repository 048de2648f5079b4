//! Migrations and seeds: scripts that come with a component and run when it is deployed.
//!
//! What was applied is recorded with its checksum. The migrations of a component must begin with the
//! recorded ones, unchanged and in their order; what follows is new. A component that has only the
//! first few of the recorded ones is an older revision that is made live again: nothing is to be done,
//! and it must live with a schema that is ahead of it, as the revisions that run side by side during a
//! swap must anyway. So a migration never takes away what the revision before it uses (expand first,
//! contract one deploy later).

use std::time::Instant;

use rusqlite::{OptionalExtension, params};
use thali_contract::name::Digest;
use thali_contract::pack::Migration;
use thiserror::Error;

use crate::sql::error::SqlError;
use crate::sql::meter::Budget;
use crate::sql::session::Session;
use crate::sql::split;

const SEEDED: &str = "seeded";

/// What [`Database::migrate`](crate::sql::Database::migrate) did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// The names of the migrations that were applied now, in order.
    pub applied: Vec<String>,
    /// The names of migrations that were applied earlier and that this component does not have: it is
    /// older than the schema.
    pub ahead: Vec<String>,
}

/// Why migrations were not applied. The database is as it was.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum MigrateError {
    /// An applied migration has another text now.
    #[error(
        "migration {name} was changed after it was applied; restore it, and put the change into a new \
         migration"
    )]
    Changed {
        /// Its name.
        name: String,
    },
    /// An applied migration is not there any more, but later ones are.
    #[error("migration {name} was applied, and is missing now")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A new migration stands before one that was applied.
    #[error("migration {name} is new, but stands before {before}, which was applied already")]
    Misplaced {
        /// The new one.
        name: String,
        /// The applied one.
        before: String,
    },
    /// Two migrations have one name.
    #[error("there are two migrations named {name}")]
    Duplicate {
        /// Their name.
        name: String,
    },
    /// A statement failed.
    #[error("migration {name}: {error}")]
    Failed {
        /// The migration's name.
        name: String,
        /// The statement, and what is wrong with it.
        error: ScriptError,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] SqlError),
}

/// Why a seed was not applied. The database is as it was.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SeedError {
    /// A statement failed.
    #[error("seed: {0}")]
    Failed(ScriptError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] SqlError),
}

/// The statement of a script that failed.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("statement {number} (`{line}`): {error}")]
pub struct ScriptError {
    /// Which statement, counted from 1.
    pub number: usize,
    /// The first line of the statement.
    pub line: String,
    /// What is wrong with it.
    pub error: SqlError,
}

struct Applied {
    name: String,
    checksum: String,
}

/// Applies what is new. The caller has begun a transaction and commits it when this succeeds.
pub(crate) fn migrate(
    session: &Session,
    migrations: &[Migration],
) -> Result<MigrationReport, MigrateError> {
    let applied = applied(session)?;
    let (new, ahead) = compare(migrations, &applied)?;
    let until = Instant::now() + session.place.limits.script_time;
    for migration in new {
        run(session, &migration.sql, until)
            .map_err(|error| MigrateError::Failed { name: migration.name.clone(), error })?;
        record(session, migration)?;
    }
    Ok(MigrationReport {
        applied: new.iter().map(|migration| migration.name.clone()).collect(),
        ahead,
    })
}

/// Applies the seed unless one was applied before. The caller has begun a transaction and commits it
/// when this succeeds.
pub(crate) fn seed(session: &Session, sql: &str) -> Result<bool, SeedError> {
    let seeded = session.host(|raw| {
        raw.query_row("SELECT 1 FROM _thali_meta WHERE key = ?1", [SEEDED], |_| Ok(())).optional()
    })?;
    if seeded.is_some() {
        return Ok(false);
    }
    let until = Instant::now() + session.place.limits.script_time;
    run(session, sql, until).map_err(SeedError::Failed)?;
    let checksum = Digest::of(sql.as_bytes()).to_string();
    session.host(|raw| {
        raw.execute("INSERT INTO _thali_meta (key, value) VALUES (?1, ?2)", [SEEDED, &checksum])
    })?;
    Ok(true)
}

fn applied(session: &Session) -> Result<Vec<Applied>, SqlError> {
    session.host(|raw| {
        raw.prepare("SELECT name, checksum FROM _thali_migrations ORDER BY position")?
            .query_map([], |row| Ok(Applied { name: row.get(0)?, checksum: row.get(1)? }))?
            .collect()
    })
}

/// What is new, and the names of what was applied but is not in `migrations`.
fn compare<'a>(
    migrations: &'a [Migration],
    applied: &[Applied],
) -> Result<(&'a [Migration], Vec<String>), MigrateError> {
    for (at, migration) in migrations.iter().enumerate() {
        if migrations.iter().skip(at + 1).any(|other| other.name == migration.name) {
            return Err(MigrateError::Duplicate { name: migration.name.clone() });
        }
    }
    for (migration, recorded) in migrations.iter().zip(applied) {
        let name = recorded.name.clone();
        if migration.name != recorded.name {
            let moved = migrations.iter().any(|other| other.name == name);
            return Err(if moved {
                MigrateError::Misplaced { name: migration.name.clone(), before: name }
            } else {
                MigrateError::Missing { name }
            });
        }
        if Digest::of(migration.sql.as_bytes()).to_string() != recorded.checksum {
            return Err(MigrateError::Changed { name });
        }
    }
    let ahead = applied.iter().skip(migrations.len()).map(|old| old.name.clone()).collect();
    Ok((migrations.get(applied.len()..).unwrap_or_default(), ahead))
}

fn run(session: &Session, script: &str, until: Instant) -> Result<(), ScriptError> {
    for (at, statement) in split::statements(script).into_iter().enumerate() {
        let metering = session.meter.start(Budget { until, ticket: None });
        let result = session.execute_script_statement(statement);
        drop(metering);
        result.map_err(|error| ScriptError {
            number: at + 1,
            line: split::first_line(statement).to_owned(),
            error,
        })?;
    }
    Ok(())
}

fn record(session: &Session, migration: &Migration) -> Result<(), SqlError> {
    let checksum = Digest::of(migration.sql.as_bytes()).to_string();
    session.host(|raw| {
        raw.execute(
            "INSERT INTO _thali_migrations (name, checksum, applied_at)
             VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
            params![migration.name, checksum],
        )
    })?;
    Ok(())
}
