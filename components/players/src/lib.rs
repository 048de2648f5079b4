//! The players service: profiles and levels.

mod bindings {
    wit_bindgen::generate!({
        world: "component:players/service",
        path: ["../../wit/platform", "../../wit/players", "world.wit"],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
        additional_derives_ignore: ["lookup"],
    });
}

mod cache;
mod desk;
mod events;
mod levels;
mod profiles;
mod store;
#[cfg(test)]
mod testing;
mod upkeep;

use bindings::exports::thali::players::profiles::{
    Error, FindError, Guest as Profiles, Profile, Progress,
};
use bindings::exports::thali::players::upkeep::Guest as Upkeep;
use bindings::thali::platform::context;
use desk::Desk;
use thali_support::clock::now_ms;
use thali_support::sql::Platform;

/// The component: each exported function, on the database, the cache and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

fn desk() -> Desk<'static> {
    Desk { database: &Platform, events: &events::Live, cache: &cache::Live, now_ms: now_ms() }
}

impl Profiles for Service {
    fn get(id: String) -> Result<Profile, Error> {
        profiles::get(desk(), id)
    }

    fn find(id: String) -> Result<Profile, FindError> {
        profiles::find(&Platform, id)
    }

    fn rename(id: String, username: String) -> Result<Profile, Error> {
        profiles::rename(desk(), id, username)
    }

    fn gain_xp(id: String, amount: u32) -> Result<Progress, Error> {
        profiles::gain_xp(desk(), &id, amount, context::idempotency_id().as_deref())
    }
}

impl Upkeep for Service {
    fn tidy() -> Result<(), String> {
        upkeep::tidy(&Platform, now_ms()).map_err(|_| "the database is unavailable".to_owned())
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
