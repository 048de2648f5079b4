//! What this service tells itself.

use thali_support::sql::Failed;

use crate::bindings::thali::notifications::events;

/// Who carries events away. In an open transaction an event becomes part of it.
pub(crate) trait Events {
    /// The message with this id waits to be sent.
    fn message_queued(&self, id: &str) -> Result<(), Failed>;
}

/// The host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Events for Live {
    fn message_queued(&self, id: &str) -> Result<(), Failed> {
        events::message_queued(id).map_err(|detail| {
            eprintln!("an event was not published: {detail}");
            Failed::Unavailable
        })
    }
}
