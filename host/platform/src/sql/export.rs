//! Everything that a service has stored, in the order in which it can be put back.

use std::sync::Arc;

use crate::sql::database::Database;
use crate::sql::error::SqlError;
use crate::sql::guard::HOST_TABLES;
use crate::sql::session::Session;
use crate::sql::{Value, statement};

/// A piece of an export.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// The statement that makes a table, an index or a view.
    Schema(String),
    /// A row.
    Row {
        /// The table.
        table: Arc<str>,
        /// The names of its columns.
        columns: Arc<[String]>,
        /// One value for each column.
        values: Vec<Value>,
    },
}

impl Database {
    /// Gives every table of the service to `sink`, row by row, then its indexes and views, all as they
    /// were at one moment. Ends early when `sink` answers `false`. Called on a thread that may block.
    ///
    /// # Errors
    ///
    /// When something cannot be read.
    pub async fn export(
        &self,
        sink: impl FnMut(Piece) -> bool + Send + 'static,
    ) -> Result<(), SqlError> {
        let mut sink = sink;
        self.on_own_connection(move |session| {
            session.host(|raw| raw.execute_batch("BEGIN"))?;
            export(session, &mut sink).map(|_| ())
        })
        .await
    }
}

/// Answers whether the sink wants more.
fn export(session: &Session, sink: &mut dyn FnMut(Piece) -> bool) -> Result<bool, SqlError> {
    for (name, sql) in schema(session, "type = 'table'")? {
        if !sink(Piece::Schema(sql)) || !rows(session, &name, sink)? {
            return Ok(false);
        }
    }
    let rest = schema(session, "type IN ('index', 'view')")?;
    Ok(rest.into_iter().all(|(_, sql)| sink(Piece::Schema(sql))))
}

/// Names and statements, in the order they were made.
fn schema(session: &Session, which: &str) -> Result<Vec<(String, String)>, SqlError> {
    let sql = format!(
        "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND {which}
             AND substr(tbl_name, 1, {length}) <> '{HOST_TABLES}' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         ORDER BY rowid",
        length = HOST_TABLES.len(),
    );
    session.host(|raw| {
        raw.prepare(&sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    })
}

fn rows(
    session: &Session,
    table: &str,
    sink: &mut dyn FnMut(Piece) -> bool,
) -> Result<bool, SqlError> {
    let sql = format!("SELECT * FROM {}", quoted(table));
    let table: Arc<str> = table.into();
    session.each_row(&sql, |columns, values| {
        sink(Piece::Row { table: Arc::clone(&table), columns: Arc::clone(columns), values })
    })
}

impl Piece {
    /// The piece as one statement of the portable dialect, with its semicolon.
    pub fn to_sql(&self) -> String {
        match self {
            Self::Schema(sql) => format!("{sql};"),
            Self::Row { table, columns, values } => {
                let columns: Vec<_> = columns.iter().map(|column| quoted(column)).collect();
                let values: Vec<_> = values.iter().map(literal).collect();
                let (table, columns, values) =
                    (quoted(table), columns.join(", "), values.join(", "));
                format!("INSERT INTO {table} ({columns}) VALUES ({values});")
            }
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Boolean(true) => "TRUE".to_owned(),
        Value::Boolean(false) => "FALSE".to_owned(),
        Value::Integer(integer) => integer.to_string(),
        // SQLite reads what is too large for a double as infinity.
        Value::Real(real) if real.is_infinite() => format!("{}9e999", sign(*real)),
        Value::Real(real) => format!("{real:?}"),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Blob(bytes) => format!("X'{}'", statement::hex(bytes)),
    }
}

fn sign(real: f64) -> &'static str {
    if real < 0.0 { "-" } else { "" }
}
