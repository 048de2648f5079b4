//! The notifications service: text messages and email to customers.

mod bindings {
    wit_bindgen::generate!({
        world: "component:notifications/service",
        path: [
            "../../wit/types",
            "../../wit/platform",
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

mod desk;
mod events;
mod history;
mod notifying;
mod outbox;
mod providers;
mod telling;
#[cfg(test)]
mod testing;
mod upkeep;

use bindings::exports::thali::delivery::events::Guest as DeliveryEvents;
use bindings::exports::thali::notifications::events::Guest as OwnEvents;
use bindings::exports::thali::notifications::history::{
    Error as HistoryError, Filter, Guest as History, Notification, Page,
};
use bindings::exports::thali::notifications::notifying::{
    Error, Guest as Notifying, Message, Receipt,
};
use bindings::exports::thali::notifications::upkeep::Guest as Upkeep;
use bindings::exports::thali::orders::events::{Contact, Guest as OrdersEvents};
use bindings::thali::delivery::dispatch::Driver as DeliveryDriver;
use bindings::thali::orders::ordering::{Driver, Status};
use bindings::thali::platform::context;
use bindings::thali::types::types::{Location, Money};
use desk::Desk;
use outbox::Attempt;
use telling::{Delivery, News};
use thali_support::clock::now_ms;
use thali_support::sql::Platform;

/// The component: each exported function, on the database and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

fn desk() -> Desk<'static> {
    Desk {
        database: &Platform,
        events: &events::Live,
        providers: &providers::Live,
        now_ms: now_ms(),
    }
}

/// The delivery of the event that is handled.
fn delivery() -> Option<Delivery> {
    let context::Delivery { id, attempt: number, attempts_max: max, .. } =
        context::current_delivery()?;
    Some(Delivery { id, attempt: Attempt { number, max } })
}

fn tell(order_id: &str, news: &News) -> Result<(), String> {
    telling::tell(desk(), order_id, news, delivery().as_ref())
}

impl Notifying for Service {
    fn notify(message: Message) -> Result<Receipt, Error> {
        notifying::notify(desk(), message)
    }
}

impl History for Service {
    fn list(filter: Filter) -> Result<Page, HistoryError> {
        history::list(&Platform, filter)
    }

    fn get(id: String) -> Result<Notification, HistoryError> {
        history::get(&Platform, &id)
    }
}

impl Upkeep for Service {
    fn tidy() -> Result<(), String> {
        upkeep::tidy(&Platform, now_ms()).map_err(|_| outbox::unavailable())
    }
}

impl OwnEvents for Service {
    fn message_queued(id: String) -> Result<(), String> {
        outbox::send(desk(), &id, delivery().map(|delivery| delivery.attempt))
    }
}

impl OrdersEvents for Service {
    fn order_placed(
        order_id: String,
        restaurant: String,
        _: Money,
        contact: Contact,
    ) -> Result<(), String> {
        telling::order_placed(desk(), &order_id, &restaurant, &contact)
            .map_err(|_| outbox::unavailable())
    }

    fn order_status_changed(
        order_id: String,
        status: Status,
        driver: Option<Driver>,
        eta_minutes: Option<u32>,
        _: Option<String>,
    ) -> Result<(), String> {
        let news = match (status, driver, eta_minutes) {
            (Status::Confirmed, Some(driver), Some(eta_minutes)) => {
                News::Confirmed { driver: driver.name, eta_minutes }
            }
            (Status::Queued, ..) => News::Queued,
            (Status::Cancelled, ..) => News::Cancelled,
            _ => return Ok(()),
        };
        tell(&order_id, &news)
    }

    fn driver_moved(_: String, _: Location, _: u32) -> Result<(), String> {
        Ok(())
    }
}

impl DeliveryEvents for Service {
    fn driver_assigned(_: String, _: String, _: DeliveryDriver, _: u32) -> Result<(), String> {
        Ok(())
    }

    fn order_picked_up(order_id: String, _: String, eta_minutes: u32) -> Result<(), String> {
        tell(&order_id, &News::PickedUp { eta_minutes })
    }

    fn driver_moved(_: String, _: Location, _: u32) -> Result<(), String> {
        Ok(())
    }

    fn delivery_completed(order_id: String, _: String) -> Result<(), String> {
        tell(&order_id, &News::Delivered)
    }

    fn driver_freed(_: String) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
