//! The {{name}} service: which words are written in notes, and how often.

mod bindings {
    wit_bindgen::generate!({
        world: "component:{{name}}/service",
        path: ["{{wit}}/platform", "{{wit}}/notes", "{{wit}}/{{name}}", "world.wit"],
        generate_all,
    });

    // What the service offers.
    pub(crate) use self::exports::{{namespace}}::{{module}}::counting as contract;

    // What it hears.
    pub(crate) use self::exports::{{namespace}}::notes::events;
}

use bindings::contract::{Count, Error, Guest};
use bindings::events::Guest as Notes;
use bindings::thali::platform::context;
use bindings::thali::platform::sql::{self, Statement, Value};

/// The component.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Guest for Service {
    fn times(word: String) -> Result<Count, Error> {
        let select = "SELECT times FROM words WHERE word = $1";
        let found = sql::query(select, &[Value::Text(word.clone())]).map_err(|error| {
            eprintln!("the database: {error:?}");
            Error::Unavailable
        })?;
        match found.rows.first().map(Vec::as_slice) {
            Some([Value::Integer(times)]) => Ok(Count { word, times: times.unsigned_abs() }),
            _ => Err(Error::NotFound),
        }
    }
}

impl Notes for Service {
    /// Counts the words of a note, all of them or none. An error is tried again later.
    fn note_added(_id: String, text: String) -> Result<(), String> {
        let delivery = context::current_delivery().ok_or("this is no event")?.id;
        let mut statements = vec![statement("INSERT INTO deliveries (id) VALUES ($1)", delivery)];
        statements.extend(words(&text).map(|word| statement(COUNT, word)));
        match sql::batch(&statements) {
            // The delivery is there: the words of this note are counted.
            Ok(_) | Err(sql::Error::Constraint(_)) => Ok(()),
            Err(error) => Err(format!("the database: {error:?}")),
        }
    }
}

const COUNT: &str = "INSERT INTO words (word, times) VALUES ($1, 1)
    ON CONFLICT (word) DO UPDATE SET times = words.times + 1";

fn statement(sql: &str, text: String) -> Statement {
    Statement { sql: sql.to_owned(), params: vec![Value::Text(text)] }
}

/// The words of a text.
fn words(text: &str) -> impl Iterator<Item = String> {
    let between = |c: char| !c.is_alphanumeric();
    text.split(between).filter(|word| !word.is_empty()).map(str::to_owned)
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_is_between_spaces_and_signs() {
        let found: Vec<_> = words("Milk, bread\n(and 2 eggs)!").collect();
        assert_eq!(found, ["Milk", "bread", "and", "2", "eggs"]);
    }
}
