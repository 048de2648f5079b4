//! A shelf, a clock that is set by hand, and everything that is told.

use std::cell::{Cell, RefCell};

use thali_support::sql::Failed;
use thali_support::testing::{Memory, Recorder};

use crate::bindings::exports::thali::inventory::reservations::{
    Error, Line, Reservation, ReserveError,
};
use crate::bindings::exports::thali::inventory::stock::{Error as StockError, Level};
use crate::desk::Desk;
use crate::events::{Event, Events};
use crate::{ending, levels, reserving, upkeep};

/// 2026-11-22
pub(crate) const NOW_MS: i64 = 1_795_305_600_000;

/// How long everything is held here.
pub(crate) const TTL_SECONDS: u32 = 60;

/// No more than this is low.
pub(crate) const LOW: u32 = 5;

pub(crate) fn line(product_id: &str, quantity: u32) -> Line {
    Line { product_id: product_id.into(), quantity }
}

/// This service with 100, 50 and 25 of the products 1, 2 and 3.
pub(crate) struct Shelf {
    pub(crate) database: Memory,
    now_ms: Cell<i64>,
    told: RefCell<Vec<Event>>,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        let scripts = [include_str!("../migrations/0001_init.sql"), include_str!("../seed.sql")];
        Self {
            database: Memory::new(&scripts),
            now_ms: Cell::new(NOW_MS),
            told: RefCell::default(),
        }
    }

    /// Does something, and keeps the events that it told.
    pub(crate) fn with<T>(&self, act: impl FnOnce(Desk<'_>) -> T) -> T {
        let events = Recorder::new(&self.database);
        let now_ms = self.now_ms.get();
        let outcome = act(Desk { database: &self.database, events: &events, now_ms, low: LOW });
        self.told.borrow_mut().extend(events.published());
        outcome
    }

    pub(crate) fn set(&self, product_id: &str, stock: u32) -> Result<Level, StockError> {
        self.with(|desk| levels::set(desk, product_id, stock))
    }

    pub(crate) fn reserve(&self, key: &str, lines: &[Line]) -> Result<Reservation, ReserveError> {
        self.with(|desk| reserving::reserve(desk, key, lines.to_vec(), TTL_SECONDS))
    }

    pub(crate) fn get(&self, key: &str) -> Result<Reservation, Error> {
        self.with(|desk| ending::get(desk, key))
    }

    pub(crate) fn confirm(&self, key: &str) -> Result<Reservation, Error> {
        self.with(|desk| ending::confirm(desk, key))
    }

    pub(crate) fn extend(&self, key: &str) -> Result<Reservation, Error> {
        self.with(|desk| ending::extend(desk, key, TTL_SECONDS))
    }

    pub(crate) fn release(&self, key: &str) -> Result<(), Error> {
        self.with(|desk| ending::release(desk, key))
    }

    pub(crate) fn upkeep(&self) {
        self.with(upkeep::return_expired).unwrap();
        self.with(upkeep::tidy).unwrap();
    }

    pub(crate) fn pass_seconds(&self, seconds: u32) {
        self.now_ms.set(self.now_ms.get() + i64::from(seconds) * 1000);
    }

    /// Stock and what of it is reserved.
    pub(crate) fn level(&self, product_id: &str) -> (u32, u32) {
        let level = levels::get(&self.database, product_id).unwrap();
        (level.stock, level.reserved)
    }

    /// What was told since this was asked last.
    pub(crate) fn news(&self) -> Vec<Event> {
        self.told.take()
    }
}

impl Events for Recorder<'_, Event> {
    fn publish(&self, event: Event) -> Result<(), Failed> {
        Recorder::publish(self, event)
    }
}
