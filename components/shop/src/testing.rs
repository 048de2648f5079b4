//! A shop to buy in: neighbours with stock and money that answer as they are told, and a host that can be killed
//! at any call.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use thali_support::sql::{Failed, Query as _, Value};
use thali_support::testing::{Memory, Recorder};

use crate::bindings::exports::thali::shop::shopping::{
    Destination, Error, Line, NewOrder, Order, Status,
};
use crate::bindings::thali::inventory::reservations::{
    Error as HoldError, Line as StockLine, Reservation, ReserveError, Shortage,
    Status as HoldStatus,
};
use crate::bindings::thali::payments::charging::{
    Charge, Error as PayError, NewCharge, Status as ChargeStatus,
};
use crate::bindings::thali::pricing::calculating::{
    Basket, Error as PriceError, PricedLine, Quote, Tax,
};
use crate::bindings::thali::types::types::{Card, Method, Money, Payment};
use crate::cards::Cards;
use crate::desk::Desk;
use crate::events::{Completed, Events};
use crate::neighbours::Neighbours;
use crate::{placing, reading, upkeep};

/// 2026-11-22
pub(crate) const NOW_MS: i64 = 1_795_305_600_000;
pub(crate) const STOCK: u32 = 10;
pub(crate) const PRICE: i64 = 1999;

/// Who is there to be asked.
pub(crate) const PRICING: &str = "pricing";
pub(crate) const INVENTORY: &str = "inventory";
pub(crate) const PAYMENTS: &str = "payments";

pub(crate) fn usd(amount: i64) -> Money {
    Money { amount, currency: "USD".into() }
}

/// Two of product 1, in cash.
pub(crate) fn in_cash() -> NewOrder {
    NewOrder {
        lines: vec![Line { product_id: "1".into(), quantity: 2 }],
        coupon: None,
        destination: Destination { country: "US".into(), region: None },
        payment: Payment { method: Method::Cash },
    }
}

/// The same by card.
pub(crate) fn by_card() -> NewOrder {
    let card =
        Card { number: "4242424242424242".into(), expiry: "12/30".into(), cvc: "123".into() };
    NewOrder { payment: Payment { method: Method::Card(card) }, ..in_cash() }
}

struct Hold {
    lines: Vec<StockLine>,
    status: HoldStatus,
    until_ms: i64,
}

/// When the host is killed: at this call, before or after the other service has done its work.
#[derive(Clone, Copy)]
pub(crate) struct Kill {
    pub(crate) call: u32,
    pub(crate) after: bool,
}

