//! The users service: accounts and signing in.

mod bindings {
    wit_bindgen::generate!({
        world: "component:users/service",
        path: ["../../wit/platform", "../../wit/users", "world.wit"],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
    });
}

mod accounts;
mod attempts;
mod desk;
mod identity;
mod input;
mod sessions;
mod store;
#[cfg(test)]
mod testing;
mod token;
mod upkeep;

use bindings::exports::thali::users::accounts::{
    Account, Error, Guest as Accounts, NewAccount, Page, Session,
};
use bindings::exports::thali::users::upkeep::Guest as Upkeep;
use bindings::thali::platform::config;
use desk::Desk;
use thali_support::clock::now_ms;
use thali_support::sql::{Failed, Platform};

/// The component: each exported function, on the database and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

fn desk() -> Desk<'static> {
    Desk {
        database: &Platform,
        identity: &identity::Live,
        caller: &desk::Live,
        admin_email: config::get("admin-email").as_deref().and_then(input::normalised),
        now_ms: now_ms(),
    }
}

/// Why the schedule wants to come again.
fn not_now(_: Failed) -> String {
    "the database is unavailable".to_owned()
}

impl Accounts for Service {
    fn create(account: NewAccount) -> Result<Account, Error> {
        accounts::create(&desk(), account)
    }

    fn login(email: String, password: String) -> Result<Session, Error> {
        sessions::login(&desk(), &email, &password)
    }

    fn refresh(refresh_token: String) -> Result<Session, Error> {
        sessions::refresh(&desk(), &refresh_token)
    }

    fn me() -> Result<Account, Error> {
        accounts::me(&desk())
    }

    fn remove_me() -> Result<(), Error> {
        accounts::remove_me(&desk())
    }

    fn list(limit: Option<u32>, cursor: Option<String>) -> Result<Page, Error> {
        accounts::list(&Platform, limit, cursor.as_deref())
    }

    fn get(id: String) -> Result<Account, Error> {
        accounts::get(&Platform, &id)
    }
}

impl Upkeep for Service {
    fn sweep() -> Result<(), String> {
        upkeep::sweep(&desk()).map_err(not_now)
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
