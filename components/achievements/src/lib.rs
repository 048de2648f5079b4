//! The achievements service: what players have done.

mod bindings {
    wit_bindgen::generate!({
        world: "component:achievements/service",
        path: [
            "../../wit/platform",
            "../../wit/players",
            "../../wit/achievements",
            "world.wit",
        ],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
    });
}

mod desk;
mod events;
mod levels;
mod players;
mod store;
#[cfg(test)]
mod testing;
mod unlocking;

use bindings::exports::thali::achievements::unlocking::{
    Catalogue, Error, Guest as Unlocking, ListError, Page, Receipt, UnlockRequest,
};
use bindings::exports::thali::players::events::Guest as PlayersEvents;
use desk::Desk;
use thali_support::clock::now_ms;
use thali_support::sql::Platform;

/// The component: each exported function, on the database and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

fn desk() -> Desk<'static> {
    Desk { database: &Platform, events: &events::Live, players: &players::Live, now_ms: now_ms() }
}

impl Unlocking for Service {
    fn unlock(unlock: UnlockRequest) -> Result<Receipt, Error> {
        unlocking::unlock(desk(), unlock)
    }

    fn list(id: String, limit: Option<u32>, cursor: Option<String>) -> Result<Page, ListError> {
        unlocking::list(&Platform, &id, limit, cursor)
    }

    fn all() -> Result<Catalogue, ListError> {
        Ok(Catalogue { items: store::catalogue(&Platform)? })
    }
}

impl PlayersEvents for Service {
    fn xp_gained(_: String, _: String, _: u32, _: u64, _: u32) -> Result<(), String> {
        Ok(())
    }

    fn levelled_up(player_id: String, _: String, level: u32) -> Result<(), String> {
        levels::reached(desk(), &player_id, level)
            .map_err(|_| "the database is unavailable".to_owned())
    }

    fn player_renamed(_: String, _: String) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
