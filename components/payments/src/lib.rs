//! The payments service: charges, each made exactly once.

mod bindings {
    wit_bindgen::generate!({
        world: "component:payments/service",
        path: [
            "../../wit/types",
            "../../wit/platform",
            "../../wit/orders",
            "../../wit/payments",
            "world.wit",
        ],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
        additional_derives_ignore: ["lookup"],
    });
}

mod card;
mod cards;
mod charging;
mod desk;
mod events;
mod http;
mod patience;
mod provider;
mod store;
#[cfg(test)]
mod testing;
mod upkeep;

use bindings::exports::thali::orders::events::{Contact, Guest as OrdersEvents};
use bindings::exports::thali::payments::charging::{Charge, Error, Guest as Charging, NewCharge};
use bindings::exports::thali::payments::upkeep::Guest as Upkeep;
use bindings::thali::orders::ordering::{Driver, Status};
use bindings::thali::types::types::{Location, Money};
use desk::Desk;
use thali_support::clock::now_ms;
use thali_support::sql::{Failed, Platform};

/// The component: each exported function, on the database and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

fn desk(provider: &provider::Live) -> Desk<'_> {
    Desk {
        database: &Platform,
        events: &events::Live,
        provider,
        cards: &cards::Live,
        now_ms: now_ms(),
    }
}

/// Why an event or a schedule wants to come again.
fn not_now(_: Failed) -> String {
    "the database is unavailable".to_owned()
}

impl Charging for Service {
    fn create(charge: NewCharge) -> Result<Charge, Error> {
        charging::charge(desk(&provider::Live::configured()), charge)
    }

    fn get(id: String) -> Result<Charge, Error> {
        charging::get(&Platform, &id)
    }

    fn find(order_id: String) -> Result<Charge, Error> {
        charging::find(&Platform, &order_id)
    }

    fn refund(id: String) -> Result<Charge, Error> {
        charging::refund(desk(&provider::Live::configured()), &id)
    }
}

impl Upkeep for Service {
    fn charge_queued() -> Result<(), String> {
        upkeep::charge_queued(desk(&provider::Live::configured())).map_err(not_now)
    }
}

impl OrdersEvents for Service {
    fn order_placed(_: String, _: String, _: Money, _: Contact) -> Result<(), String> {
        Ok(())
    }

    fn order_status_changed(
        order_id: String,
        status: Status,
        _: Option<Driver>,
        _: Option<u32>,
        _: Option<String>,
    ) -> Result<(), String> {
        match status {
            Status::Cancelled => {
                charging::called_off(desk(&provider::Live::configured()), &order_id)
                    .map_err(not_now)
            }
            _ => Ok(()),
        }
    }

    fn driver_moved(_: String, _: Location, _: u32) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
