//! What this service tells the others.

use thali_support::sql::Failed;

use crate::bindings::thali::players::events;

/// Something that happened, as `thali:players/events` has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    XpGained { player_id: String, username: String, amount: u32, xp: u64, level: u32 },
    LevelledUp { player_id: String, username: String, level: u32 },
    PlayerRenamed { player_id: String, username: String },
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
            Event::XpGained { player_id, username, amount, xp, level } => {
                events::xp_gained(&player_id, &username, amount, xp, level)
            }
            Event::LevelledUp { player_id, username, level } => {
                events::levelled_up(&player_id, &username, level)
            }
            Event::PlayerRenamed { player_id, username } => {
                events::player_renamed(&player_id, &username)
            }
        };
        published.map_err(|detail| {
            eprintln!("an event was not published: {detail}");
            Failed::Unavailable
        })
    }
}
