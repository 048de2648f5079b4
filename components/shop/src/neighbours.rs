//! The services that shop brings together, as seen from here.

use crate::bindings::thali::inventory::reservations::{
    self, Error as HoldError, Line as StockLine, Reservation, ReserveError,
};
use crate::bindings::thali::payments::charging::{self, Charge, Error as PayError, NewCharge};
use crate::bindings::thali::pricing::calculating::{self, Basket, Error as PriceError, Quote};

/// Every call that leaves this service. Each may find nobody, and says `unavailable` then. Each but the price may be
/// asked any number of times for an order, and does its work once.
pub(crate) trait Neighbours {
    /// What does this cost?
    fn price(&self, basket: &Basket) -> Result<Quote, PriceError>;
    /// Set this aside.
    fn reserve(
        &self,
        order_id: &str,
        lines: &[StockLine],
        ttl_seconds: u32,
    ) -> Result<Reservation, ReserveError>;
    /// Hold it for longer.
    fn extend(&self, order_id: &str, ttl_seconds: u32) -> Result<Reservation, HoldError>;
    /// It is sold.
    fn confirm(&self, order_id: &str) -> Result<Reservation, HoldError>;
    /// Nobody wants it any more.
    fn release(&self, order_id: &str) -> Result<(), HoldError>;
    /// Take the money.
    fn charge(&self, charge: &NewCharge) -> Result<Charge, PayError>;
    /// What became of the order's charge?
    fn find_charge(&self, order_id: &str) -> Result<Charge, PayError>;
    /// Give the money back, or see to it that none is taken.
    fn refund(&self, charge_id: &str) -> Result<Charge, PayError>;
}

/// The services that are deployed beside this one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Neighbours for Live {
    fn price(&self, basket: &Basket) -> Result<Quote, PriceError> {
        calculating::calculate(basket)
    }

    fn reserve(
        &self,
        order_id: &str,
        lines: &[StockLine],
        ttl_seconds: u32,
    ) -> Result<Reservation, ReserveError> {
        reservations::reserve(order_id, lines, ttl_seconds)
    }

    fn extend(&self, order_id: &str, ttl_seconds: u32) -> Result<Reservation, HoldError> {
        reservations::extend(order_id, ttl_seconds)
    }

    fn confirm(&self, order_id: &str) -> Result<Reservation, HoldError> {
        reservations::confirm(order_id)
    }

    fn release(&self, order_id: &str) -> Result<(), HoldError> {
        reservations::release(order_id)
    }

    fn charge(&self, charge: &NewCharge) -> Result<Charge, PayError> {
        charging::create(charge)
    }

    fn find_charge(&self, order_id: &str) -> Result<Charge, PayError> {
        charging::find(order_id)
    }

    fn refund(&self, charge_id: &str) -> Result<Charge, PayError> {
        charging::refund(charge_id)
    }
}
