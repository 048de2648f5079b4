//! A database in memory, and the events that are published with it: the same statements as under the
//! host, on the same engine.

use std::cell::{Cell, RefCell};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement as Prepared, ToSql};

use crate::sql::{
    ConstraintKind, ConstraintViolation, Database, Error, Failed, Query, Rows, Statement,
    Transaction, Value, statement,
};

/// The events that took place, by their number in [`Recorder`].
const EVENTS: &str = "CREATE TABLE _events (number BIGINT NOT NULL)";

/// A database in memory.
#[derive(Debug)]
pub struct Memory {
    connection: RefCell<Connection>,
    in_transaction: Cell<bool>,
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
        connection.execute_batch(EVENTS).expect("the table is new");
        let database = Self {
            connection: RefCell::new(connection),
            in_transaction: Cell::new(false),
            fail_after: Cell::new(None),
        };
        scripts.iter().for_each(|script| database.script(script));
        database
    }

    /// Runs a script: a migration, seeds.
    ///
    /// # Panics
    /// When the script is wrong.
    #[expect(clippy::expect_used, reason = "only for tests")]
    pub fn script(&self, script: &str) {
        self.connection.borrow().execute_batch(script).expect("the script is right");
    }

    /// Lets so many statements pass; every one after them finds the database unavailable. Beginning and
    /// committing a transaction count, and so does publishing an event.
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

impl Memory {
    /// What waits for a transaction of the same invocation would wait until the host ends it.
    fn admit_outside(&self) -> Result<(), Failed> {
        assert!(!self.in_transaction.get(), "a transaction is open: use it");
        self.admit()
    }

    fn rows(&self, sql: &str, params: &[Value], only_reads: bool) -> Result<Rows, Failed> {
        let connection = self.connection.borrow();
        let mut prepared = connection.prepare_cached(sql).map_err(failed)?;
        assert!(!only_reads || prepared.readonly(), "query() only reads: {sql}");
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

    fn say(&self, sql: &str) -> Result<(), Failed> {
        self.connection.borrow().execute_batch(sql).map_err(failed)
    }
}

impl Query for Memory {
    fn query(&self, sql: &str, params: &[Value]) -> Result<Rows, Failed> {
        self.admit_outside()?;
        self.rows(sql, params, true)
    }
}

impl Database for Memory {
    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, Failed> {
        self.admit_outside()?;
        run(&self.connection.borrow(), sql, params)
    }

    fn batch(&self, statements: &[Statement]) -> Result<Vec<u64>, Failed> {
        self.admit_outside()?;
        let mut connection = self.connection.borrow_mut();
        let transaction = connection.transaction().map_err(failed)?;
        let changed = statements
            .iter()
            .map(|statement| run(&transaction, &statement.sql, &statement.params))
            .collect::<Result<_, _>>()?;
        transaction.commit().map_err(failed)?;
        Ok(changed)
    }

    fn begin(&self) -> Result<Box<dyn Transaction + '_>, Failed> {
        self.admit_outside()?;
        self.say("BEGIN IMMEDIATE")?;
        self.in_transaction.set(true);
        Ok(Box::new(Open { memory: self, added: RefCell::default() }))
    }
}

/// An open transaction.
struct Open<'a> {
    memory: &'a Memory,
    /// What is carried out next, with the rows that it is to change.
    added: RefCell<Vec<(Statement, Option<u64>)>>,
}

impl Open<'_> {
    fn carry_out_added(&self) -> Result<(), Failed> {
        let connection = self.memory.connection.borrow();
        for (Statement { sql, params }, rows) in self.added.take() {
            let changed = run(&connection, &sql, &params)?;
            if rows.is_some_and(|rows| rows != changed) {
                return Err(Failed::Constraint(ConstraintKind::Other));
            }
        }
        Ok(())
    }
}

impl Query for Open<'_> {
    fn query(&self, sql: &str, params: &[Value]) -> Result<Rows, Failed> {
        self.memory.admit()?;
        self.carry_out_added()?;
        self.memory.rows(sql, params, false)
    }
}

impl Transaction for Open<'_> {
    fn add(&self, sql: &str, params: &[Value], rows: Option<u64>) -> Result<(), Failed> {
        self.memory.admit()?;
        self.added.borrow_mut().push((statement(sql, params.to_vec()), rows));
        Ok(())
    }

    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, Failed> {
        self.memory.admit()?;
        self.carry_out_added()?;
        run(&self.memory.connection.borrow(), sql, params)
    }

    fn commit(self: Box<Self>) -> Result<(), Failed> {
        self.memory.admit()?;
        self.carry_out_added()?;
        self.memory.say("COMMIT")
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.memory.in_transaction.set(false);
        // After a commit there is nothing to undo.
        let _ = self.memory.connection.borrow().execute_batch("ROLLBACK");
    }
}

/// The events that a service publishes from now on. One that is published in a transaction shares its
/// fate.
#[derive(Debug)]
pub struct Recorder<'a, T> {
    database: &'a Memory,
    /// The last event of another recorder before this one.
    after: i64,
    tried: RefCell<Vec<T>>,
}

