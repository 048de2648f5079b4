//! What can go wrong, and what SQLite calls it.
//!
//! The text of an error is for the service that caused it, so it never holds a path or anything else
//! of the host; what the log needs is logged where the error is made.

use std::time::Duration;

use rusqlite::{ErrorCode, ffi};
use thiserror::Error;

use crate::sql::bindings::thali::platform::sql as wit;
use crate::sql::{ConstraintKind, ConstraintViolation};

/// Why a statement was not carried out.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SqlError {
    /// The statement would have violated a constraint.
    #[error("{} constraint violated: {name}", kind_text(*.kind))]
    Constraint {
        /// The kind of constraint.
        kind: ConstraintKind,
        /// The columns (`table.column`), the index or the check; empty for foreign keys, which SQLite
        /// does not name.
        name: String,
    },
    /// It did not get its turn in time, or too much is waiting already. Nothing was done.
    #[error("the database is busy")]
    Busy,
    /// The statement is wrong, or something services may not do.
    #[error("{0}")]
    Invalid(String),
    /// A limit was passed.
    #[error("{0}")]
    TooLarge(String),
    /// The database cannot be used now.
    #[error("{0}")]
    Unavailable(#[from] Unavailable),
}

/// Why a database cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unavailable {
    /// The service has none.
    #[error("this service has no database: its manifest has no [database] section")]
    NotConfigured,
    /// There is no room on the disk.
    #[error("the disk is full")]
    DiskFull,
    /// The file or its folder cannot be written.
    #[error("the database is read-only")]
    ReadOnly,
    /// The file is not a database, or parts of it are damaged.
    #[error("the database is damaged")]
    Corrupt,
    /// The file cannot be opened or created.
    #[error("the database cannot be opened")]
    CannotOpen,
    /// The disk failed, or memory ran out.
    #[error("the database failed to read or write")]
    Io,
    /// A setting that durability rests on did not take.
    #[error("the database has {name} = {found} where {expected} is needed")]
    Setting {
        /// The pragma.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// The host is doing something to the file. It takes seconds.
    #[error("the database is being restored")]
    Offline,
    /// The transaction is over.
    #[error("{0}")]
    TransactionOver(Ending),
    /// The host gave up on the work, or is stopping.
    #[error("the database stopped working on this")]
    Stopped,
}

/// How a transaction ended.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Ending {
    /// It was committed.
    #[error("the transaction was committed already")]
    Committed,
    /// It was dropped, or failed to commit.
    #[error("the transaction was rolled back")]
    RolledBack,
    /// It was open for too long.
    #[error("the transaction was rolled back: it was open for more than {} ms", .0.as_millis())]
    Expired(Duration),
    /// An error in it undid all of it.
    #[error("the transaction was rolled back by an earlier error in it: {0}")]
    Failed(String),
}

impl SqlError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::TooLarge(message.into())
    }

    /// What an error of SQLite means, as far as the error itself says.
    pub(crate) fn from_sqlite(error: &rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(code, message) => {
                Self::from_code(*code, message.as_deref().unwrap_or("unknown error"))
            }
            rusqlite::Error::SqlInputError { msg, offset, .. } => {
                Self::invalid(format!("{msg} (at byte {offset})"))
            }
            rusqlite::Error::MultipleStatement => Self::invalid("one statement at a time"),
            other => Self::invalid(other.to_string()),
        }
    }

    fn from_code(error: ffi::Error, message: &str) -> Self {
        match error.code {
            ErrorCode::ConstraintViolation => constraint(error.extended_code, message),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::SchemaChanged => {
                Self::Busy
            }
            ErrorCode::TooBig => Self::too_large("a text, blob or row is over its limit"),
            ErrorCode::OperationInterrupted => Self::too_large("the statement ran for too long"),
            ErrorCode::DiskFull => Unavailable::DiskFull.into(),
            ErrorCode::ReadOnly => Unavailable::ReadOnly.into(),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Unavailable::Corrupt.into(),
            ErrorCode::CannotOpen => Unavailable::CannotOpen.into(),
            ErrorCode::Unknown
            | ErrorCode::AuthorizationForStatementDenied
            | ErrorCode::TypeMismatch
            | ErrorCode::ApiMisuse
            | ErrorCode::ParameterOutOfRange => Self::invalid(message),
            _ => Unavailable::Io.into(),
        }
    }

    /// Whether the connection that met this error should not be used again.
    pub(crate) fn condemns_connection(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(
                Unavailable::ReadOnly
                    | Unavailable::Corrupt
                    | Unavailable::CannotOpen
                    | Unavailable::Io
            )
        )
    }
}

/// SQLite's messages are `UNIQUE constraint failed: drivers.phone` and the like; the part behind the
/// colon is the name.
fn constraint(extended_code: i32, message: &str) -> SqlError {
    let kind = match extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => ConstraintKind::Unique,
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ConstraintKind::ForeignKey,
        ffi::SQLITE_CONSTRAINT_CHECK => ConstraintKind::Check,
        ffi::SQLITE_CONSTRAINT_NOTNULL => ConstraintKind::NotNull,
        _ => ConstraintKind::Other,
    };
    let name = match (message.split_once("constraint failed"), kind) {
        (Some((_, rest)), _) => rest.trim_start_matches(": ").trim(),
        (None, ConstraintKind::Other) => message,
        (None, _) => "",
    };
    let name = name.strip_prefix("index '").and_then(|x| x.strip_suffix('\'')).unwrap_or(name);
    SqlError::Constraint { kind, name: name.to_owned() }
}

fn kind_text(kind: ConstraintKind) -> &'static str {
    match kind {
        ConstraintKind::Unique => "unique",
        ConstraintKind::ForeignKey => "foreign key",
        ConstraintKind::Check => "check",
        ConstraintKind::NotNull => "not null",
        ConstraintKind::Other => "other",
    }
}

impl From<Ending> for SqlError {
    fn from(ending: Ending) -> Self {
        Unavailable::TransactionOver(ending).into()
    }
}

/// The one place where errors become what a service sees.
impl From<SqlError> for wit::Error {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Constraint { kind, name } => {
                Self::Constraint(ConstraintViolation { kind, name })
            }
            SqlError::Busy => Self::Busy,
            SqlError::Invalid(message) => Self::Invalid(message),
            SqlError::TooLarge(message) => Self::TooLarge(message),
            SqlError::Unavailable(reason) => Self::Unavailable(reason.to_string()),
        }
    }
}
