//! Publishes numbers: each by itself, many in one transaction, or in one that is rolled back.

#[allow(unsafe_code, reason = "generated from WIT")]
mod bindings {
    wit_bindgen::generate!({
        world: "bench:announcer/announcer",
        path: ["../../../wit/platform", "../../wit/announcer"],
        generate_all,
    });
    use super::Announcer;
    export!(Announcer with_types_in self);
}

use std::time::{SystemTime, UNIX_EPOCH};

use bindings::bench::announcer::events;
use bindings::exports::bench::announcer::announcing::Guest;
use bindings::thali::platform::sql::{self, Transaction};

struct Announcer;

impl Guest for Announcer {
    fn announce(key: String, first: u32, count: u32) -> Result<(), String> {
        (first..first.saturating_add(count)).try_for_each(|number| announced(&key, number))
    }

    fn announce_together(keys: u32, first: u32, count: u32) -> Result<(), String> {
        let transaction = Transaction::begin().map_err(told)?;
        for number in first..first.saturating_add(count) {
            announced(&format!("k{}", number % keys.max(1)), number)?;
        }
        Transaction::commit(transaction).map_err(told)
    }

    fn change_mind(key: String, number: u32) -> Result<(), String> {
        let transaction = Transaction::begin().map_err(told)?;
        announced(&key, number)?;
        drop(transaction);
        Ok(())
    }
}

fn announced(key: &str, number: u32) -> Result<(), String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    events::announced(key, number, u64::try_from(now.as_micros()).unwrap_or(u64::MAX))
}

fn told(error: sql::Error) -> String {
    format!("{error:?}")
}
