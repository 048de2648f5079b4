//! Running one statement of a service: prepare, check, bind, step.

use std::sync::Arc;

use rusqlite::types::{Null, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Row, Rows as Cursor};

use crate::sql::error::SqlError;
use crate::sql::guard::HOST_TABLES;
use crate::sql::session::Session;
use crate::sql::{Rows, Statement, Value};

/// What a value costs in a result beside its bytes.
const VALUE_BYTES: usize = size_of::<Value>();

/// Begins the text of the host's own statements. Prepared statements are kept by their text, and the
/// guard is asked only when one is prepared: a service must not find one that the host prepared.
const HOST_MARK: &str = "/*_thali_*/";

/// Which statements a query may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only such that change nothing.
    Read,
    /// Any that return rows.
    Write,
}

impl Session {
    /// Runs a statement that returns rows.
    pub(crate) fn query(&self, statement: &Statement, access: Access) -> Result<Rows, SqlError> {
        let mut prepared = self.prepare(&statement.sql)?;
        if access == Access::Read && !prepared.readonly() {
            return Err(SqlError::invalid("a query only reads: use execute, or a transaction"));
        }
        if prepared.column_count() == 0 {
            return Err(SqlError::invalid("the statement returns no rows: use execute"));
        }
        self.bind(&mut prepared, &statement.params)?;
        self.read(&mut prepared)
    }

    /// Runs a statement and answers the number of rows it changed.
    pub(crate) fn execute(&self, statement: &Statement) -> Result<u64, SqlError> {
        let mut prepared = self.prepare(&statement.sql)?;
        if prepared.readonly() && prepared.column_count() > 0 {
            return Err(SqlError::invalid("the statement only reads: use query"));
        }
        self.bind(&mut prepared, &statement.params)?;
        self.run(&mut prepared)
    }

    /// Runs a statement of a migration or a seed: no parameters, and not worth caching.
    pub(crate) fn execute_script_statement(&self, sql: &str) -> Result<(), SqlError> {
        let mut prepared = self.compile(sql)?;
        let result =
            self.bind(&mut prepared, &[]).and_then(|()| self.run(&mut prepared)).map(|_| ());
        prepared.discard();
        result
    }

