//! What this service tells the others.

use thali_support::sql::Failed;

use crate::bindings::thali::payments::events;
use crate::bindings::thali::types::types::Money;

/// Something that happened, as `thali:payments/events` has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    Succeeded { order_id: String, charge_id: String, amount: Money },
    Failed { order_id: String, charge_id: String, reason: String },
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
        let published = match event {
            Event::Succeeded { order_id, charge_id, amount } => {
                events::charge_succeeded(&order_id, &charge_id, &amount)
            }
            Event::Failed { order_id, charge_id, reason } => {
                events::charge_failed(&order_id, &charge_id, &reason)
            }
        };
        published.map_err(|detail| {
            eprintln!("an event was not published: {detail}");
            Failed::Unavailable
        })
    }
}
