//! The leaderboard service: who has the most xp.

mod bindings {
    wit_bindgen::generate!({
        world: "component:leaderboard/service",
        path: [
            "../../wit/platform",
            "../../wit/players",
            "../../wit/leaderboard",
            "world.wit",
        ],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
    });
}

mod board;
mod counts;
mod scores;
#[cfg(test)]
mod testing;

use bindings::exports::thali::leaderboard::board::{Error, Guest as Board, Standing, TopList};
use bindings::exports::thali::players::events::Guest as PlayersEvents;
use thali_support::clock::now_ms;
use thali_support::sql::{Failed, Platform};

/// The component: each exported function, on the database and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

/// Why an event wants to come again.
fn not_now(_: Failed) -> String {
    "the database is unavailable".to_owned()
}

impl Board for Service {
    fn top(count: u32) -> Result<TopList, Error> {
        board::top(&Platform, count)
    }

    fn standing_of(id: String, neighbours: Option<u32>) -> Result<Standing, Error> {
        board::standing_of(&Platform, &id, neighbours)
    }
}

impl PlayersEvents for Service {
    fn xp_gained(
        player_id: String,
        username: String,
        _: u32,
        xp: u64,
        _: u32,
    ) -> Result<(), String> {
        scores::reached(&Platform, &player_id, &username, xp, now_ms()).map_err(not_now)
    }

    fn levelled_up(_: String, _: String, _: u32) -> Result<(), String> {
        Ok(())
    }

    fn player_renamed(player_id: String, username: String) -> Result<(), String> {
        scores::renamed(&Platform, &player_id, &username).map_err(not_now)
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
