//! The {{name}} service: short texts that are kept, found again and told about.

mod bindings {
    wit_bindgen::generate!({
        world: "component:{{name}}/service",
        path: ["{{wit}}/platform", "{{wit}}/{{name}}", "world.wit"],
        generate_all,
        additional_derives: [PartialEq],
    });

    // What the service offers.
    pub(crate) use self::exports::{{namespace}}::{{module}}::notes as contract;

    // What it announces.
    pub(crate) use self::{{namespace}}::{{module}}::events;
}

mod notes;
mod shelf;

use std::time::{SystemTime, UNIX_EPOCH};

use bindings::contract::{Error, Guest, NewNote, Note, Page};
use shelf::Database;

/// The component: each exported function, on the database and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Guest for Service {
    fn add(note: NewNote) -> Result<Note, Error> {
        notes::add(&Database, &note.text, now_ms())
    }

    fn get(id: String) -> Result<Note, Error> {
        notes::get(&Database, &id)
    }

    fn newest(limit: Option<u32>) -> Result<Page, Error> {
        notes::newest(&Database, limit)
    }
}

/// Milliseconds since 1970 in UTC.
fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
