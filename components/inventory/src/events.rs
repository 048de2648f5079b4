//! What this service tells the others.

use thali_support::sql::Failed;

use crate::bindings::exports::thali::inventory::stock::Level;
use crate::bindings::thali::inventory::events;

/// Something that happened, as `thali:inventory/events` has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    StockChanged(Level),
    StockLow { product_id: String, available: u32, threshold: u32 },
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
            Event::StockChanged(Level { product_id, stock, reserved, available }) => {
                events::stock_changed(&product_id, stock, reserved, available)
            }
            Event::StockLow { product_id, available, threshold } => {
                events::stock_low(&product_id, available, threshold)
            }
        };
        published.map_err(|detail| {
            eprintln!("an event was not published: {detail}");
            Failed::Unavailable
        })
    }
}
