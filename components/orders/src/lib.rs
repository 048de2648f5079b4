//! The orders service: placing food orders and following them.

mod bindings {
    wit_bindgen::generate!({
        world: "component:orders/service",
        path: [
            "../../wit/types",
            "../../wit/platform",
            "../../wit/restaurants",
            "../../wit/delivery",
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

mod caller;
mod cards;
mod deliveries;
mod desk;
mod events;
mod input;
mod kitchen;
mod neighbours;
mod ordering;
mod paying;
mod placing;
mod settling;
mod status;
mod store;
#[cfg(test)]
mod testing;
mod waiting;

use bindings::exports::thali::delivery::events::Guest as DeliveryEvents;
use bindings::exports::thali::orders::ordering::{
    Error, Filter, Guest as Ordering, KitchenPage, NewOrder, Order, Page, Status,
};
use bindings::exports::thali::orders::upkeep::Guest as Upkeep;
use bindings::thali::delivery::dispatch::{Assignment, Driver};
use bindings::thali::platform::context;
use bindings::thali::types::types::Location;
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
        caller: &caller::Live,
        now_ms: now_ms(),
    }
}

/// Why an event or a schedule wants to come again.
fn not_now(_: Failed) -> String {
    "the database or delivery is unavailable".to_owned()
}

impl Ordering for Service {
    fn place(order: NewOrder) -> Result<Order, Error> {
        placing::place(desk(), order, context::idempotency_id().as_deref())
    }

    fn get(id: String) -> Result<Order, Error> {
        ordering::show(desk(), &id)
    }

    fn mine(limit: Option<u32>, cursor: Option<String>) -> Result<Page, Error> {
        ordering::mine(desk(), limit, cursor.as_deref())
    }

    fn kitchen(filter: Filter) -> Result<KitchenPage, Error> {
        kitchen::orders(&Platform, filter)
    }

    fn cancel(id: String) -> Result<Order, Error> {
        ordering::cancel(desk(), &id)
    }

    fn set_status(id: String, status: Status) -> Result<Order, Error> {
        ordering::set_status(desk(), &id, status)
    }
}

impl Upkeep for Service {
    fn assign_queued() -> Result<(), String> {
        waiting::upkeep(desk()).map_err(not_now)
    }
}

impl DeliveryEvents for Service {
    fn driver_assigned(
        order_id: String,
        tracking_id: String,
        driver: Driver,
        eta_minutes: u32,
    ) -> Result<(), String> {
        let assignment = Assignment { tracking_id, driver, eta_minutes };
        deliveries::driver_assigned(desk(), &order_id, &assignment).map_err(not_now)
    }

    fn order_picked_up(
        order_id: String,
        tracking_id: String,
        eta_minutes: u32,
    ) -> Result<(), String> {
        deliveries::followed(desk(), &order_id, Status::PickedUp, &tracking_id, eta_minutes)
            .map_err(not_now)
    }

    fn driver_moved(order_id: String, location: Location, eta_minutes: u32) -> Result<(), String> {
        let delivery = context::current_delivery().map(|delivery| delivery.id);
        deliveries::driver_moved(desk(), &order_id, location, eta_minutes, delivery.as_deref())
            .map_err(not_now)
    }

    fn delivery_completed(order_id: String, tracking_id: String) -> Result<(), String> {
        deliveries::followed(desk(), &order_id, Status::Delivered, &tracking_id, 0).map_err(not_now)
    }

    fn driver_freed(_: String) -> Result<(), String> {
        waiting::driver_freed(desk()).map_err(not_now)
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