    fn prepare(&self, sql: &str) -> Result<CachedStatement<'_>, SqlError> {
        let bytes_max = self.place.limits.statement_bytes_max;
        if sql.len() > bytes_max {
            return Err(SqlError::too_large(format!("the statement is over {bytes_max} bytes")));
        }
        let prepared = self.compile(sql)?;
        self.place.tally.statement(prepared.readonly());
        Ok(prepared)
    }

    fn compile(&self, sql: &str) -> Result<CachedStatement<'_>, SqlError> {
        if self.guard.is_host() {
            return self.compile_text(&format!("{HOST_MARK}{sql}"));
        }
        if sql.trim_start().starts_with(HOST_MARK) {
            return Err(SqlError::invalid(format!("{HOST_TABLES} in the text: it is the host's")));
        }
        self.compile_text(sql)
    }

    fn compile_text(&self, sql: &str) -> Result<CachedStatement<'_>, SqlError> {
        // SQLite would take the text to end here.
        if sql.contains('\0') {
            return Err(SqlError::invalid("the statement holds a NUL character"));
        }
        self.guard.reset();
        let prepared = self.raw.prepare_cached(sql).map_err(|error| self.explain(&error))?;
        if let Some(refusal) = self.guard.verdict(sql) {
            prepared.discard();
            return Err(refusal);
        }
        // Asked in this order because the last question copies the text.
        if prepared.column_count() == 0 && prepared.readonly() && prepared.expanded_sql().is_none()
        {
            return Err(SqlError::invalid("the text holds no statement"));
        }
        Ok(prepared)
    }

    /// Binds `$1` to the first parameter and so on, whatever their order in the text: to SQLite `$1`
    /// is only a name.
    fn bind(&self, prepared: &mut CachedStatement<'_>, params: &[Value]) -> Result<(), SqlError> {
        let expected = prepared.parameter_count();
        for index in 1..=expected {
            let number = number(prepared.parameter_name(index))?;
            let Some(value) = number.checked_sub(1).and_then(|at| params.get(at)) else {
                return Err(wrong_count(expected.max(number), params.len()));
            };
            self.check(number, value)?;
            prepared.raw_bind_parameter(index, value).map_err(|error| self.explain(&error))?;
        }
        // Every name is there once, so as many names as values means each of them is there.
        if expected == params.len() { Ok(()) } else { Err(wrong_count(expected, params.len())) }
    }

    /// Refuses values that SQLite would store as something else, or other databases not at all.
    fn check(&self, number: usize, value: &Value) -> Result<(), SqlError> {
        let bytes_max = self.place.limits.value_bytes_max;
        match value {
            Value::Text(text) if text.len() > bytes_max => Err(too_long(number, bytes_max)),
            Value::Blob(blob) if blob.len() > bytes_max => Err(too_long(number, bytes_max)),
            Value::Text(text) if text.contains('\0') => {
                Err(SqlError::invalid(format!("${number} holds a NUL character")))
            }
            Value::Real(real) if real.is_nan() => {
                Err(SqlError::invalid(format!("${number} is not a number")))
            }
            _ => Ok(()),
        }
    }

    /// Steps to the end, so that a `RETURNING` that nobody reads changes all it should.
    fn run(&self, prepared: &mut CachedStatement<'_>) -> Result<u64, SqlError> {
        let before = self.raw.total_changes();
        let mut cursor = prepared.raw_query();
        while cursor.next().map_err(|error| self.explain(&error))?.is_some() {}
        drop(cursor);
        // A statement that is no INSERT, UPDATE or DELETE leaves SQLite's counter as it was.
        let changed = self.raw.total_changes() != before;
        Ok(if changed { self.raw.changes() } else { 0 })
    }

    fn read(&self, prepared: &mut CachedStatement<'_>) -> Result<Rows, SqlError> {
        let bytes_max = self.place.limits.result_bytes_max;
        let mut room = bytes_max;
        let mut rows = Vec::new();
        let mut booleans = Vec::new();
        let mut cursor = prepared.raw_query();
        while let Some(row) = self.step(&mut cursor)? {
            // Not before the first step: a statement kept from before a schema change is prepared
            // again by it and may have other columns afterwards.
            if rows.is_empty() {
                booleans = boolean_columns(row);
            }
            let values = row_values(row, &booleans, &mut room).map_err(|error| match error {
                Unreadable::TooLarge => {
                    SqlError::too_large(format!("the result is over {bytes_max} bytes"))
                }
                Unreadable::NotText(column) => {
                    SqlError::invalid(format!("column {} holds no valid UTF-8", column + 1))
                }
                Unreadable::Sqlite(error) => self.explain(&error),
            })?;
            rows.push(values);
        }
        drop(cursor);
        let columns = prepared.column_names().map(str::to_owned).collect();
        Ok(Rows { columns, rows })
    }

    /// Gives every row of a query to `f` until it answers `false`; answers whether it never did.
    pub(crate) fn each_row(
        &self,
        sql: &str,
        mut f: impl FnMut(&Arc<[String]>, Vec<Value>) -> bool,
    ) -> Result<bool, SqlError> {
        let mut prepared = self.raw.prepare(sql).map_err(|error| self.explain(&error))?;
        let columns: Arc<[String]> = prepared.column_names().map(str::to_owned).collect();
        let mut booleans = None;
        let mut cursor = prepared.raw_query();
        while let Some(row) = self.step(&mut cursor)? {
            let booleans = booleans.get_or_insert_with(|| boolean_columns(row));
            let values = row_values(row, booleans, &mut usize::MAX.clone());
            let values = values.map_err(|error| match error {
                Unreadable::Sqlite(error) => self.explain(&error),
                Unreadable::TooLarge | Unreadable::NotText(_) => {
                    SqlError::invalid("a text holds no valid UTF-8")
                }
            })?;
            if !f(&columns, values) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Runs a statement of any kind and answers its rows, or the number of rows it changed.
    pub(crate) fn apply(&self, statement: &Statement) -> Result<Outcome, SqlError> {
        let mut prepared = self.prepare(&statement.sql)?;
        self.bind(&mut prepared, &statement.params)?;
        if prepared.column_count() > 0 {
            return self.read(&mut prepared).map(Outcome::Rows);
        }
        self.run(&mut prepared).map(Outcome::Changed)
    }

    fn step<'a, 'stmt>(
        &self,
        cursor: &'a mut Cursor<'stmt>,
    ) -> Result<Option<&'a Row<'stmt>>, SqlError> {
        cursor.next().map_err(|error| self.explain(&error))
    }
}

/// What a statement of any kind answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The rows it returned.
    Rows(Rows),
    /// The number of rows it changed.
    Changed(u64),
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

enum Unreadable {
    TooLarge,
    NotText(usize),
    Sqlite(rusqlite::Error),
}

fn row_values(
    row: &Row<'_>,
    booleans: &[bool],
    room: &mut usize,
) -> Result<Vec<Value>, Unreadable> {
    let mut values = Vec::with_capacity(booleans.len());
    for (column, &boolean) in booleans.iter().enumerate() {
        let value = row.get_ref(column).map_err(Unreadable::Sqlite)?;
        let bytes = match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
            _ => 0,
        };
        *room = room.checked_sub(bytes + VALUE_BYTES).ok_or(Unreadable::TooLarge)?;
        values.push(match value {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(integer @ (0 | 1)) if boolean => Value::Boolean(integer == 1),
            ValueRef::Integer(integer) => Value::Integer(integer),
            ValueRef::Real(real) => Value::Real(real),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Value::Text(text.to_owned()),
                Err(_) => return Err(Unreadable::NotText(column)),
            },
            ValueRef::Blob(bytes) => Value::Blob(bytes.to_owned()),
        });
    }
    Ok(values)
}

