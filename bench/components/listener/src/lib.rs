//! Keeps what the announcer publishes, and can be told to fail.

#[allow(unsafe_code, reason = "generated from WIT")]
mod bindings {
    wit_bindgen::generate!({
        world: "bench:announcer/listener",
        path: ["../../../wit/platform", "../../wit/announcer"],
        generate_all,
    });
    use super::Listener;
    export!(Listener with_types_in self);
}

use std::time::{SystemTime, UNIX_EPOCH};

use bindings::exports::bench::announcer::{events, hearing};
use bindings::thali::platform::context::current_delivery;
use bindings::thali::platform::sql::{self, Value};
use hearing::{Heard, Report};

/// Keys that begin so may be refused.
const FRAGILE: &str = "fragile";

const COUNT: &str = "SELECT count(*) FROM heard";

struct Listener;

impl events::Guest for Listener {
    fn announced(key: String, number: u32, at_us: u64) -> Result<(), String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        if key.starts_with(FRAGILE) {
            refusal()?;
        }
        let delivery = current_delivery().ok_or("this is no delivery")?;
        let late = now.saturating_sub_unsigned(at_us);
        let insert = "INSERT INTO heard (delivery, attempt, key, number, late_us, came_us) \
                      VALUES ($1, $2, $3, $4, $5, $6)";
        let params = [
            Value::Text(delivery.id),
            Value::Integer(delivery.attempt.into()),
            Value::Text(key),
            Value::Integer(number.into()),
            Value::Integer(late),
            Value::Integer(now),
        ];
        sql::execute(insert, &params).map(drop).map_err(told)
    }
}

impl hearing::Guest for Listener {
    fn by_key(key: String) -> Result<Vec<Heard>, String> {
        let select = "SELECT number, attempt, delivery FROM heard WHERE key = $1 ORDER BY came_us";
        let rows = query(select, &[Value::Text(key)])?;
        rows.into_iter().map(heard).collect()
    }

    fn count() -> Result<u64, String> {
        number(COUNT)
    }

    fn tell() -> Result<Report, String> {
        let count = number(COUNT)?;
        let late = |share: u64| {
            let place = count * share / 100;
            number(&format!("SELECT late_us FROM heard ORDER BY late_us LIMIT 1 OFFSET {place}"))
        };
        Ok(Report { count, p50_us: late(50)?, p99_us: late(99)? })
    }

    fn refuse(reason: Option<String>) -> Result<(), String> {
        sql::execute("DELETE FROM refusing", &[]).map_err(told)?;
        if let Some(reason) = reason {
            let insert = "INSERT INTO refusing (reason) VALUES ($1)";
            sql::execute(insert, &[Value::Text(reason)]).map_err(told)?;
        }
        Ok(())
    }
}

/// Fails when this service was told to.
fn refusal() -> Result<(), String> {
    match query("SELECT reason FROM refusing", &[])?.pop().and_then(|mut row| row.pop()) {
        Some(Value::Text(reason)) => Err(reason),
        _ => Ok(()),
    }
}

fn heard(row: Vec<Value>) -> Result<Heard, String> {
    let mut row = row.into_iter();
    match (row.next(), row.next(), row.next()) {
        (
            Some(Value::Integer(number)),
            Some(Value::Integer(attempt)),
            Some(Value::Text(delivery)),
        ) => {
            let small = |value| u32::try_from(value).unwrap_or(u32::MAX);
            Ok(Heard { number: small(number), delivery, attempt: small(attempt) })
        }
        other => Err(format!("{other:?}")),
    }
}

fn query(text: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, String> {
    sql::query(text, params).map(|rows| rows.rows).map_err(told)
}

/// The one number of an answer; 0 when there is none.
fn number(text: &str) -> Result<u64, String> {
    match query(text, &[])?.pop().and_then(|mut row| row.pop()) {
        Some(Value::Integer(number)) => Ok(u64::try_from(number).unwrap_or(0)),
        _ => Ok(0),
    }
}

fn told(error: sql::Error) -> String {
    format!("{error:?}")
}
