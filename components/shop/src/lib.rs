//! The shop service: buying what the catalogue has.

mod bindings {
    wit_bindgen::generate!({
        world: "component:shop/service",
        path: [
            "../../wit/types",
            "../../wit/platform",
            "../../wit/pricing",
            "../../wit/inventory",
            "../../wit/payments",
            "../../wit/shop",
            "world.wit",
        ],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
        additional_derives_ignore: ["lookup"],
    });
}

mod cards;
#[cfg(test)]
mod crashes;
mod desk;
mod events;
mod neighbours;
mod paying;
mod placing;
mod purchase;
mod reading;
mod saga;
mod store;
#[cfg(test)]
mod testing;
mod upkeep;

use bindings::exports::thali::shop::shopping::{Error, Guest as Shopping, NewOrder, Order, Page};
use bindings::exports::thali::shop::upkeep::Guest as Upkeep;
use bindings::thali::platform::context;
use desk::Desk;
use thali_support::clock::now_ms;
use thali_support::sql::{Failed, Platform};

/// The component: each exported function, on the database and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

fn desk() -> Desk<'static> {
    Desk {
        database: &Platform,
        events: &events::Live,
        neighbours: &neighbours::Live,
        cards: &cards::Live,
        now_ms: now_ms(),
    }
}

/// Who asks. The host lets nobody in who is not signed in; a call from another service may come from nobody, who
/// has bought nothing.
fn caller() -> Result<String, Error> {
    context::current_principal().map(|principal| principal.subject).ok_or(Error::NotFound)
}

/// Why the schedule wants to come again.
fn not_now(_: Failed) -> String {
    "the database is unavailable".to_owned()
}

impl Shopping for Service {
    fn place(order: NewOrder) -> Result<Order, Error> {
        placing::place(desk(), &caller()?, order, context::idempotency_id().as_deref())
    }

    fn get(id: String) -> Result<Order, Error> {
        reading::get(&Platform, &caller()?, &id)
    }

    fn mine(limit: Option<u32>, cursor: Option<String>) -> Result<Page, Error> {
        reading::mine(&Platform, &caller()?, limit, cursor.as_deref())
    }
}

impl Upkeep for Service {
    fn go_on() -> Result<(), String> {
        upkeep::go_on(desk()).map_err(not_now)
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
