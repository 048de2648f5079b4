//! The notifications service: text messages and email to customers.

mod bindings {
    wit_bindgen::generate!({
        world: "component:notifications/service",
        path: ["../../wit/platform", "../../wit/notifications", "world.wit"],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
    });
}

mod history;
mod notifying;
mod provider;

use bindings::exports::thali::notifications::history::{
    Error as HistoryError, Filter, Guest as History, Notification, Page,
};
use bindings::exports::thali::notifications::notifying::{
    Error, Guest as Notifying, Message, Receipt,
};
use thali_support::clock::now_ms;
use thali_support::sql::Platform;

/// The component: each exported function, on the database and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Notifying for Service {
    fn notify(message: Message) -> Result<Receipt, Error> {
        notifying::notify(&Platform, message, now_ms())
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

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
