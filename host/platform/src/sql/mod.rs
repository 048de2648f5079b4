//! `thali:platform/sql`: a database of its own for every service, on SQLite.
//!
//! ```no_run
//! # use thali_platform::sql::{Caller, Databases, SqlLimits, Statement, Value};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let databases = Databases::open("./.thali/db".into(), SqlLimits::default())?;
//! let orders = databases.database(&"orders".parse()?);
//! let insert = Statement::new("INSERT INTO orders VALUES ($1, $2)", [Value::from("1"), true.into()]);
//! orders.execute(Caller::HOST, insert).await?;
//! let rows = orders.query(Statement::new("SELECT id FROM orders", [])).await?;
//! assert_eq!(rows.columns, ["id"]);
//! # Ok(())
//! # }
//! ```
//!
//! # What a service can rely on
//!
//! - A write is on the disk when it returns (WAL, `synchronous=FULL`). Writes that wait at the same
//!   time share a flush.
//! - Readers see the last commit and wait for nobody.
//! - A transaction keeps other writers out, for at most its lease.
//! - Every wait, statement, value, result and file has a limit ([`SqlLimits`]).
//!
//! # The dialect
//!
//! What SQLite and PostgreSQL share. The guard refuses what would tie a service to SQLite where it can
//! be told from the statement: triggers, virtual and temporary tables, `PRAGMA`, `ATTACH`,
//! `changes()` and its kind, SQLite's own tables, strings in double quotes, parameters other than
//! `$1`. It cannot tell the following, which services must mind themselves:
//!
//! | instead of | write |
//! |---|---|
//! | `INSERT OR IGNORE`, `INSERT OR REPLACE` | `ON CONFLICT .. DO NOTHING`, `DO UPDATE` |
//! | `AUTOINCREMENT`, an integer key that fills itself | an id that the service makes |
//! | `datetime('now')`, `strftime` | a parameter |
//! | text in a number's column, and other loose typing | the column's type |
//! | `GLOB`, `IFNULL`, `IIF` | `LIKE`, `COALESCE`, `CASE` |
//! | `json_extract` and its kind | columns, or JSON that the service reads |
//!
//! # Values
//!
//! SQLite knows no booleans: `true` is stored as 1. A result column reads back as boolean when it is a
//! column that was declared `BOOLEAN` (by name, through views, subqueries and `RETURNING` as well) and
//! holds 0 or 1. An expression over such a column (`max(open)`, `a AND b`) reads back as integer. All
//! other values read back by what is stored: integer, real, text, blob or null. Refused, because SQLite
//! would store something else or PostgreSQL nothing at all: not-a-number, and text with a NUL character.
//!
//! # How it works
//!
//! [`Databases`] hands out one [`Database`] per service, which costs nothing until it is used. A
//! database has one connection that writes (`writer`), with a queue in front of it that is drained in
//! groups (`group`) that a [`Transaction`] is part of, too, and a few that read (`reader`). A service's
//! transaction is a [`Unit`], which begins when it has to. A connection
//! (`session`) has a `guard`, which says what a statement may be, and a `meter`, which says how long it
//! may run. All SQLite work happens on tokio's blocking threads.
//!
//! What is absent on purpose: a thread per database, a pool of writers (SQLite has one writer), retries
//! (a service that is told `busy` knows best), and any way from one database to another.

mod added;
mod bindings;
mod capability;
mod database;
mod error;
mod exclusive;
mod export;
mod facts;

mod group;
mod guard;
mod limits;
mod meter;
mod migrate;
mod offline;
mod place;
mod queue;
mod reader;
mod restore;
mod session;
mod shelf;
mod spans;
mod split;
mod statement;
mod tally;
mod ticket;
mod transaction;
mod unit;
mod upkeep;
mod writer;

pub use added::OpenTransaction;
pub use bindings::thali::platform::sql::{
    ConstraintKind, ConstraintViolation, Rows, Statement, Value,
};
pub use capability::SqlCapability;
pub use database::{ASIDE, Database, Databases, DatabasesError};
pub use error::{Ending, SqlError, Unavailable};
pub use export::Piece;
pub use facts::{ColumnFacts, TableFacts};
pub use limits::SqlLimits;
pub use migrate::{MigrateError, MigrationReport, ScriptError, SeedError};
pub use restore::{REPLACED, RestoreError};
pub use split::statements;
pub use statement::Outcome;
pub use tally::DatabaseUsage;
pub use thali_contract::pack::Migration;
pub use transaction::Transaction;
pub use unit::Unit;

/// On whose behalf something is written.
///
/// A request that holds a transaction open and then writes beside it would wait for itself; it is
/// refused at once instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller(Option<u128>);

impl Caller {
    /// The host itself.
    pub const HOST: Self = Self(None);

    /// A request, by its id.
    pub fn request(id: u128) -> Self {
        Self(Some(id))
    }
}

impl Statement {
    /// A statement with its parameters.
    pub fn new(sql: impl Into<String>, params: impl Into<Vec<Value>>) -> Self {
        Self { sql: sql.into(), params: params.into() }
    }

    /// What the statement weighs while it waits.
    fn bytes(&self) -> usize {
        let params = self.params.iter().map(|value| match value {
            Value::Text(text) => text.len(),
            Value::Blob(blob) => blob.len(),
            _ => 0,
        });
        self.sql.len() + self.params.len() * size_of::<Value>() + params.sum::<usize>()
    }
}

macro_rules! value_from {
    ($($from:ty => $case:ident),*) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$case(value.into())
            }
        }
    )*};
}

value_from!(bool => Boolean, i64 => Integer, f64 => Real, &str => Text, String => Text, Vec<u8> => Blob);