/// This service with its neighbours.
pub(crate) struct Shop {
    pub(crate) database: Memory,
    now_ms: Cell<i64>,
    told: RefCell<Vec<Completed>>,
    cards: RefCell<BTreeMap<String, Card>>,
    calls: Cell<u32>,
    kill: Cell<Option<Kill>>,
    dead: Cell<bool>,
    away: RefCell<BTreeSet<&'static str>>,
    price_refusal: RefCell<Option<PriceError>>,
    is_free: Cell<bool>,
    charge_refusal: RefCell<Option<PayError>>,
    /// What anybody can have of product 1.
    available: Cell<u32>,
    holds: RefCell<BTreeMap<String, Hold>>,
    declines: Cell<bool>,
    provider_is_down: Cell<bool>,
    charges: RefCell<BTreeMap<String, Charge>>,
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self {
            database: Memory::new(&[include_str!("../migrations/0001_init.sql")]),
            now_ms: Cell::new(NOW_MS),
            told: RefCell::default(),
            cards: RefCell::default(),
            calls: Cell::default(),
            kill: Cell::default(),
            dead: Cell::default(),
            away: RefCell::default(),
            price_refusal: RefCell::default(),
            is_free: Cell::default(),
            charge_refusal: RefCell::default(),
            available: Cell::new(STOCK),
            holds: RefCell::default(),
            declines: Cell::default(),
            provider_is_down: Cell::default(),
            charges: RefCell::default(),
        }
    }

    /// Does something, and keeps the events that it told.
    fn with<T>(&self, act: impl FnOnce(Desk<'_>) -> T) -> T {
        let recorder = Recorder::new(&self.database);
        let desk = Desk {
            database: &self.database,
            events: &recorder,
            neighbours: self,
            cards: self,
            now_ms: self.now_ms.get(),
        };
        let outcome = act(desk);
        self.told.borrow_mut().extend(recorder.published());
        outcome
    }

    pub(crate) fn place(&self, new: NewOrder) -> Result<Order, Error> {
        self.place_as("ann", new, None)
    }

    pub(crate) fn place_as(
        &self,
        owner: &str,
        new: NewOrder,
        key: Option<&str>,
    ) -> Result<Order, Error> {
        self.with(|desk| placing::place(desk, owner, new, key))
    }

    pub(crate) fn get(&self, id: &str) -> Order {
        reading::get(&self.database, "ann", id).unwrap()
    }

    pub(crate) fn status(&self, id: &str) -> Status {
        self.get(id).status
    }

    /// What the schedule does, after so long that nobody works on anything any more.
    pub(crate) fn upkeep(&self) {
        self.pass(upkeep::CUT_OFF_MS + 1);
        self.with(upkeep::go_on).unwrap();
    }

    /// The same at once.
    pub(crate) fn upkeep_now(&self) -> Result<(), Failed> {
        self.with(upkeep::go_on)
    }

    pub(crate) fn pass(&self, ms: i64) {
        self.now_ms.set(self.now_ms.get() + ms);
    }

    pub(crate) fn kill_at(&self, kill: Kill) {
        self.calls.set(0);
        self.kill.set(Some(kill));
    }

    /// The host is started again. Answers whether it was killed.
    pub(crate) fn start_again(&self) -> bool {
        self.kill.set(None);
        self.database.recover();
        self.cards.borrow_mut().clear();
        self.dead.replace(false)
    }

    pub(crate) fn leave(&self, service: &'static str) {
        self.away.borrow_mut().insert(service);
    }

    pub(crate) fn come_back(&self) {
        self.away.borrow_mut().clear();
        self.provider_is_down.set(false);
        self.charge_refusal.take();
        self.declines.set(false);
    }

    pub(crate) fn refuse_to_price(&self, error: PriceError) {
        self.price_refusal.replace(Some(error));
    }

    /// Nothing costs anything.
    pub(crate) fn give_away(&self) {
        self.is_free.set(true);
    }

    pub(crate) fn refuse_to_charge(&self, error: PayError) {
        self.charge_refusal.replace(Some(error));
    }

    pub(crate) fn decline(&self) {
        self.declines.set(true);
    }

    /// Payments answers, and whom it asks does not.
    pub(crate) fn take_provider_down(&self) {
        self.provider_is_down.set(true);
    }

    pub(crate) fn forget_cards(&self) {
        self.cards.borrow_mut().clear();
    }

    pub(crate) fn cards_kept(&self) -> usize {
        self.cards.borrow().len()
    }

    /// Somebody else buys all that anybody can have.
    pub(crate) fn sell_out(&self) {
        self.expire();
        self.available.set(0);
    }

    pub(crate) fn available(&self) -> u32 {
        self.expire();
        self.available.get()
    }

    pub(crate) fn sold(&self) -> u32 {
        let holds = self.holds.borrow();
        let confirmed = holds.values().filter(|hold| hold.status == HoldStatus::Confirmed);
        confirmed.map(|hold| quantity(&hold.lines)).sum()
    }

    /// What customers have paid, and not got back.
    pub(crate) fn money(&self) -> i64 {
        let charges = self.charges.borrow();
        let there = |charge: &&Charge| charge.status == ChargeStatus::Succeeded;
        charges.values().filter(there).map(|charge| charge.amount.amount).sum()
    }

    /// Charges that payments will make as soon as it can.
    pub(crate) fn charges_waiting(&self) -> usize {
        let charges = self.charges.borrow();
        charges.values().filter(|charge| charge.status == ChargeStatus::Queued).count()
    }

    pub(crate) fn events(&self) -> Vec<Completed> {
        self.told.borrow().clone()
    }

    /// The ids of all orders.
    pub(crate) fn ids(&self) -> Vec<String> {
        let rows = self.database.query("SELECT id FROM orders ORDER BY created_at", &[]).unwrap();
        let id = |row: Vec<Value>| match row.into_iter().next() {
            Some(Value::Text(id)) => id,
            other => panic!("{other:?}"),
        };
        rows.rows.into_iter().map(id).collect()
    }

    fn call<T, E>(
        &self,
        service: &'static str,
        unavailable: E,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if self.dead.get() || self.away.borrow().contains(service) {
            return Err(unavailable);
        }
        self.calls.set(self.calls.get() + 1);
        let Some(kill) = self.kill.get().filter(|kill| kill.call == self.calls.get()) else {
            return work();
        };
        if kill.after {
            let _unheard = work();
        }
        self.dead.set(true);
        self.database.fail_after(0);
        Err(unavailable)
    }

    /// Holds whose time is over come back.
    fn expire(&self) {
        for hold in self.holds.borrow_mut().values_mut() {
            if hold.status == HoldStatus::Held && hold.until_ms <= self.now_ms.get() {
                hold.status = HoldStatus::Expired;
                self.available.set(self.available.get() + quantity(&hold.lines));
            }
        }
    }

    fn until_ms(&self, ttl_seconds: u32) -> i64 {
        self.now_ms.get() + i64::from(ttl_seconds) * 1000
    }

    fn held(&self, key: &str, act: impl FnOnce(&mut Hold)) -> Result<Reservation, HoldError> {
        self.expire();
        let mut holds = self.holds.borrow_mut();
        let hold = holds.get_mut(key).ok_or(HoldError::NotFound)?;
        match hold.status {
            HoldStatus::Expired => return Err(HoldError::Expired),
            HoldStatus::Released => return Err(HoldError::Released),
            HoldStatus::Held => act(hold),
            HoldStatus::Confirmed => {}
        }
        Ok(reservation(key, hold))
    }
}

