//! The services that orders brings together, as seen from here.

use crate::bindings::thali::delivery::dispatch::{self, AssignError, Assignment, ReleaseError};
use crate::bindings::thali::payments::charging::{self, Charge, Error as PayError, NewCharge};
use crate::bindings::thali::restaurants::quoting::{self, Error as QuoteError, Line, Quote};
use crate::bindings::thali::types::types::Location;

/// Every call that leaves this service. Each may find nobody, and says `unavailable` then.
pub(crate) trait Neighbours {
    /// What does this cost, and where is it picked up?
    fn quote(&self, restaurant_id: &str, lines: &[Line]) -> Result<Quote, QuoteError>;
    /// Take the money. An order is charged once, however often this is asked.
    fn charge(&self, charge: &NewCharge) -> Result<Charge, PayError>;
    /// What became of the order's charge?
    fn find_charge(&self, order_id: &str) -> Result<Charge, PayError>;
    /// Who drives?
    fn assign(
        &self,
        order_id: &str,
        pickup: Location,
        dropoff: Location,
    ) -> Result<Assignment, AssignError>;
    /// Nobody needs to drive any more.
    fn release(&self, order_id: &str) -> Result<(), ReleaseError>;
}

/// The services that are deployed beside this one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Neighbours for Live {
    fn quote(&self, restaurant_id: &str, lines: &[Line]) -> Result<Quote, QuoteError> {
        quoting::quote_order(restaurant_id, lines)
    }

    fn charge(&self, charge: &NewCharge) -> Result<Charge, PayError> {
        charging::create(charge)
    }

    fn find_charge(&self, order_id: &str) -> Result<Charge, PayError> {
        charging::find(order_id)
    }

    fn assign(
        &self,
        order_id: &str,
        pickup: Location,
        dropoff: Location,
    ) -> Result<Assignment, AssignError> {
        dispatch::assign(order_id, pickup, dropoff)
    }

    fn release(&self, order_id: &str) -> Result<(), ReleaseError> {
        dispatch::release(order_id)
    }
}
