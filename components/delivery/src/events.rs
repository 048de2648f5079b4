//! What this service tells the others.

use thali_support::sql::Failed;

use crate::bindings::exports::thali::delivery::dispatch::Driver;
use crate::bindings::thali::delivery::dispatch::Driver as EventDriver;
use crate::bindings::thali::delivery::events;
use crate::bindings::thali::types::types::Location;

/// Something that happened, as `thali:delivery/events` has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    DriverAssigned { order_id: String, tracking_id: String, driver: Driver, eta_minutes: u32 },
    OrderPickedUp { order_id: String, tracking_id: String, eta_minutes: u32 },
    DriverMoved { order_id: String, location: Location, eta_minutes: u32 },
    DeliveryCompleted { order_id: String, tracking_id: String },
    DriverFreed { driver_id: String },
}

/// Who carries events away. In an open transaction an event becomes part of it.
pub(crate) trait Events {
    fn publish(&self, event: Event) -> Result<(), Failed>;
}

/// The host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Events for Live {
    fn publish(&self, event: Event) -> Result<(), Failed> {
        match event {
            Event::DriverAssigned { order_id, tracking_id, driver, eta_minutes } => {
                let driver = EventDriver { id: driver.id, name: driver.name };
                events::driver_assigned(&order_id, &tracking_id, &driver, eta_minutes)
            }
            Event::OrderPickedUp { order_id, tracking_id, eta_minutes } => {
                events::order_picked_up(&order_id, &tracking_id, eta_minutes)
            }
            Event::DriverMoved { order_id, location, eta_minutes } => {
                events::driver_moved(&order_id, location, eta_minutes)
            }
            Event::DeliveryCompleted { order_id, tracking_id } => {
                events::delivery_completed(&order_id, &tracking_id)
            }
            Event::DriverFreed { driver_id } => events::driver_freed(&driver_id),
        }
        .map_err(|detail| {
            eprintln!("an event was not published: {detail}");
            Failed::Unavailable
        })
    }
}
