//! A catalogue, and an inventory that answers as it is told.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use thali_support::testing::Memory;

use crate::bindings::exports::thali::products::catalog::{Error, Filter, Page, ProductInput};
use crate::bindings::thali::inventory::reservations::{
    Line, Reservation, ReserveError, Shortage, Status,
};
use crate::bindings::thali::inventory::stock::Level;
use crate::bindings::thali::types::types::Money;
use crate::catalog;
use crate::inventory::Inventory;

pub(crate) fn database() -> Memory {
    Memory::new(&[include_str!("../migrations/0001_init.sql"), include_str!("../seed.sql")])
}

pub(crate) fn input(name: &str) -> ProductInput {
    ProductInput {
        name: name.into(),
        description: None,
        category: "Books".into(),
        price: Money { amount: 2500, currency: "USD".into() },
        tags: None,
        weight_grams: None,
    }
}

pub(crate) fn all() -> Filter {
    Filter { q: None, category: None, limit: None, cursor: None }
}

pub(crate) fn names(page: &Page) -> Vec<&str> {
    page.items.iter().map(|item| item.name.as_str()).collect()
}

/// The names of the products that a search finds.
pub(crate) fn search(database: &Memory, q: &str) -> Result<Vec<String>, Error> {
    let filter = Filter { q: Some(q.into()), ..all() };
    let page = catalog::list(database, &Stock::default(), &filter)?;
    Ok(page.items.into_iter().map(|item| item.name).collect())
}

/// An inventory with ten of each product.
#[derive(Default)]
pub(crate) struct Stock {
    away: Cell<bool>,
    pub(crate) asked: RefCell<Vec<Vec<String>>>,
    held: RefCell<BTreeMap<String, u32>>,
}

impl Stock {
    pub(crate) fn away() -> Self {
        Self { away: Cell::new(true), ..Self::default() }
    }

    /// How many are held.
    pub(crate) fn held(&self) -> u32 {
        self.held.borrow().values().sum()
    }
}

impl Inventory for Stock {
    fn levels(&self, product_ids: &[String]) -> Option<Vec<Level>> {
        self.asked.borrow_mut().push(product_ids.to_vec());
        let reserved = self.held();
        let level = |id: &String| Level {
            product_id: id.clone(),
            stock: 10,
            reserved,
            available: 10 - reserved,
        };
        (!self.away.get()).then(|| product_ids.iter().map(level).collect())
    }

    fn reserve(
        &self,
        key: &str,
        line: Line,
        ttl_seconds: u32,
    ) -> Result<Reservation, ReserveError> {
        if self.away.get() {
            return Err(ReserveError::Unavailable);
        }
        let available = 10 - self.held();
        if !self.held.borrow().contains_key(key) && line.quantity > available {
            let product_id = line.product_id;
            return Err(ReserveError::InsufficientStock(Shortage { product_id, available }));
        }
        self.held.borrow_mut().insert(key.to_owned(), line.quantity);
        Ok(Reservation {
            key: key.into(),
            lines: vec![line],
            status: Status::Held,
            expires_at: format!("in {ttl_seconds} s"),
        })
    }
}