impl<'a, T: Clone> Recorder<'a, T> {
    /// No events yet.
    ///
    /// # Panics
    /// When the database is not one.
    #[expect(clippy::expect_used, reason = "only for tests")]
    pub fn new(database: &'a Memory) -> Self {
        let sql = "SELECT COALESCE(MAX(rowid), 0) FROM _events";
        let after = database.connection.borrow().query_one(sql, [], |row| row.get(0));
        Self { database, after: after.expect("the table is there"), tried: RefCell::default() }
    }

    /// Publishes an event.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub fn publish(&self, event: T) -> Result<(), Failed> {
        self.database.admit()?;
        let mut tried = self.tried.borrow_mut();
        let number = i64::try_from(tried.len()).unwrap_or(i64::MAX);
        let sql = "INSERT INTO _events (number) VALUES ($1)";
        run(&self.database.connection.borrow(), sql, &[number.into()])?;
        tried.push(event);
        Ok(())
    }

    /// The events that took place, in order.
    ///
    /// # Panics
    /// While a transaction is open.
    #[expect(clippy::expect_used, reason = "only for tests")]
    pub fn published(&self) -> Vec<T> {
        assert!(!self.database.in_transaction.get(), "the transaction is not over");
        let connection = self.database.connection.borrow();
        let sql = "SELECT number FROM _events WHERE rowid > ?1 ORDER BY rowid";
        let mut numbers = connection.prepare(sql).expect("the table is there");
        let numbers =
            numbers.query_map([self.after], |row| row.get::<_, i64>(0)).expect("it can be read");
        let tried = self.tried.borrow();
        let event = |number: i64| tried.get(usize::try_from(number).ok()?).cloned();
        numbers.filter_map(|number| event(number.expect("it is an integer"))).collect()
    }
}

fn run(connection: &Connection, sql: &str, params: &[Value]) -> Result<u64, Failed> {
    let mut prepared = connection.prepare_cached(sql).map_err(failed)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::commit;

    const TABLE: &str = "CREATE TABLE t (v BIGINT NOT NULL)";
    const INSERT: &str = "INSERT INTO t (v) VALUES (1)";

    fn rows(database: &Memory) -> usize {
        database.query("SELECT v FROM t", &[]).unwrap().rows.len()
    }

    #[test]
    fn what_is_not_committed_never_was_and_its_events_neither() {
        let database = Memory::new(&[TABLE]);
        let events = Recorder::new(&database);
        for commits in [false, true, false] {
            let transaction = database.begin().unwrap();
            transaction.execute(INSERT, &[]).unwrap();
            events.publish(commits).unwrap();
            if commits {
                transaction.commit().unwrap();
            }
        }
        assert_eq!((rows(&database), events.published()), (1, vec![true]));
    }

    #[test]
    fn each_step_of_a_transaction_can_fail_and_then_nothing_was_done() {
        for steps in 0..4 {
            let database = Memory::new(&[TABLE]);
            let events = Recorder::new(&database);
            database.fail_after(steps);
            let attempt = || -> Result<(), Failed> {
                let transaction = database.begin()?;
                transaction.execute(INSERT, &[])?;
                events.publish(())?;
                transaction.commit()
            };
            assert_eq!(attempt(), Err(Failed::Unavailable), "{steps}");
            database.recover();
            assert_eq!((rows(&database), events.published().len()), (0, 0), "{steps}");
            attempt().unwrap();
            assert_eq!((rows(&database), events.published().len()), (1, 1), "{steps}");
        }
    }

    #[test]
    fn what_is_added_is_there_at_the_next_look_and_a_wrong_number_of_rows_undoes_it() {
        let database = Memory::new(&[TABLE]);
        for (expected, committed) in [(1, true), (2, false)] {
            let transaction = database.begin().unwrap();
            transaction.add(INSERT, &[], None).unwrap();
            let seen = transaction.query("SELECT v FROM t", &[]).unwrap().rows.len();
            transaction.add("UPDATE t SET v = 2 WHERE v = 1", &[], Some(expected)).unwrap();
            assert_eq!((seen, commit(transaction)), (1 + usize::from(!committed), Ok(committed)));
        }
        assert_eq!(rows(&database), 1);
    }

    #[test]
    fn a_write_can_return_rows_in_a_transaction() {
        let database = Memory::new(&[TABLE]);
        let transaction = database.begin().unwrap();
        let returned = transaction.query("INSERT INTO t (v) VALUES (7) RETURNING v", &[]).unwrap();
        assert_eq!(returned.rows.len(), 1);
        transaction.commit().unwrap();
        assert_eq!(rows(&database), 1);
    }

    #[test]
    #[should_panic = "a transaction is open"]
    fn using_the_database_beside_an_open_transaction_is_a_mistake() {
        let database = Memory::new(&[TABLE]);
        let _open = database.begin().unwrap();
        let _ = database.execute(INSERT, &[]);
    }
}
