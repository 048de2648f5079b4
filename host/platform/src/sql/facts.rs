//! What a database holds, for operators to look at: tables, their columns, and how many rows they have.

use crate::sql::Database;
use crate::sql::error::SqlError;
use crate::sql::{Statement, Value};

/// Tables that are told. A service that has more is looked at by SQL.
const TABLES_MAX: usize = 500;

/// The tables of the service: not the host's, and not SQLite's own.
const TABLES: &str = "SELECT t.name, c.name, c.type, c.pk FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
    WHERE t.type = 'table' AND substr(t.name, 1, 7) <> '_thali_' AND substr(t.name, 1, 7) <> 'sqlite_' \
    ORDER BY t.name, c.cid";

const COUNT: &str = "SELECT count(*) FROM sqlite_schema \
    WHERE type = 'table' AND substr(name, 1, 7) <> '_thali_' AND substr(name, 1, 7) <> 'sqlite_'";

/// A table of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFacts {
    /// Its name.
    pub name: String,
    /// Its columns, in their order.
    pub columns: Vec<ColumnFacts>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnFacts {
    /// Its name.
    pub name: String,
    /// Its type as it was declared; may be empty.
    pub declared_type: String,
    /// Whether it is the primary key, or part of it.
    pub primary_key: bool,
}

impl Database {
    /// The tables that the service has made.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn tables(&self) -> Result<Vec<TableFacts>, SqlError> {
        let mut tables: Vec<TableFacts> = Vec::new();
        for row in self.host_query(Statement::new(TABLES, [])).await?.rows {
            let mut row = row.into_iter();
            let (table, name, declared_type) =
                (text(row.next()), text(row.next()), text(row.next()));
            let primary_key = matches!(row.next(), Some(Value::Integer(1..)));
            let column = ColumnFacts { name, declared_type, primary_key };
            let is_full = tables.len() == TABLES_MAX;
            match tables.last_mut().filter(|last| last.name == table) {
                Some(last) => last.columns.push(column),
                None if is_full => break,
                None => tables.push(TableFacts { name: table, columns: vec![column] }),
            }
        }
        Ok(tables)
    }

    /// How many tables the service has made.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn table_count(&self) -> Result<u64, SqlError> {
        self.number(COUNT.to_owned()).await
    }

    /// How many rows a table has; `None` for more than `most`, which are not counted.
    ///
    /// # Errors
    ///
    /// When the database cannot be read, or there is no such table.
    pub async fn row_count(&self, table: &str, most: u64) -> Result<Option<u64>, SqlError> {
        let name = table.replace('"', "\"\"");
        let limit = most.saturating_add(1);
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM \"{name}\" LIMIT {limit})");
        let count = self.number(sql).await?;
        Ok((count <= most).then_some(count))
    }

    async fn number(&self, sql: String) -> Result<u64, SqlError> {
        let rows = self.host_query(Statement::new(sql, [])).await?.rows;
        match rows.first().and_then(|row| row.first()) {
            Some(Value::Integer(count)) => Ok(u64::try_from(*count).unwrap_or(0)),
            _ => Err(SqlError::Invalid("a count is no number".to_owned())),
        }
    }
}

fn text(value: Option<Value>) -> String {
    match value {
        Some(Value::Text(text)) => text,
        _ => String::new(),
    }
}
