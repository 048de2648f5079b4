//! Settling orders: each one that was placed is confirmed with a driver, or queued until one is free.
//!
//! Whoever settles (the request, an event, the schedule) does the same thing: ask delivery, which answers
//! an order that has a driver the same one again, and keep the answer unless somebody else was faster. So
//! it may be cut off anywhere and be done any number of times, by several at once.

use thali_support::sql::{Failed, commit};

use crate::bindings::exports::thali::orders::ordering::{Driver, Error, Order, Status};
use crate::bindings::thali::delivery::dispatch::{AssignError, Assignment, ReleaseError};
use crate::desk::Desk;
use crate::events::Event;
use crate::paying::{self, Paid};
use crate::store::{self, Stored, Way};

/// What delivery says about an order that waits for a driver.
#[derive(Debug)]
pub(crate) enum Found {
    /// Who drives.
    Driver(Assignment),
    /// Nobody is free.
    Nobody,
    /// Delivery does not answer now.
    Silence,
    /// The driver has the order: events will say so.
    Underway,
    /// No driver ever: it breaks a rule of delivery's, which the detail names.
    Never(String),
}

/// Asks delivery for a driver.
pub(crate) fn look_for_driver(desk: Desk<'_>, id: &str, way: Way) -> Found {
    match desk.neighbours.assign(id, way.pickup, way.dropoff) {
        Ok(assignment) => Found::Driver(assignment),
        Err(AssignError::NoDriverAvailable) => Found::Nobody,
        Err(AssignError::Unavailable) => Found::Silence,
        Err(AssignError::AlreadyUnderway) => Found::Underway,
        Err(AssignError::Invalid(detail)) => Found::Never(detail),
    }
}

/// Settles an order that is `placed`, and answers how it stands then. When the database fails on the way
/// it stays `placed`, which is no lie: the schedule goes on with it.
pub(crate) fn settle(desk: Desk<'_>, stored: Stored) -> Result<Order, Error> {
    let Stored { order, way, by_card, .. } = stored;
    if by_card {
        match paying::pay(desk, &order) {
            Paid::Yes => {}
            Paid::Later => {
                let queued = queue(desk, &order, way, false);
                return Ok(queued
                    .and_then(|queued| or_as_it_stands(desk, &order, queued))
                    .unwrap_or(order));
            }
            Paid::Declined(reason) => {
                call_off(desk, &order.id)?;
                return Err(Error::PaymentDeclined(reason));
            }
            Paid::Invalid(detail) => {
                call_off(desk, &order.id)?;
                return Err(Error::Invalid(detail));
            }
        }
    }
    let settled = match look_for_driver(desk, &order.id, way) {
        Found::Driver(assignment) => confirm(desk, &order, &assignment),
        Found::Nobody => queue(desk, &order, way, true),
        Found::Silence => queue(desk, &order, way, false),
        Found::Underway => Ok(None),
        Found::Never(detail) => {
            call_off(desk, &order.id)?;
            return Err(Error::Invalid(detail));
        }
    };
    Ok(settled.and_then(|settled| or_as_it_stands(desk, &order, settled)).unwrap_or(order))
}

/// Somebody else may have settled the order, or called it off.
fn or_as_it_stands(desk: Desk<'_>, order: &Order, settled: Option<Order>) -> Result<Order, Failed> {
    match settled {
        Some(settled) => Ok(settled),
        None => store::find(desk.database, &order.id)?
            .map(|stored| stored.order)
            .ok_or(Failed::Unavailable),
    }
}

/// Confirms an order that waits for a driver, and tells so. Nothing when it does not wait any more; if it
/// was called off meanwhile, the driver is let go.
pub(crate) fn confirm(
    desk: Desk<'_>,
    order: &Order,
    assignment: &Assignment,
) -> Result<Option<Order>, Failed> {
    let transaction = desk.database.begin()?;
    store::confirm(&*transaction, &order.id, assignment)?;
    let Assignment { tracking_id, driver, eta_minutes } = assignment.clone();
    let confirmed = Order {
        status: Status::Confirmed,
        driver: Some(Driver { id: driver.id, name: driver.name }),
        eta_minutes: Some(eta_minutes),
        tracking_id: Some(tracking_id),
        ..order.clone()
    };
    desk.events.publish(Event::changed(&confirmed))?;
    if commit(transaction)? {
        return Ok(Some(confirmed));
    }
    release_if_cancelled(desk, &order.id)?;
    Ok(None)
}

