//! A provider that answers as it is told, and counts the money.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use thali_support::sql::Failed;
use thali_support::testing::{Memory, Recorder};

use crate::bindings::exports::thali::payments::charging::{Charge, Error, NewCharge};
use crate::bindings::thali::types::types::{Card, Method, Money};
use crate::cards::Cards;
use crate::charging;
use crate::desk::Desk;
use crate::events::{Event, Events};
use crate::provider::{Answer, Provider, Request};
use crate::upkeep;

pub(crate) const GOOD: &str = "4242424242424242";
pub(crate) const DECLINED: &str = "4000000000000002";

/// 2026-11-22
pub(crate) const NOW_MS: i64 = 1_795_305_600_000;

pub(crate) fn card(number: &str) -> Card {
    Card { number: number.into(), expiry: "12/30".into(), cvc: "123".into() }
}

pub(crate) fn usd(amount: i64) -> Money {
    Money { amount, currency: "USD".into() }
}

pub(crate) fn new_charge(order_id: &str, number: &str) -> NewCharge {
    NewCharge { order_id: order_id.into(), amount: usd(1299), method: Method::Card(card(number)) }
}

/// This service with a provider.
pub(crate) struct Bank {
    pub(crate) database: Memory,
    cards: RefCell<BTreeMap<String, Card>>,
    told: RefCell<Vec<Event>>,
    /// By charge: what the provider has taken.
    taken: RefCell<BTreeSet<String>>,
    given_back: Cell<u32>,
    silent: Cell<bool>,
    lose: Cell<bool>,
    meanwhile: RefCell<Option<String>>,
}

impl Bank {
    pub(crate) fn new() -> Self {
        Self {
            database: Memory::new(&[
                include_str!("../migrations/0001_init.sql"),
                include_str!("../migrations/0002_barred.sql"),
                include_str!("../migrations/0003_tried.sql"),
            ]),
            cards: RefCell::default(),
            told: RefCell::default(),
            taken: RefCell::default(),
            given_back: Cell::new(0),
            silent: Cell::new(false),
            lose: Cell::new(false),
            meanwhile: RefCell::default(),
        }
    }

    /// Does something, and keeps the events that it told.
    fn with<T>(&self, act: impl FnOnce(Desk<'_>) -> T) -> T {
        let recorder = Recorder::new(&self.database);
        let outcome = act(self.desk(&recorder));
        self.told.borrow_mut().extend(recorder.published());
        outcome
    }

    fn desk<'a>(&'a self, events: &'a dyn Events) -> Desk<'a> {
        Desk { database: &self.database, events, provider: self, cards: self, now_ms: NOW_MS }
    }

    pub(crate) fn charge(&self, new: NewCharge) -> Result<Charge, Error> {
        self.with(|desk| charging::charge(desk, new))
    }

    pub(crate) fn refund(&self, id: &str) -> Result<Charge, Error> {
        self.with(|desk| charging::refund(desk, id))
    }

    pub(crate) fn called_off(&self, order_id: &str) {
        self.with(|desk| charging::called_off(desk, order_id)).unwrap();
    }

    pub(crate) fn upkeep(&self) {
        self.with(upkeep::charge_queued).unwrap();
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.told.borrow().clone()
    }

    /// How many charges the provider holds money of.
    pub(crate) fn taken(&self) -> usize {
        self.taken.borrow().len()
    }

    pub(crate) fn given_back(&self) -> u32 {
        self.given_back.get()
    }

    pub(crate) fn hush(&self) {
        self.silent.set(true);
    }

    pub(crate) fn speak(&self) {
        self.silent.set(false);
    }

    /// The provider does what it is asked next, and its answer does not arrive.
    pub(crate) fn lose_the_next_answer(&self) {
        self.lose.set(true);
    }

    /// This order is called off while the provider takes its money.
    pub(crate) fn call_off_meanwhile(&self, order_id: &str) {
        self.meanwhile.replace(Some(order_id.to_owned()));
    }

    /// The host is started again.
    pub(crate) fn forget_cards(&self) {
        self.cards.borrow_mut().clear();
    }
}

impl Events for Recorder<'_, Event> {
    fn publish(&self, event: Event) -> Result<(), Failed> {
        Recorder::publish(self, event)
    }
}

impl Cards for Bank {
    fn keep(&self, charge_id: &str, card: &Card) {
        self.cards.borrow_mut().insert(charge_id.to_owned(), card.clone());
    }

    fn of(&self, charge_id: &str) -> Option<Card> {
        self.cards.borrow().get(charge_id).cloned()
    }

    fn forget(&self, charge_id: &str) {
        self.cards.borrow_mut().remove(charge_id);
    }
}

impl Provider for Bank {
    fn charge(&self, request: &Request<'_>) -> Answer {
        if self.silent.get() {
            return Answer::Silence;
        }
        if request.card.number == DECLINED {
            return Answer::Declined("the card was declined".into());
        }
        if let Some(order_id) = self.meanwhile.take() {
            self.called_off(&order_id);
        }
        self.taken.borrow_mut().insert(request.id.to_owned());
        if self.lose.take() { Answer::Silence } else { Answer::Done }
    }

    fn find(&self, id: &str) -> Answer {
        match (self.silent.get(), self.taken.borrow().contains(id)) {
            (true, _) => Answer::Silence,
            (false, true) => Answer::Done,
            (false, false) => Answer::Unknown,
        }
    }

    fn refund(&self, id: &str) -> Answer {
        if self.silent.get() {
            return Answer::Silence;
        }
        if !self.taken.borrow_mut().remove(id) {
            return Answer::Unknown;
        }
        self.given_back.set(self.given_back.get() + 1);
        Answer::Done
    }
}
