//! What this service tells the others.

use thali_support::sql::Failed;

use crate::bindings::thali::shop::events::{self, Bought};

/// Somebody has bought something.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Completed {
    pub(crate) order_id: String,
    pub(crate) user: String,
    pub(crate) lines: Vec<Bought>,
}

/// Who carries events away. In an open transaction an event becomes part of it.
pub(crate) trait Events {
    fn publish(&self, event: Completed) -> Result<(), Failed>;
}

/// The host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Events for Live {
    fn publish(&self, event: Completed) -> Result<(), Failed> {
        let Completed { order_id, user, lines } = event;
        events::purchase_completed(&order_id, &user, &lines).map_err(|detail| {
            eprintln!("an event was not published: {detail}");
            Failed::Unavailable
        })
    }
}
