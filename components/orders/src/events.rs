//! What this service tells the others, and whoever follows an order.

use thali_support::sql::Failed;

use crate::bindings::exports::thali::orders::ordering::{Driver, NewOrder, Order, Status};
use crate::bindings::thali::orders::events::{self, Contact};
use crate::bindings::thali::orders::ordering::{Driver as EventDriver, Status as EventStatus};
use crate::bindings::thali::types::types::{Location, Money};

/// Something that happened, as `thali:orders/events` has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    OrderPlaced { order_id: String, restaurant: String, total: Money, contact: Contact },
    OrderStatusChanged(Changed),
    DriverMoved { order_id: String, location: Location, eta_minutes: u32 },
}

/// An order with another status.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Changed {
    pub(crate) order_id: String,
    pub(crate) status: Status,
    pub(crate) driver: Option<Driver>,
    pub(crate) eta_minutes: Option<u32>,
    pub(crate) tracking_id: Option<String>,
}

/// Who carries events away. In an open transaction an event becomes part of it.
pub(crate) trait Events {
    fn publish(&self, event: Event) -> Result<(), Failed>;
}

impl Event {
    /// An order was accepted.
    pub(crate) fn placed(order: &Order, new: &NewOrder) -> Self {
        let contact = Contact {
            name: new.customer.name.clone(),
            phone: new.customer.phone.clone(),
            email: new.customer.email.clone(),
        };
        Self::OrderPlaced {
            order_id: order.id.clone(),
            restaurant: order.restaurant.clone(),
            total: order.total.clone(),
            contact,
        }
    }

    /// An order has another status.
    pub(crate) fn changed(order: &Order) -> Self {
        Self::OrderStatusChanged(Changed {
            order_id: order.id.clone(),
            status: order.status,
            driver: order.driver.clone(),
            eta_minutes: order.eta_minutes,
            tracking_id: order.tracking_id.clone(),
        })
    }

    /// An order was called off.
    pub(crate) fn cancelled(id: &str) -> Self {
        Self::OrderStatusChanged(Changed {
            order_id: id.to_owned(),
            status: Status::Cancelled,
            driver: None,
            eta_minutes: None,
            tracking_id: None,
        })
    }
}

/// The host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Events for Live {
    fn publish(&self, event: Event) -> Result<(), Failed> {
        match event {
            Event::OrderPlaced { order_id, restaurant, total, contact } => {
                events::order_placed(&order_id, &restaurant, &total, &contact)
            }
            Event::OrderStatusChanged(changed) => publish_change(changed),
            Event::DriverMoved { order_id, location, eta_minutes } => {
                events::driver_moved(&order_id, location, eta_minutes)
            }
        }
        .map_err(|detail| {
            eprintln!("an event was not published: {detail}");
            Failed::Unavailable
        })
    }
}

fn publish_change(changed: Changed) -> Result<(), String> {
    let Changed { order_id, status, driver, eta_minutes, tracking_id } = changed;
    let driver = driver.map(|Driver { id, name }| EventDriver { id, name });
    events::order_status_changed(
        &order_id,
        event_status(status),
        driver.as_ref(),
        eta_minutes,
        tracking_id.as_deref(),
    )
}

/// The same status by the name that it has in events.
fn event_status(status: Status) -> EventStatus {
    match status {
        Status::Placed => EventStatus::Placed,
        Status::Confirmed => EventStatus::Confirmed,
        Status::Preparing => EventStatus::Preparing,
        Status::Ready => EventStatus::Ready,
        Status::PickedUp => EventStatus::PickedUp,
        Status::Delivered => EventStatus::Delivered,
        Status::Cancelled => EventStatus::Cancelled,
        Status::Queued => EventStatus::Queued,
    }
}
