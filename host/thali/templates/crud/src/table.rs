//! Where things are kept: the service's own database.

use crate::bindings::contract::{Error, Item};
use crate::bindings::thali::platform::sql::{self, Value};

pub(crate) fn insert(item: &Item) -> Result<(), Error> {
    let insert = "INSERT INTO items (id, title, done) VALUES ($1, $2, $3)";
    let values = [text(&item.id), text(&item.title), Value::Boolean(item.done)];
    sql::execute(insert, &values).map(|_| ()).map_err(failed)
}

pub(crate) fn find(id: &str) -> Result<Option<Item>, Error> {
    let select = "SELECT id, title, done FROM items WHERE id = $1";
    Ok(read(select, &[text(id)])?.into_iter().next())
}

/// So many things behind an id.
pub(crate) fn after(id: &str, limit: u32) -> Result<Vec<Item>, Error> {
    let select = "SELECT id, title, done FROM items WHERE id > $1 ORDER BY id LIMIT $2";
    read(select, &[text(id), Value::Integer(limit.into())])
}

/// Whether it was there.
pub(crate) fn update(item: &Item) -> Result<bool, Error> {
    let update = "UPDATE items SET title = $2, done = $3 WHERE id = $1";
    let values = [text(&item.id), text(&item.title), Value::Boolean(item.done)];
    sql::execute(update, &values).map(|rows| rows > 0).map_err(failed)
}

/// Whether it was there.
pub(crate) fn delete(id: &str) -> Result<bool, Error> {
    let delete = "DELETE FROM items WHERE id = $1";
    sql::execute(delete, &[text(id)]).map(|rows| rows > 0).map_err(failed)
}

fn read(select: &str, values: &[Value]) -> Result<Vec<Item>, Error> {
    sql::query(select, values).map_err(failed)?.rows.into_iter().map(item).collect()
}

fn item(row: Vec<Value>) -> Result<Item, Error> {
    let Ok([Value::Text(id), Value::Text(title), done]) = <[Value; 3]>::try_from(row) else {
        eprintln!("a row is not what the migrations say");
        return Err(Error::Unavailable);
    };
    // A database without booleans of its own has 0 and 1.
    Ok(Item { id, title, done: matches!(done, Value::Boolean(true) | Value::Integer(1)) })
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// What a client cannot help is one case. The cause goes to the log: the host keeps what a service
/// writes to its standard error.
fn failed(error: sql::Error) -> Error {
    eprintln!("the database: {error:?}");
    Error::Unavailable
}
