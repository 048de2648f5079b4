//! Where notes are kept: the service's own database.

use crate::bindings::contract::{Error, Note};
use crate::bindings::events;
use crate::bindings::thali::platform::sql::{self, Transaction, Value};

/// Keeps notes. The tests bring one in memory.
pub(crate) trait Shelf {
    /// Keeps a note and announces it: both, or neither.
    fn keep(&self, note: &Note) -> Result<(), Error>;
    /// The note with this id.
    fn find(&self, id: &str) -> Result<Option<Note>, Error>;
    /// So many notes, the newest first.
    fn newest(&self, limit: u32) -> Result<Vec<Note>, Error>;
}

/// The database that the host keeps for this service.
pub(crate) struct Database;

impl Shelf for Database {
    fn keep(&self, note: &Note) -> Result<(), Error> {
        let added_ms = i64::try_from(note.added_ms).unwrap_or(i64::MAX);
        let insert = "INSERT INTO notes (id, text, added_ms) VALUES ($1, $2, $3)";
        let values = [text(&note.id), text(&note.text), Value::Integer(added_ms)];
        let transaction = Transaction::begin().map_err(failed)?;
        transaction.add(insert, &values, Some(1)).map_err(failed)?;
        // What is published while a transaction is open commits with it.
        events::note_added(&note.id, &note.text).map_err(not_published)?;
        Transaction::commit(transaction).map_err(failed)
    }

    fn find(&self, id: &str) -> Result<Option<Note>, Error> {
        let select = "SELECT id, text, added_ms FROM notes WHERE id = $1";
        Ok(read(select, &[text(id)])?.into_iter().next())
    }

    fn newest(&self, limit: u32) -> Result<Vec<Note>, Error> {
        let select = "SELECT id, text, added_ms FROM notes ORDER BY added_ms DESC, id LIMIT $1";
        read(select, &[Value::Integer(limit.into())])
    }
}

fn read(select: &str, values: &[Value]) -> Result<Vec<Note>, Error> {
    sql::query(select, values).map_err(failed)?.rows.into_iter().map(note).collect()
}

fn note(row: Vec<Value>) -> Result<Note, Error> {
    let Ok([Value::Text(id), Value::Text(text), Value::Integer(added_ms)]) =
        <[Value; 3]>::try_from(row)
    else {
        eprintln!("a row is not what the migrations say");
        return Err(Error::Unavailable);
    };
    Ok(Note { id, text, added_ms: added_ms.unsigned_abs() })
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

fn not_published(detail: String) -> Error {
    eprintln!("the event was not published: {detail}");
    Error::Unavailable
}
