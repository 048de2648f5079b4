//! A town to place orders in: neighbours that answer as they are told, and remember what was asked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use thali_support::sql::{Failed, Query as _, Value};
use thali_support::testing::{Memory, Recorder};

use crate::bindings::exports::thali::orders::ordering::{
    Address, Customer, Line, NewOrder, Order, Status,
};
use crate::bindings::thali::delivery::dispatch::{AssignError, Assignment, Driver, ReleaseError};
use crate::bindings::thali::payments::charging::{
    Charge, Error as PayError, NewCharge, Status as ChargeStatus,
};
use crate::bindings::thali::restaurants::quoting::{
    Error as QuoteError, Line as QuoteLine, PricedLine, Quote,
};
use crate::bindings::thali::types::types::{Card, Location, Method, Money, Payment};
use crate::caller::Caller;
use crate::cards::Cards;
use crate::desk::Desk;
use crate::events::{Event, Events};
use crate::neighbours::Neighbours;
use crate::{ordering, placing};

/// This service with a town around it.
pub(crate) struct Shop {
    pub(crate) database: Memory,
    pub(crate) town: Town,
    wallet: Wallet,
}

impl Shop {
    /// A town with ten drivers.
    pub(crate) fn new() -> Self {
        Self::with_drivers(10)
    }

    pub(crate) fn with_drivers(drivers: u32) -> Self {
        let database = Memory::new(&[
            include_str!("../migrations/0001_init.sql"),
            include_str!("../migrations/0002_events.sql"),
            include_str!("../migrations/0003_payment.sql"),
            include_str!("../migrations/0004_owner.sql"),
            include_str!("../migrations/0005_kitchen.sql"),
        ]);
        let town = Town { free: Cell::new(drivers), ..Town::default() };
        Self { database, town, wallet: Wallet::default() }
    }

    /// The events from now on.
    pub(crate) fn events(&self) -> Recorder<'_, Event> {
        Recorder::new(&self.database)
    }

    pub(crate) fn desk<'a>(&'a self, events: &'a Recorder<'_, Event>) -> Desk<'a> {
        self.desk_of(&Anybody, events)
    }

    /// The same for somebody.
    pub(crate) fn desk_of<'a>(
        &'a self,
        caller: &'a dyn Caller,
        events: &'a Recorder<'_, Event>,
    ) -> Desk<'a> {
        Desk {
            database: &self.database,
            events,
            neighbours: &self.town,
            cards: &self.wallet,
            caller,
            now_ms: 0,
        }
    }

    /// An order, as far as it gets.
    pub(crate) fn place(&self) -> Order {
        placing::place(self.desk(&self.events()), new_order(), None).unwrap()
    }

    /// An order that was kept, and then its request was cut off.
    pub(crate) fn place_cut_off(&self) -> Order {
        // Begin, the order, its items, the event, commit.
        self.database.fail_after(5);
        let order = self.place();
        self.database.recover();
        assert_eq!(order.status, Status::Placed);
        order
    }

    /// How many cards are kept.
    pub(crate) fn cards_kept(&self) -> usize {
        self.wallet.0.borrow().len()
    }

    /// The host is started again.
    pub(crate) fn forget_cards(&self) {
        self.wallet.0.borrow_mut().clear();
    }

    pub(crate) fn get(&self, id: &str) -> Order {
        ordering::get(&self.database, id).unwrap()
    }

    pub(crate) fn status(&self, id: &str) -> Status {
        self.get(id).status
    }
}

/// Somebody without a token.
pub(crate) struct Anybody;

