//! A hall of fame, with players who are known or not.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use thali_support::sql::Failed;
use thali_support::testing::{Memory, Recorder};

use crate::bindings::exports::thali::achievements::unlocking::{Error, Receipt, UnlockRequest};
use crate::desk::Desk;
use crate::events::{Events, Unlocked};
use crate::players::{Players, Silence};
use crate::{levels, unlocking};

pub(crate) struct Hall {
    pub(crate) database: Memory,
    known: RefCell<BTreeSet<String>>,
    silent: Cell<bool>,
    now_ms: Cell<i64>,
    told: RefCell<Vec<Unlocked>>,
}

impl Hall {
    pub(crate) fn new() -> Self {
        Self {
            database: Memory::new(&[include_str!("../migrations/0001_init.sql")]),
            known: RefCell::default(),
            silent: Cell::new(false),
            now_ms: Cell::new(0),
            told: RefCell::default(),
        }
    }

    /// Does something, and keeps the events that it told.
    fn with<T>(&self, act: impl FnOnce(Desk<'_>) -> T) -> T {
        let events = Recorder::new(&self.database);
        let now_ms = self.now_ms.get();
        let outcome =
            act(Desk { database: &self.database, events: &events, players: self, now_ms });
        self.told.borrow_mut().extend(events.published());
        outcome
    }

    pub(crate) fn unlock(&self, player_id: &str, achievement: &str) -> Result<Receipt, Error> {
        let (player_id, achievement) = (player_id.to_owned(), achievement.to_owned());
        self.with(|desk| unlocking::unlock(desk, UnlockRequest { player_id, achievement }))
    }

    pub(crate) fn level(&self, player_id: &str, level: u32) -> Result<(), Failed> {
        self.with(|desk| levels::reached(desk, player_id, level))
    }

    /// There is such a player.
    pub(crate) fn knows(&self, player_id: &str) {
        self.known.borrow_mut().insert(player_id.to_owned());
    }

    /// Nobody answers who plays.
    pub(crate) fn hush(&self) {
        self.silent.set(true);
    }

    /// Some time passes.
    pub(crate) fn later(&self) {
        self.now_ms.set(self.now_ms.get() + 1000);
    }

    /// The achievements that were told of, in order.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told.borrow().iter().map(|event| event.achievement.clone()).collect()
    }

    /// What a player has, the newest first.
    pub(crate) fn listed(&self, player_id: &str) -> Vec<String> {
        let page = unlocking::list(&self.database, player_id, Some(100), None).unwrap();
        page.items.into_iter().map(|item| item.achievement).collect()
    }
}

impl Players for Hall {
    fn is_known(&self, id: &str) -> Result<bool, Silence> {
        if self.silent.get() { Err(Silence) } else { Ok(self.known.borrow().contains(id)) }
    }
}

impl Events for Recorder<'_, Unlocked> {
    fn publish(&self, event: Unlocked) -> Result<(), Failed> {
        Recorder::publish(self, event)
    }
}
