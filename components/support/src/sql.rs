//! The service's database: what the host offers, with rows that read themselves.

#[allow(missing_docs, reason = "generated; what it means is said in platform.wit")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/platform",
        inline: "
            package thali:support;
            world support {
                import thali:platform/sql@1.0.0;
            }
        ",
        generate_all,
    });
}

use bindings::thali::platform::sql as host;
pub use bindings::thali::platform::sql::{
    ConstraintKind, ConstraintViolation, Error, Rows, Statement, Value,
};

/// Why the database did not do what was asked.
///
/// What a client cannot help (busy, full, a wrong statement) is one case: the cause is for the log,
/// and was written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// A constraint of this kind would have been violated.
    Constraint(ConstraintKind),
    /// The database cannot be used now.
    Unavailable,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        if let Error::Constraint(violation) = error {
            return Self::Constraint(violation.kind);
        }
        let (what, detail) = match &error {
            Error::Invalid(detail) => ("refused the statement: ", detail.as_str()),
            Error::Unavailable(detail) => ("is unavailable: ", detail.as_str()),
            Error::TooLarge(detail) => ("found it too large: ", detail.as_str()),
            Error::Busy | Error::Constraint(_) => ("is busy", ""),
        };
        eprintln!("database {what}{detail}");
        Self::Unavailable
    }
}

/// What answers queries: a database, or a transaction on it.
pub trait Query {
    /// Runs one statement that returns rows. A database only reads; in a transaction it may be a write
    /// with `RETURNING`.
    fn query(&self, sql: &str, params: &[Value]) -> Result<Rows, Failed>;
}

/// A database. Services take `&dyn Database`, so that their tests bring one of their own.
pub trait Database: Query {
    /// Runs one statement that writes, and answers the number of rows changed.
    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, Failed>;
    /// Runs statements in one transaction, and answers the number of rows each one changed.
    fn batch(&self, statements: &[Statement]) -> Result<Vec<u64>, Failed>;
    /// Begins a transaction. It keeps other writers out, so nothing that takes long belongs into one:
    /// no call to another service above all.
    fn begin(&self) -> Result<Box<dyn Transaction + '_>, Failed>;
}

/// An open transaction. Events that are published meanwhile become part of it. Dropping it undoes
/// everything, so that `?` and `return` leave nothing half done.
///
/// It keeps other writers out from the first statement on that is waited for: [`query`](Query::query) or
/// [`execute`](Self::execute). One that only [adds](Self::add) statements keeps nobody out.
pub trait Transaction: Query {
    /// Adds a statement that writes, whose answer is not waited for: when it fails, or changes another
    /// number of rows than `rows`, the commit fails. See [`commit`].
    fn add(&self, sql: &str, params: &[Value], rows: Option<u64>) -> Result<(), Failed>;
    /// Runs one statement that writes, and answers the number of rows changed.
    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, Failed>;
    /// Makes it durable.
    fn commit(self: Box<Self>) -> Result<(), Failed>;
}

/// The database that the host keeps for this service.
#[derive(Clone, Copy, Debug)]
pub struct Platform;

impl Query for Platform {
    fn query(&self, sql: &str, params: &[Value]) -> Result<Rows, Failed> {
        Ok(host::query(sql, params)?)
    }
}

impl Database for Platform {
    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, Failed> {
        Ok(host::execute(sql, params)?)
    }

    fn batch(&self, statements: &[Statement]) -> Result<Vec<u64>, Failed> {
        Ok(host::batch(statements)?)
    }

    fn begin(&self) -> Result<Box<dyn Transaction + '_>, Failed> {
        Ok(Box::new(Open(host::Transaction::begin()?)))
    }
}

/// A transaction of the host's.
struct Open(host::Transaction);

impl Query for Open {
    fn query(&self, sql: &str, params: &[Value]) -> Result<Rows, Failed> {
        Ok(self.0.query(sql, params)?)
    }
}

impl Transaction for Open {
    fn add(&self, sql: &str, params: &[Value], rows: Option<u64>) -> Result<(), Failed> {
        Ok(self.0.add(sql, params, rows)?)
    }

    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, Failed> {
        Ok(self.0.execute(sql, params)?)
    }

    fn commit(self: Box<Self>) -> Result<(), Failed> {
        Ok(host::Transaction::commit(self.0)?)
    }
}

