//! The delivery service: drivers, who drives for which order, and where an order is.

mod bindings {
    wit_bindgen::generate!({
        world: "component:delivery/service",
        path: [
            "../../wit/types",
            "../../wit/platform",
            "../../wit/delivery",
            "../../wit/orders",
            "world.wit",
        ],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
    });
}

mod dispatch;
mod drivers;
mod events;
mod kitchen;
mod nearest;
mod route;
#[cfg(test)]
mod testing;
mod tracking;

use bindings::exports::thali::delivery::dispatch::{
    AssignError, Assignment, Guest as Dispatch, ReleaseError,
};
use bindings::exports::thali::delivery::drivers::{
    Driver, DriverInput, Error as DriversError, Filter, Guest as Drivers, Page,
};
use bindings::exports::thali::delivery::tracking::{
    Delivery, Error as TrackingError, Guest as Tracking,
};
use bindings::exports::thali::orders::events::{Contact, Guest as OrdersEvents};
use bindings::thali::orders::ordering::{Driver as OrderDriver, Status as OrderStatus};
use bindings::thali::types::types::{Location, Money};
use events::Live;
use thali_support::sql::Platform;

/// The component: each exported function, on the database and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Dispatch for Service {
    fn assign(
        order_id: String,
        pickup: Location,
        dropoff: Location,
    ) -> Result<Assignment, AssignError> {
        dispatch::assign(&Platform, &Live, &order_id, pickup, dropoff)
    }

    fn release(order_id: String) -> Result<(), ReleaseError> {
        dispatch::release(&Platform, &Live, &order_id)
    }
}

impl Tracking for Service {
    fn get(tracking_id: String) -> Result<Delivery, TrackingError> {
        tracking::get(&Platform, &tracking_id)
    }

    fn pickup(tracking_id: String) -> Result<Delivery, TrackingError> {
        tracking::pickup(&Platform, &Live, &tracking_id)
    }

    fn complete(tracking_id: String) -> Result<Delivery, TrackingError> {
        tracking::complete(&Platform, &Live, &tracking_id)
    }
}

impl Drivers for Service {
    fn list(filter: Filter) -> Result<Page, DriversError> {
        drivers::list(&Platform, filter)
    }

    fn create(driver: DriverInput) -> Result<Driver, DriversError> {
        drivers::create(&Platform, &Live, driver)
    }

    fn set_availability(id: String, available: bool) -> Result<Driver, DriversError> {
        drivers::set_availability(&Platform, &Live, &id, available)
    }

    fn set_location(id: String, location: Location) -> Result<Driver, DriversError> {
        drivers::set_location(&Platform, &Live, &id, location)
    }
}

impl OrdersEvents for Service {
    fn order_placed(_: String, _: String, _: Money, _: Contact) -> Result<(), String> {
        Ok(())
    }

    fn order_status_changed(
        order_id: String,
        status: OrderStatus,
        _: Option<OrderDriver>,
        _: Option<u32>,
        _: Option<String>,
    ) -> Result<(), String> {
        kitchen::order_status_changed(&Platform, &Live, &order_id, status)
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
