//! The orders service: placing food orders and following them.

mod bindings {
    wit_bindgen::generate!({
        world: "component:orders/service",
        path: [
            "../../wit/types",
            "../../wit/platform",
            "../../wit/restaurants",
            "../../wit/delivery",
            "../../wit/notifications",
            "../../wit/orders",
            "world.wit",
        ],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
    });
}

mod input;
mod messages;
mod neighbours;
mod ordering;
mod placing;
mod status;
mod store;
#[cfg(test)]
mod testing;

use bindings::exports::thali::orders::ordering::{Error, Guest, NewOrder, Order, Status};
use neighbours::Live;
use thali_support::clock::now_ms;
use thali_support::sql::Platform;

/// The component: each exported function, on the database and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Guest for Service {
    fn place(order: NewOrder) -> Result<Order, Error> {
        placing::place(&Platform, &Live, order, now_ms())
    }

    fn get(id: String) -> Result<Order, Error> {
        ordering::get(&Platform, &id)
    }

    fn cancel(id: String) -> Result<Order, Error> {
        ordering::cancel(&Platform, &Live, &id)
    }

    fn set_status(id: String, status: Status) -> Result<Order, Error> {
        ordering::set_status(&Platform, &id, status)
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