/// Commits, and answers whether every statement changed as many rows as it was added with. If not,
/// nothing was done.
pub fn commit(transaction: Box<dyn Transaction + '_>) -> Result<bool, Failed> {
    match transaction.commit() {
        Ok(()) => Ok(true),
        Err(Failed::Constraint(ConstraintKind::Other)) => Ok(false),
        Err(failed) => Err(failed),
    }
}

/// One statement of a batch.
pub fn statement(sql: &str, params: Vec<Value>) -> Statement {
    Statement { sql: sql.to_owned(), params }
}

/// Reads every row of a query.
pub fn read<T>(
    database: &dyn Query,
    sql: &str,
    params: &[Value],
    mut row: impl FnMut(&mut Row) -> Result<T, Failed>,
) -> Result<Vec<T>, Failed> {
    let rows = database.query(sql, params)?.rows;
    rows.into_iter().map(|values| row(&mut Row(values.into_iter()))).collect()
}

/// Reads the first row of a query.
pub fn read_one<T>(
    database: &dyn Query,
    sql: &str,
    params: &[Value],
    row: impl FnMut(&mut Row) -> Result<T, Failed>,
) -> Result<Option<T>, Failed> {
    Ok(read(database, sql, params, row)?.into_iter().next())
}

/// Whether a query answers any row.
pub fn exists(database: &dyn Query, sql: &str, params: &[Value]) -> Result<bool, Failed> {
    Ok(!database.query(sql, params)?.rows.is_empty())
}

/// `($1, $2)`: the parameters of a list of so many, for `IN`.
pub fn list(count: usize) -> String {
    let names: Vec<String> = (1..=count).map(|n| ["$", &n.to_string()].concat()).collect();
    ["(", &names.join(", "), ")"].concat()
}

/// A row, read column by column from the left.
#[derive(Debug)]
pub struct Row(std::vec::IntoIter<Value>);

impl Row {
    fn next(&mut self) -> Value {
        self.0.next().unwrap_or(Value::Null)
    }

    /// The next column, a text.
    pub fn text(&mut self) -> Result<String, Failed> {
        self.optional_text()?.ok_or_else(unexpected)
    }

    /// The next column, a text or nothing.
    pub fn optional_text(&mut self) -> Result<Option<String>, Failed> {
        match self.next() {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            _ => Err(unexpected()),
        }
    }

    /// The next column, an integer.
    pub fn integer<T: TryFrom<i64>>(&mut self) -> Result<T, Failed> {
        self.optional_integer()?.ok_or_else(unexpected)
    }

    /// The next column, an integer or nothing.
    pub fn optional_integer<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, Failed> {
        match self.next() {
            Value::Integer(integer) => integer.try_into().map(Some).map_err(|_| unexpected()),
            Value::Null => Ok(None),
            _ => Err(unexpected()),
        }
    }

    /// The next column, a number.
    #[expect(clippy::cast_precision_loss, reason = "a database may keep 52.0 as 52")]
    pub fn real(&mut self) -> Result<f64, Failed> {
        match self.next() {
            Value::Real(real) => Ok(real),
            Value::Integer(integer) => Ok(integer as f64),
            _ => Err(unexpected()),
        }
    }

    /// The next column, a truth value. SQLite keeps them as integers.
    pub fn flag(&mut self) -> Result<bool, Failed> {
        match self.next() {
            Value::Boolean(flag) => Ok(flag),
            Value::Integer(integer) => Ok(integer != 0),
            _ => Err(unexpected()),
        }
    }
}

/// A column that does not hold what the service's own statements put there.
fn unexpected() -> Failed {
    eprintln!("database answered a column of another type than the service wrote");
    Failed::Unavailable
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::from)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<u32> for Value {
    fn from(integer: u32) -> Self {
        Self::Integer(integer.into())
    }
}

impl From<Option<u32>> for Value {
    fn from(number: Option<u32>) -> Self {
        number.map_or(Self::Null, Self::from)
    }
}

impl From<f64> for Value {
    fn from(real: f64) -> Self {
        Self::Real(real)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Boolean(flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_name_for_each_parameter() {
        assert_eq!(list(1), "($1)");
        assert_eq!(list(3), "($1, $2, $3)");
    }
}