/// Which columns of the result come from columns that were declared `BOOLEAN`.
fn boolean_columns(row: &Row<'_>) -> Vec<bool> {
    let statement: &rusqlite::Statement<'_> = row.as_ref();
    let is_boolean = |declared: &str| {
        declared.eq_ignore_ascii_case("boolean") || declared.eq_ignore_ascii_case("bool")
    };
    statement.columns().map(|column| column.decl_type().is_some_and(is_boolean)).collect()
}

/// The number in `$1`; any other kind of parameter is refused.
fn number(name: Option<&str>) -> Result<usize, SqlError> {
    let digits = name.and_then(|name| name.strip_prefix('$'));
    let number =
        digits.filter(|digits| !digits.starts_with(['0', '+'])).and_then(|x| x.parse().ok());
    number.ok_or_else(|| {
        let name = name.unwrap_or("?");
        SqlError::invalid(format!("{name}: parameters are written $1, $2 and so on"))
    })
}

fn wrong_count(expected: usize, given: usize) -> SqlError {
    SqlError::invalid(format!("the statement takes {expected} parameters, {given} were given"))
}

fn too_long(number: usize, bytes_max: usize) -> SqlError {
    SqlError::too_large(format!("${number} is over {bytes_max} bytes"))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::from(Null),
            Self::Boolean(value) => ToSqlOutput::from(*value),
            Self::Integer(value) => ToSqlOutput::from(*value),
            Self::Real(value) => ToSqlOutput::from(*value),
            Self::Text(value) => ToSqlOutput::from(value.as_str()),
            Self::Blob(value) => ToSqlOutput::from(value.as_slice()),
        })
    }
}