/// Somebody with one: who it is, and what is allowed.
pub(crate) struct Somebody(pub(crate) &'static str, pub(crate) &'static [&'static str]);

impl Caller for Anybody {
    fn subject(&self) -> Option<String> {
        None
    }

    fn has_scope(&self, _: &str) -> bool {
        false
    }
}

impl Caller for Somebody {
    fn subject(&self) -> Option<String> {
        Some(self.0.to_owned())
    }

    fn has_scope(&self, scope: &str) -> bool {
        self.1.iter().any(|has| *has == scope || *has == "admin")
    }
}

impl Events for Recorder<'_, Event> {
    fn publish(&self, event: Event) -> Result<(), Failed> {
        Recorder::publish(self, event)
    }
}

/// The statuses that were told, in order.
pub(crate) fn told(events: &Recorder<'_, Event>) -> Vec<Status> {
    let status = |event| match event {
        Event::OrderStatusChanged(changed) => Some(changed.status),
        _ => None,
    };
    events.published().into_iter().filter_map(status).collect()
}

/// How many rows there are in `table`, which may go on with a condition.
pub(crate) fn count(database: &Memory, table: &str) -> i64 {
    let rows = database.query(&format!("SELECT COUNT(*) FROM {table}"), &[]).unwrap().rows;
    let Value::Integer(count) = rows[0][0] else { panic!("a count is an integer") };
    count
}

/// The order of the README.
pub(crate) fn new_order() -> NewOrder {
    NewOrder {
        restaurant_id: "1".into(),
        items: vec![Line { item_id: "1".into(), quantity: 2 }],
        customer: Customer { name: "Ada".into(), phone: "+15550100".into(), email: None },
        address: Address { line: "1 Main St".into(), lat: 52.52, lon: 13.40 },
        payment: None,
    }
}

/// The same, paid by card.
pub(crate) fn by_card() -> NewOrder {
    let card =
        Card { number: "4242424242424242".into(), expiry: "12/30".into(), cvc: "123".into() };
    NewOrder { payment: Some(Payment { method: Method::Card(card) }), ..new_order() }
}

/// The cards of orders that wait.
#[derive(Default)]
struct Wallet(RefCell<BTreeMap<String, Card>>);

impl Cards for Wallet {
    fn keep(&self, order_id: &str, card: &Card) {
        self.0.borrow_mut().insert(order_id.to_owned(), card.clone());
    }

    fn of(&self, order_id: &str) -> Option<Card> {
        self.0.borrow().get(order_id).cloned()
    }

    fn forget(&self, order_id: &str) {
        self.0.borrow_mut().remove(order_id);
    }
}

/// The neighbours. Each does what it is for until it is told to refuse.
#[derive(Default)]
pub(crate) struct Town {
    quote_refusal: RefCell<Option<QuoteError>>,
    assign_refusal: RefCell<Option<AssignError>>,
    release_refusal: RefCell<Option<ReleaseError>>,
    charge_refusal: RefCell<Option<PayError>>,
    declines: Cell<bool>,
    /// The charge of each order.
    charges: RefCell<BTreeMap<String, Charge>>,
    /// The next answer only: everybody is busy.
    busy_once: Cell<bool>,
    quoted: Cell<u32>,
    asked: Cell<u32>,
    released: Cell<u32>,
    free: Cell<u32>,
    /// The number of each order's driver.
    drivers: RefCell<BTreeMap<String, u32>>,
    /// How many drivers were ever found.
    found: Cell<u32>,
}

impl Town {
    pub(crate) fn refuse_to_quote(&self, error: QuoteError) {
        self.quote_refusal.replace(Some(error));
    }

    pub(crate) fn refuse_to_assign(&self, error: AssignError) {
        self.assign_refusal.replace(Some(error));
    }

    pub(crate) fn refuse_to_release(&self, error: ReleaseError) {
        self.release_refusal.replace(Some(error));
    }

    pub(crate) fn refuse_to_charge(&self, error: PayError) {
        self.charge_refusal.replace(Some(error));
    }

    /// Every card is declined.
    pub(crate) fn decline(&self) {
        self.declines.set(true);
    }

    /// How many orders are charged.
    pub(crate) fn charged(&self) -> usize {
        self.charges.borrow().len()
    }

    /// Nobody refuses any more.
    pub(crate) fn relent(&self) {
        self.quote_refusal.take();
        self.assign_refusal.take();
        self.release_refusal.take();
        self.charge_refusal.take();
    }

    pub(crate) fn be_busy_once(&self) {
        self.busy_once.set(true);
    }

    /// A driver comes.
    pub(crate) fn free_one(&self) {
        self.free.set(self.free.get() + 1);
    }

    pub(crate) fn quoted(&self) -> u32 {
        self.quoted.get()
    }

    pub(crate) fn asked(&self) -> u32 {
        self.asked.get()
    }

    pub(crate) fn released(&self) -> u32 {
        self.released.get()
    }

    /// Whether somebody drives for this order.
    pub(crate) fn drives_for(&self, order_id: &str) -> bool {
        self.drivers.borrow().contains_key(order_id)
    }

    /// How many drivers drive.
    pub(crate) fn driving(&self) -> usize {
        self.drivers.borrow().len()
    }

    /// What delivery tells about an order's driver.
    pub(crate) fn assignment(&self, order_id: &str) -> Assignment {
        assignment(self.drivers.borrow()[order_id])
    }
}

fn assignment(number: u32) -> Assignment {
    Assignment {
        tracking_id: format!("t-{number}"),
        driver: Driver { id: number.to_string(), name: "Speed Racer".into() },
        eta_minutes: 17,
    }
}

/// Every dish costs 12.99.
fn priced(line: &QuoteLine) -> PricedLine {
    let usd = |amount| Money { amount, currency: "USD".into() };
    PricedLine {
        item_id: line.item_id.clone(),
        name: "Margherita".into(),
        price: usd(1299),
        quantity: line.quantity,
        total: usd(1299 * i64::from(line.quantity)),
    }
}

impl Neighbours for Town {
    fn quote(&self, restaurant_id: &str, lines: &[QuoteLine]) -> Result<Quote, QuoteError> {
        self.quoted.set(self.quoted.get() + 1);
        if let Some(error) = self.quote_refusal.borrow().clone() {
            return Err(error);
        }
        let lines: Vec<_> = lines.iter().map(priced).collect();
        let amount = lines.iter().map(|line| line.total.amount).sum();
        Ok(Quote {
            restaurant_id: restaurant_id.into(),
            restaurant: "Pizza Paradise".into(),
            location: Location { lat: 52.52, lon: 13.405 },
            lines,
            total: Money { amount, currency: "USD".into() },
        })
    }

    fn charge(&self, new: &NewCharge) -> Result<Charge, PayError> {
        if let Some(error) = self.charge_refusal.borrow().clone() {
            return Err(error);
        }
        let declined = self.declines.get();
        let charge = Charge {
            id: "c-1".into(),
            order_id: new.order_id.clone(),
            amount: new.amount.clone(),
            status: if declined { ChargeStatus::Declined } else { ChargeStatus::Succeeded },
            last4: Some("4242".into()),
            reason: declined.then(|| "the card was declined".into()),
        };
        let mut charges = self.charges.borrow_mut();
        Ok(charges.entry(new.order_id.clone()).or_insert(charge).clone())
    }

    fn find_charge(&self, order_id: &str) -> Result<Charge, PayError> {
        if let Some(error) = self.charge_refusal.borrow().clone() {
            return Err(error);
        }
        self.charges.borrow().get(order_id).cloned().ok_or(PayError::NotFound)
    }

    fn assign(&self, id: &str, _: Location, _: Location) -> Result<Assignment, AssignError> {
        self.asked.set(self.asked.get() + 1);
        if let Some(error) = self.assign_refusal.borrow().clone() {
            return Err(error);
        }
        if self.busy_once.replace(false) {
            return Err(AssignError::NoDriverAvailable);
        }
        let mut drivers = self.drivers.borrow_mut();
        if let Some(number) = drivers.get(id) {
            return Ok(assignment(*number));
        }
        let left = self.free.get().checked_sub(1).ok_or(AssignError::NoDriverAvailable)?;
        self.free.set(left);
        self.found.set(self.found.get() + 1);
        drivers.insert(id.to_owned(), self.found.get());
        Ok(assignment(self.found.get()))
    }

    fn release(&self, id: &str) -> Result<(), ReleaseError> {
        if let Some(error) = *self.release_refusal.borrow() {
            return Err(error);
        }
        if self.drivers.borrow_mut().remove(id).is_some() {
            self.free_one();
            self.released.set(self.released.get() + 1);
        }
        Ok(())
    }
}
