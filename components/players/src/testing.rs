//! A place to play at: the service with a cache that counts.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use thali_support::sql::{Failed, Query as _};
use thali_support::testing::{Memory, Recorder};

use crate::bindings::exports::thali::players::profiles::{Error, Profile, Progress};
use crate::cache::Cache;
use crate::desk::Desk;
use crate::events::{Event, Events};
use crate::profiles;
use crate::store::Stored;

pub(crate) struct Arcade {
    pub(crate) database: Memory,
    told: RefCell<Vec<Event>>,
    cache: Kept,
}

#[derive(Default)]
struct Kept {
    players: RefCell<BTreeMap<String, Option<Stored>>>,
    loads: Cell<u32>,
}

impl Arcade {
    pub(crate) fn new() -> Self {
        let database = Memory::new(&[include_str!("../migrations/0001_init.sql")]);
        Self { database, told: RefCell::default(), cache: Kept::default() }
    }

    /// Does something, and keeps the events that it told.
    fn with<T>(&self, act: impl FnOnce(Desk<'_>) -> T) -> T {
        let events = Recorder::new(&self.database);
        let desk =
            Desk { database: &self.database, events: &events, cache: &self.cache, now_ms: 0 };
        let outcome = act(desk);
        self.told.borrow_mut().extend(events.published());
        outcome
    }

    pub(crate) fn get(&self, id: &str) -> Result<Profile, Error> {
        self.with(|desk| profiles::get(desk, id.to_owned()))
    }

    pub(crate) fn rename(&self, id: &str, username: &str) -> Result<Profile, Error> {
        self.with(|desk| profiles::rename(desk, id.to_owned(), username.to_owned()))
    }

    pub(crate) fn gain(
        &self,
        id: &str,
        amount: u32,
        request_id: Option<&str>,
    ) -> Result<Progress, Error> {
        self.with(|desk| profiles::gain_xp(desk, id, amount, request_id))
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.told.borrow().clone()
    }

    /// How many players are stored.
    pub(crate) fn stored(&self) -> usize {
        self.database.query("SELECT id FROM players", &[]).unwrap().rows.len()
    }

    /// How often a profile was not kept.
    pub(crate) fn loads(&self) -> u32 {
        self.cache.loads.get()
    }
}

impl Cache for Kept {
    fn get(
        &self,
        id: &str,
        load: &dyn Fn() -> Result<Option<Stored>, Failed>,
    ) -> Result<Option<Stored>, Failed> {
        if let Some(kept) = self.players.borrow().get(id) {
            return Ok(kept.clone());
        }
        self.loads.set(self.loads.get() + 1);
        let stored = load()?;
        self.players.borrow_mut().insert(id.to_owned(), stored.clone());
        Ok(stored)
    }

    fn forget(&self, id: &str) {
        self.players.borrow_mut().remove(id);
    }
}

impl Events for Recorder<'_, Event> {
    fn publish(&self, event: Event) -> Result<(), Failed> {
        Recorder::publish(self, event)
    }
}
