//! A catalogue, a clock, and dice that fall the same way each time.

use std::cell::Cell;

use thali_support::testing::Memory;

use crate::bindings::exports::thali::pricing::calculating::{
    Basket, Destination, Error, Line, Quote,
};
use crate::bindings::thali::products::lookup::Item;
use crate::bindings::thali::types::types::Money;
use crate::calculating::calculate;
use crate::catalogue::{Away, Catalogue};
use crate::desk::Desk;

/// 2026-11-22
pub(crate) const NOW_MS: i64 = 1_795_305_600_000;

pub(crate) fn money(amount: i64, currency: &str) -> Money {
    Money { amount, currency: currency.into() }
}

pub(crate) fn usd(amount: i64) -> Money {
    money(amount, "USD")
}

pub(crate) fn line(product_id: &str, quantity: u32) -> Line {
    Line { product_id: product_id.into(), quantity }
}

/// A basket for New York.
pub(crate) fn basket(lines: &[Line]) -> Basket {
    Basket { lines: lines.to_vec(), coupon: None, destination: to("US", Some("NY")) }
}

pub(crate) fn to(country: &str, region: Option<&str>) -> Destination {
    Destination { country: country.into(), region: region.map(Into::into) }
}

/// The service with what products knows: the shirt, the mug and the keyboard, a book in euros, a
/// download that weighs nothing, and an anvil.
pub(crate) struct Till {
    pub(crate) database: Memory,
    pub(crate) items: Vec<Item>,
    pub(crate) away: Cell<bool>,
    pub(crate) asked: Cell<u32>,
}

impl Till {
    pub(crate) fn new() -> Self {
        let items = [
            ("1", 1999, "USD", 200),
            ("2", 1299, "USD", 400),
            ("3", 8999, "USD", 1100),
            ("book", 2500, "EUR", 700),
            ("download", 999, "USD", 0),
            ("anvil", 1_000, "USD", 30_001),
        ];
        let item = |(id, amount, currency, weight_grams): (&str, _, _, _)| Item {
            id: id.into(),
            name: id.into(),
            category: "Things".into(),
            price: money(amount, currency),
            weight_grams,
        };
        let scripts = [
            include_str!("../migrations/0001_init.sql"),
            include_str!("../migrations/0002_tables.sql"),
            include_str!("../seed.sql"),
        ];
        Self {
            database: Memory::new(&scripts),
            items: items.map(item).to_vec(),
            away: Cell::new(false),
            asked: Cell::new(0),
        }
    }

    pub(crate) fn at(&self, now_ms: i64, basket: Basket) -> Result<Quote, Error> {
        calculate(Desk { database: &self.database, catalogue: self, now_ms }, basket)
    }

    pub(crate) fn quote(&self, basket: Basket) -> Result<Quote, Error> {
        self.at(NOW_MS, basket)
    }

    pub(crate) fn with_coupon(&self, code: &str, lines: &[Line]) -> Result<Quote, Error> {
        self.quote(Basket { coupon: Some(code.into()), ..basket(lines) })
    }
}

impl Catalogue for Till {
    fn find(&self, ids: &[String]) -> Result<Vec<Item>, Away> {
        self.asked.set(self.asked.get() + 1);
        let known = self.items.iter().filter(|item| ids.contains(&item.id));
        if self.away.get() { Err(Away) } else { Ok(known.cloned().collect()) }
    }
}

/// Numbers that look like chance (xorshift64*), the same in every run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// 0 to `most`.
    pub(crate) fn up_to(&mut self, most: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % (most.unsigned_abs() + 1);
        i64::try_from(number).unwrap()
    }
}
