//! A town to place orders in: neighbours that answer as they are told, and remember what was asked.

use std::cell::{Cell, RefCell};

use thali_support::sql::{Database as _, Value};
use thali_support::testing::Memory;

use crate::bindings::exports::thali::orders::ordering::{Address, Customer, Line, NewOrder};
use crate::bindings::thali::delivery::dispatch::{AssignError, Assignment, Driver, ReleaseError};
use crate::bindings::thali::notifications::notifying::{Error as NotifyError, Message};
use crate::bindings::thali::restaurants::quoting::{
    Error as QuoteError, Line as QuoteLine, PricedLine, Quote,
};
use crate::bindings::thali::types::types::{Location, Money};
use crate::neighbours::Neighbours;

pub(crate) fn database() -> Memory {
    Memory::new(&[include_str!("../migrations/0001_init.sql")])
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
    }
}

/// The neighbours. Each does what it is for until it is told to refuse.
#[derive(Default)]
pub(crate) struct Town {
    quote_refusal: RefCell<Option<QuoteError>>,
    assign_refusal: RefCell<Option<AssignError>>,
    release_refusal: RefCell<Option<ReleaseError>>,
    notify_refusal: RefCell<Option<NotifyError>>,
    quoted: Cell<u32>,
    assigned: Cell<u32>,
    released: Cell<u32>,
    told: RefCell<Vec<Message>>,
}

impl Town {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn refuse_to_quote(&self, error: QuoteError) {
        self.quote_refusal.replace(Some(error));
    }

    pub(crate) fn refuse_to_assign(&self, error: AssignError) {
        self.assign_refusal.replace(Some(error));
    }

    pub(crate) fn refuse_to_release(&self, error: ReleaseError) {
        self.release_refusal.replace(Some(error));
    }

    pub(crate) fn refuse_to_notify(&self, error: NotifyError) {
        self.notify_refusal.replace(Some(error));
    }

    pub(crate) fn quoted(&self) -> u32 {
        self.quoted.get()
    }

    pub(crate) fn assigned(&self) -> u32 {
        self.assigned.get()
    }

    pub(crate) fn released(&self) -> u32 {
        self.released.get()
    }

    pub(crate) fn told(&self) -> Vec<Message> {
        self.told.borrow().clone()
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

    fn assign(&self, _: &str, _: Location, _: Location) -> Result<Assignment, AssignError> {
        if let Some(error) = self.assign_refusal.borrow().clone() {
            return Err(error);
        }
        self.assigned.set(self.assigned.get() + 1);
        Ok(Assignment {
            tracking_id: "t-1".into(),
            driver: Driver { id: "1".into(), name: "Speed Racer".into() },
            eta_minutes: 17,
        })
    }

    fn release(&self, _: &str) -> Result<(), ReleaseError> {
        if let Some(error) = *self.release_refusal.borrow() {
            return Err(error);
        }
        self.released.set(self.released.get() + 1);
        Ok(())
    }

    fn notify(&self, message: &Message) -> Result<(), NotifyError> {
        if let Some(error) = self.notify_refusal.borrow().clone() {
            return Err(error);
        }
        self.told.borrow_mut().push(message.clone());
        Ok(())
    }
}
