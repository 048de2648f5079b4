//! The inventory service: how much there is of each product, and what is set aside for whom.

mod bindings {
    wit_bindgen::generate!({
        world: "component:inventory/service",
        path: ["../../wit/platform", "../../wit/inventory", "world.wit"],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
    });
}

mod desk;
mod ending;
mod events;
mod levels;
mod reserving;
mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod upkeep;

use bindings::exports::thali::inventory::reservations::{
    Error as EndError, Guest as Reservations, Line, Reservation, ReserveError,
};
use bindings::exports::thali::inventory::stock::{Error, Guest as Stock, Level};
use bindings::exports::thali::inventory::upkeep::Guest as Upkeep;
use bindings::thali::platform::config;
use desk::Desk;
use thali_support::clock::now_ms;
use thali_support::sql::{Failed, Platform};

/// The component: each exported function, on the database and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

fn desk() -> Desk<'static> {
    let low = config::get("low-stock-threshold").and_then(|text| text.parse().ok());
    Desk { database: &Platform, events: &events::Live, now_ms: now_ms(), low: low.unwrap_or(0) }
}

/// Why a schedule failed.
fn not_now(_: Failed) -> String {
    "the database is unavailable".to_owned()
}

impl Stock for Service {
    fn get(product_id: String) -> Result<Level, Error> {
        levels::get(&Platform, &product_id)
    }

    fn get_many(product_ids: Vec<String>) -> Result<Vec<Level>, Error> {
        levels::get_many(&Platform, product_ids)
    }

    fn set(product_id: String, stock: u32) -> Result<Level, Error> {
        levels::set(desk(), &product_id, stock)
    }
}

impl Reservations for Service {
    fn reserve(
        key: String,
        lines: Vec<Line>,
        ttl_seconds: u32,
    ) -> Result<Reservation, ReserveError> {
        reserving::reserve(desk(), &key, lines, ttl_seconds)
    }

    fn get(key: String) -> Result<Reservation, EndError> {
        ending::get(desk(), &key)
    }

    fn confirm(key: String) -> Result<Reservation, EndError> {
        ending::confirm(desk(), &key)
    }

    fn extend(key: String, ttl_seconds: u32) -> Result<Reservation, EndError> {
        ending::extend(desk(), &key, ttl_seconds)
    }

    fn release(key: String) -> Result<(), EndError> {
        ending::release(desk(), &key)
    }
}

impl Upkeep for Service {
    fn return_expired() -> Result<(), String> {
        upkeep::return_expired(desk()).map_err(not_now)
    }

    fn tidy() -> Result<(), String> {
        upkeep::tidy(desk()).map_err(not_now)
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
