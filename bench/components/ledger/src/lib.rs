//! Writes one row for each request. `bench/driver/src/raw.rs` writes the same rows with SQLite alone.

#[allow(unsafe_code, reason = "generated from WIT")]
mod bindings {
    wit_bindgen::generate!({
        world: "component:ledger/service",
        path: ["../../../wit/platform", "../../wit/ledger", "world.wit"],
        generate_all,
    });
    use super::Ledger;
    export!(Ledger with_types_in self);
}

use std::hash::{BuildHasher, Hasher, RandomState};

use bindings::exports::bench::ledger::rows::{Error, Guest, Row};
use bindings::thali::platform::sql::{self, Value};

struct Ledger;

impl Guest for Ledger {
    fn add(row: Row) -> Result<i64, Error> {
        // Seeded by the host in every instance.
        let id = RandomState::new().build_hasher().finish().cast_signed();
        let params = [Value::Integer(id), Value::Text(row.note)];
        sql::execute("INSERT INTO entries (id, note) VALUES ($1, $2)", &params)
            .map_err(|error| Error::Unavailable(format!("{error:?}")))?;
        Ok(id)
    }
}
