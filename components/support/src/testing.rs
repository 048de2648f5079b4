//! A database in memory: the same statements as under the host, on the same engine.

use std::cell::{Cell, RefCell};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement as Prepared, ToSql};

use crate::sql::{
    ConstraintKind, ConstraintViolation, Database, Error, Failed, Rows, Statement, Value,
};

/// A database in memory.
#[derive(Debug)]
pub struct Memory {
    connection: RefCell<Connection>,
    fail_after: Cell<Option<u32>>,
}

impl Memory {
    /// A database after these scripts: migrations, then seeds.
    ///
    /// # Panics
    /// When a script is wrong.
    #[expect(clippy::expect_used, reason = "only for tests")]
    pub fn new(scripts: &[&str]) -> Self {
        let connection = Connection::open_in_memory().expect("SQLite opens a database in memory");
        connection.execute_batch("PRAGMA foreign_keys = ON").expect("foreign keys are built in");
        for script in scripts {
            connection.execute_batch(script).expect("the script is right");
        }
        Self { connection: RefCell::new(connection), fail_after: Cell::new(None) }
    }

    /// Lets so many statements pass; every one after them finds the database unavailable.
    pub fn fail_after(&self, statements: u32) {
        self.fail_after.set(Some(statements));
    }

    /// The database works again.
    pub fn recover(&self) {
        self.fail_after.set(None);
    }

    fn admit(&self) -> Result<(), Failed> {
        match self.fail_after.get() {
            Some(0) => Err(Failed::Unavailable),
            Some(left) => {
                self.fail_after.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Database for Memory {
    fn query(&self, sql: &str, params: &[Value]) -> Result<Rows, Failed> {
        self.admit()?;
        let connection = self.connection.borrow();
        let mut prepared = connection.prepare(sql).map_err(failed)?;
        assert!(prepared.readonly(), "query() only reads: {sql}");
        bind(&mut prepared, params)?;
        let columns: Vec<String> = prepared.column_names().map(Into::into).collect();
        let mut found = prepared.raw_query();
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(failed)? {
            let cells = (0..columns.len()).map(|i| row.get_ref(i).map(value).map_err(failed));
            rows.push(cells.collect::<Result<_, _>>()?);
        }
        Ok(Rows { columns, rows })
    }

    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, Failed> {
        self.admit()?;
        run(&self.connection.borrow(), sql, params)
    }

    fn batch(&self, statements: &[Statement]) -> Result<Vec<u64>, Failed> {
        self.admit()?;
        let mut connection = self.connection.borrow_mut();
        let transaction = connection.transaction().map_err(failed)?;
        let changed = statements
            .iter()
            .map(|statement| run(&transaction, &statement.sql, &statement.params))
            .collect::<Result<_, _>>()?;
        transaction.commit().map_err(failed)?;
        Ok(changed)
    }
}

fn run(connection: &Connection, sql: &str, params: &[Value]) -> Result<u64, Failed> {
    let mut prepared = connection.prepare(sql).map_err(failed)?;
    bind(&mut prepared, params)?;
    Ok(prepared.raw_execute().map_err(failed)? as u64)
}

/// Binds `$1` to the first parameter and so on, as PostgreSQL does; SQLite counts in the order of
/// first use instead.
fn bind(prepared: &mut Prepared<'_>, params: &[Value]) -> Result<(), Failed> {
    assert_eq!(prepared.parameter_count(), params.len(), "as many parameters as the statement has");
    for (i, param) in params.iter().enumerate() {
        let name = format!("${}", i + 1);
        let index = prepared.parameter_index(&name).map_err(failed)?;
        let index = index.ok_or(Failed::Unavailable)?;
        prepared.raw_bind_parameter(index, param).map_err(failed)?;
    }
    Ok(())
}

fn value(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(blob) => Value::Blob(blob.to_vec()),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Boolean(flag) => ValueRef::Integer((*flag).into()),
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Real(real) => ValueRef::Real(*real),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(blob) => ValueRef::Blob(blob),
        }))
    }
}

fn failed(error: rusqlite::Error) -> Failed {
    let rusqlite::Error::SqliteFailure(code, message) = &error else {
        return Error::Invalid(error.to_string()).into();
    };
    let kind = match code.extended_code {
        rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
            ConstraintKind::Unique
        }
        rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ConstraintKind::ForeignKey,
        rusqlite::ffi::SQLITE_CONSTRAINT_CHECK => ConstraintKind::Check,
        rusqlite::ffi::SQLITE_CONSTRAINT_NOTNULL => ConstraintKind::NotNull,
        _ => return Error::Invalid(error.to_string()).into(),
    };
    let name = message.clone().unwrap_or_default();
    Error::Constraint(ConstraintViolation { kind, name }).into()
}