/// A driver who was found for an order after it was called off is let go.
///
/// # Errors
///
/// When that cannot be said now.
pub(crate) fn release_if_cancelled(desk: Desk<'_>, id: &str) -> Result<(), Failed> {
    if store::status(desk.database, id)? != Some(Status::Cancelled) {
        return Ok(());
    }
    match desk.neighbours.release(id) {
        Ok(()) | Err(ReleaseError::AlreadyUnderway) => Ok(()),
        Err(ReleaseError::Unavailable) => Err(Failed::Unavailable),
    }
}

/// Queues an order, and tells so. A driver who became free before the order was in the queue was not told
/// of it, so delivery is asked once more.
fn queue(desk: Desk<'_>, order: &Order, way: Way, again: bool) -> Result<Option<Order>, Failed> {
    let transaction = desk.database.begin()?;
    store::set_status(&*transaction, &order.id, Status::Placed, Status::Queued)?;
    let queued = Order { status: Status::Queued, ..order.clone() };
    desk.events.publish(Event::changed(&queued))?;
    if !commit(transaction)? {
        return Ok(None);
    }
    if again && let Found::Driver(assignment) = look_for_driver(desk, &order.id, way) {
        // What is queued is answered: whoever assigns next does what fails here.
        return match confirm(desk, &queued, &assignment) {
            Ok(None) => Ok(None),
            Ok(Some(confirmed)) => Ok(Some(confirmed)),
            Err(_) => Ok(Some(queued)),
        };
    }
    Ok(Some(queued))
}

/// Calls an order off, and tells so. Answers whether it still could be.
pub(crate) fn call_off(desk: Desk<'_>, id: &str) -> Result<bool, Failed> {
    let transaction = desk.database.begin()?;
    store::cancel(&*transaction, id)?;
    desk.events.publish(Event::cancelled(id))?;
    commit(transaction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::thali::delivery::dispatch::AssignError;
    use crate::bindings::thali::payments::charging::{Charge, Error as PayError, NewCharge};
    use crate::bindings::thali::restaurants::quoting::{Error as QuoteError, Line, Quote};
    use crate::bindings::thali::types::types::Location;
    use crate::neighbours::Neighbours;
    use crate::testing::{Shop, new_order, told};
    use crate::{deliveries, ordering, placing};

    /// A delivery whose answer takes so long that something else happens first.
    struct Slow<'a> {
        desk: Desk<'a>,
        meanwhile: fn(Desk<'a>, &str, &Assignment),
    }

    impl Neighbours for Slow<'_> {
        fn quote(&self, restaurant_id: &str, lines: &[Line]) -> Result<Quote, QuoteError> {
            self.desk.neighbours.quote(restaurant_id, lines)
        }

        fn charge(&self, charge: &NewCharge) -> Result<Charge, PayError> {
            self.desk.neighbours.charge(charge)
        }

        fn find_charge(&self, order_id: &str) -> Result<Charge, PayError> {
            self.desk.neighbours.find_charge(order_id)
        }

        fn assign(
            &self,
            id: &str,
            from: Location,
            to: Location,
        ) -> Result<Assignment, AssignError> {
            let assignment = self.desk.neighbours.assign(id, from, to)?;
            (self.meanwhile)(self.desk, id, &assignment);
            Ok(assignment)
        }

        fn release(&self, id: &str) -> Result<(), ReleaseError> {
            self.desk.neighbours.release(id)
        }
    }

    #[test]
    fn an_order_that_its_event_confirmed_first_is_answered_and_told_once() {
        let shop = Shop::new();
        let events = shop.events();
        let desk = shop.desk(&events);
        let slow = Slow {
            desk,
            meanwhile: |desk, id, driver| deliveries::driver_assigned(desk, id, driver).unwrap(),
        };
        let order = placing::place(Desk { neighbours: &slow, ..desk }, new_order(), None).unwrap();
        assert_eq!((order.status, &order), (Status::Confirmed, &shop.get(&order.id)));
        assert_eq!(told(&events), [Status::Confirmed]);
    }

    #[test]
    fn a_driver_found_for_an_order_that_was_called_off_meanwhile_is_let_go() {
        let shop = Shop::new();
        let events = shop.events();
        let desk = shop.desk(&events);
        let meanwhile = |desk: Desk<'_>, id: &str, _: &Assignment| {
            // Delivery does not hear of it, because the order has no driver yet.
            call_off(desk, id).unwrap();
        };
        let slow = Slow { desk, meanwhile };
        let order = placing::place(Desk { neighbours: &slow, ..desk }, new_order(), None).unwrap();
        assert_eq!((order.status, shop.town.driving()), (Status::Cancelled, 0));
        assert_eq!(ordering::get(desk.database, &order.id).unwrap(), order);
        assert_eq!(told(&events), [Status::Cancelled]);
    }
}
