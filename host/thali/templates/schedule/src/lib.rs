//! The {{name}} service: what is done by the clock, and when it was.

mod bindings {
    wit_bindgen::generate!({
        world: "component:{{name}}/service",
        path: ["{{wit}}/platform", "{{wit}}/{{name}}", "world.wit"],
        generate_all,
    });

    // What the service offers.
    pub(crate) use self::exports::{{namespace}}::{{module}}::runs;

    // What the clock calls.
    pub(crate) use self::exports::{{namespace}}::{{module}}::upkeep;
}

use std::time::{SystemTime, UNIX_EPOCH};

use bindings::runs::{Error, Guest as Runs, Page, Run};
use bindings::thali::platform::sql::{self, Transaction, Value};
use bindings::upkeep::Guest as Upkeep;

/// Runs that are older are forgotten: a week.
const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// The component.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Upkeep for Service {
    /// Both, or neither: a run that fails has done nothing, and the next one does it.
    fn tick() -> Result<(), String> {
        let now = now_ms();
        let transaction = Transaction::begin().map_err(failed)?;
        let delete = "DELETE FROM runs WHERE at_ms < $1";
        let forgotten =
            transaction.execute(delete, &[Value::Integer(oldest(now))]).map_err(failed)?;
        let forgotten = i64::try_from(forgotten).unwrap_or(i64::MAX);
        let insert = "INSERT INTO runs (at_ms, forgotten) VALUES ($1, $2)";
        let values = [Value::Integer(now), Value::Integer(forgotten)];
        transaction.add(insert, &values, Some(1)).map_err(failed)?;
        Transaction::commit(transaction).map_err(failed)
    }
}

impl Runs for Service {
    fn newest() -> Result<Page, Error> {
        let select = "SELECT at_ms, forgotten FROM runs ORDER BY at_ms DESC LIMIT 20";
        let found = sql::query(select, &[]).map_err(|error| {
            eprintln!("{}", failed(error));
            Error::Unavailable
        })?;
        Ok(Page { items: found.rows.iter().filter_map(|row| run(row)).collect() })
    }
}

fn run(row: &[Value]) -> Option<Run> {
    match row {
        [Value::Integer(at), Value::Integer(forgotten)] => {
            Some(Run { at_ms: at.unsigned_abs(), forgotten: forgotten.unsigned_abs() })
        }
        _ => None,
    }
}

/// When the oldest run was that is kept.
fn oldest(now_ms: i64) -> i64 {
    now_ms.saturating_sub(KEPT_MS)
}

/// Milliseconds since 1970 in UTC.
fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

fn failed(error: sql::Error) -> String {
    format!("the database: {error:?}")
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
    fn runs_of_a_week_are_kept() {
        assert_eq!(oldest(604_800_001), 1);
        assert!(oldest(0) < 0);
    }
}