fn quantity(lines: &[StockLine]) -> u32 {
    lines.iter().map(|line| line.quantity).sum()
}

fn reservation(key: &str, hold: &Hold) -> Reservation {
    Reservation {
        key: key.into(),
        lines: hold.lines.clone(),
        status: hold.status,
        expires_at: String::new(),
    }
}

impl Events for Recorder<'_, Completed> {
    fn publish(&self, event: Completed) -> Result<(), Failed> {
        Recorder::publish(self, event)
    }
}

impl Cards for Shop {
    fn keep(&self, order_id: &str, card: &Card) {
        self.cards.borrow_mut().insert(order_id.to_owned(), card.clone());
    }

    fn of(&self, order_id: &str) -> Option<Card> {
        self.cards.borrow().get(order_id).cloned()
    }

    fn forget(&self, order_id: &str) {
        self.cards.borrow_mut().remove(order_id);
    }
}

impl Neighbours for Shop {
    fn price(&self, basket: &Basket) -> Result<Quote, PriceError> {
        self.call(PRICING, PriceError::Unavailable, || {
            if let Some(error) = self.price_refusal.borrow().clone() {
                return Err(error);
            }
            let lines: Vec<_> = basket.lines.iter().map(priced).collect();
            let subtotal: i64 = lines.iter().map(|line| line.total.amount).sum();
            Ok(Quote {
                lines,
                subtotal: usd(subtotal),
                discounts: vec![],
                tax: Tax { rate: 0.0, amount: usd(0) },
                shipping: usd(500),
                total: usd(if self.is_free.get() { 0 } else { subtotal + 500 }),
            })
        })
    }

