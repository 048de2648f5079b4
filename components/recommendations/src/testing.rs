//! A market: a catalogue that can be closed, and customers.

use std::cell::{Cell, RefCell};

use thali_support::testing::Memory;

use crate::bindings::thali::products::lookup::Item;
use crate::bindings::thali::types::types::Money;
use crate::caller::Caller;
use crate::catalogue::Catalogue;
use crate::recommending::Desk;
use crate::{learning, store};

/// As many as the catalogue answers about at once.
const FIND_MAX: usize = 100;

/// This service with a catalogue.
pub(crate) struct Market {
    pub(crate) database: Memory,
    products: RefCell<Vec<Item>>,
    is_closed: Cell<bool>,
    caller: RefCell<String>,
}

impl Market {
    pub(crate) fn new() -> Self {
        Self {
            database: Memory::new(&[include_str!("../migrations/0001_init.sql")]),
            products: RefCell::default(),
            is_closed: Cell::default(),
            caller: RefCell::default(),
        }
    }

    pub(crate) fn desk(&self) -> Desk<'_> {
        Desk { database: &self.database, catalogue: self, caller: self }
    }

    /// A product of a category. Their names sort as they were added.
    pub(crate) fn sell(&self, id: &str, category: &str) {
        self.products.borrow_mut().push(Item {
            id: id.into(),
            name: ["product ", id].concat(),
            category: category.into(),
            price: Money { amount: 1999, currency: "USD".into() },
            weight_grams: 0,
        });
    }

    pub(crate) fn withdraw(&self, id: &str) {
        self.products.borrow_mut().retain(|item| item.id != id);
    }

    /// The catalogue does not answer any more.
    pub(crate) fn close(&self) {
        self.is_closed.set(true);
    }

    pub(crate) fn sign_in(&self, user: &str) {
        self.caller.replace(user.to_owned());
    }

    pub(crate) fn buy(&self, order_id: &str, user: &str, products: &[&str]) {
        let products = products.iter().map(ToString::to_string).collect();
        learning::learn(&self.database, order_id, user, products).unwrap();
    }

    /// What was bought together with a product, and how often.
    pub(crate) fn pairs(&self, id: &str) -> Vec<(String, u32)> {
        let pairs = store::together(&self.database, id, 1000).unwrap();
        pairs.into_iter().map(|pair| (pair.other_id, pair.orders)).collect()
    }
}

impl Catalogue for Market {
    fn find(&self, ids: &[String]) -> Option<Vec<Item>> {
        if self.is_closed.get() || ids.len() > FIND_MAX {
            return None;
        }
        let products = self.products.borrow();
        Some(products.iter().filter(|item| ids.contains(&item.id)).cloned().collect())
    }

    fn in_category(&self, category: &str, limit: u32) -> Option<Vec<Item>> {
        if self.is_closed.get() || !(1..=100).contains(&limit) {
            return None;
        }
        let products = self.products.borrow();
        let found = products.iter().filter(|item| item.category == category);
        Some(found.take(limit as usize).cloned().collect())
    }
}

impl Caller for Market {
    fn may_read(&self, user: &str) -> bool {
        *self.caller.borrow() == user && !user.is_empty()
    }
}
