//! What this service tells the others.

use thali_support::sql::Failed;

use crate::bindings::thali::achievements::events;

/// A player unlocked an achievement, as `thali:achievements/events` has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unlocked {
    pub(crate) player_id: String,
    pub(crate) achievement: String,
    pub(crate) name: String,
}

/// Who carries events away. In an open transaction an event becomes part of it.
pub(crate) trait Events {
    fn publish(&self, event: Unlocked) -> Result<(), Failed>;
}

/// The host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Events for Live {
    fn publish(&self, event: Unlocked) -> Result<(), Failed> {
        events::achievement_unlocked(&event.player_id, &event.achievement, &event.name).map_err(
            |detail| {
                eprintln!("an event was not published: {detail}");
                Failed::Unavailable
            },
        )
    }
}