    fn reserve(
        &self,
        key: &str,
        lines: &[StockLine],
        ttl_seconds: u32,
    ) -> Result<Reservation, ReserveError> {
        self.call(INVENTORY, ReserveError::Unavailable, || {
            self.expire();
            let mut holds = self.holds.borrow_mut();
            match holds.get(key) {
                Some(Hold { status: HoldStatus::Released, .. }) => {
                    return Err(ReserveError::Released);
                }
                Some(hold) if hold.status != HoldStatus::Expired => {
                    return Ok(reservation(key, hold));
                }
                _ => {}
            }
            let available = self.available.get();
            let Some(left) = available.checked_sub(quantity(lines)) else {
                let product_id = "1".to_owned();
                return Err(ReserveError::InsufficientStock(Shortage { product_id, available }));
            };
            self.available.set(left);
            let until_ms = self.until_ms(ttl_seconds);
            let hold = Hold { lines: lines.to_vec(), status: HoldStatus::Held, until_ms };
            let answer = reservation(key, &hold);
            holds.insert(key.to_owned(), hold);
            Ok(answer)
        })
    }

    fn extend(&self, key: &str, ttl_seconds: u32) -> Result<Reservation, HoldError> {
        let until_ms = self.until_ms(ttl_seconds);
        let extend = || self.held(key, |hold| hold.until_ms = until_ms);
        self.call(INVENTORY, HoldError::Unavailable, extend)
    }

    fn confirm(&self, key: &str) -> Result<Reservation, HoldError> {
        let confirm = || self.held(key, |hold| hold.status = HoldStatus::Confirmed);
        self.call(INVENTORY, HoldError::Unavailable, confirm)
    }

    fn release(&self, key: &str) -> Result<(), HoldError> {
        self.call(INVENTORY, HoldError::Unavailable, || {
            self.expire();
            let mut holds = self.holds.borrow_mut();
            let never = Hold { lines: vec![], status: HoldStatus::Released, until_ms: 0 };
            let hold = holds.entry(key.to_owned()).or_insert(never);
            if hold.status == HoldStatus::Confirmed {
                return Err(HoldError::Confirmed);
            }
            if hold.status == HoldStatus::Held {
                self.available.set(self.available.get() + quantity(&hold.lines));
            }
            hold.status = HoldStatus::Released;
            Ok(())
        })
    }

    fn charge(&self, new: &NewCharge) -> Result<Charge, PayError> {
        self.call(PAYMENTS, PayError::Unavailable, || {
            if let Some(error) = self.charge_refusal.borrow().clone() {
                return Err(error);
            }
            let mut charges = self.charges.borrow_mut();
            let next = charges.len().to_string();
            let charge = charges.entry(new.order_id.clone()).or_insert_with(|| Charge {
                id: ["c-", &next].concat(),
                order_id: new.order_id.clone(),
                amount: new.amount.clone(),
                status: ChargeStatus::Queued,
                last4: None,
                reason: None,
            });
            if charge.status == ChargeStatus::Queued && !self.provider_is_down.get() {
                let declines = self.declines.get();
                charge.reason = declines.then(|| "the card was declined".into());
                charge.status =
                    if declines { ChargeStatus::Declined } else { ChargeStatus::Succeeded };
            }
            Ok(charge.clone())
        })
    }

    fn find_charge(&self, order_id: &str) -> Result<Charge, PayError> {
        let find = || self.charges.borrow().get(order_id).cloned().ok_or(PayError::NotFound);
        self.call(PAYMENTS, PayError::Unavailable, find)
    }

    fn refund(&self, charge_id: &str) -> Result<Charge, PayError> {
        self.call(PAYMENTS, PayError::Unavailable, || {
            let mut charges = self.charges.borrow_mut();
            let found = charges.values_mut().find(|charge| charge.id == charge_id);
            let charge = found.ok_or(PayError::NotFound)?;
            charge.status = match charge.status {
                ChargeStatus::Declined => return Err(PayError::NotRefundable),
                ChargeStatus::Queued => ChargeStatus::Cancelled,
                ChargeStatus::Succeeded => ChargeStatus::Refunded,
                over => over,
            };
            Ok(charge.clone())
        })
    }
}

fn priced(line: &crate::bindings::thali::pricing::calculating::Line) -> PricedLine {
    PricedLine {
        product_id: line.product_id.clone(),
        unit_price: usd(PRICE),
        quantity: line.quantity,
        total: usd(PRICE * i64::from(line.quantity)),
    }
}
