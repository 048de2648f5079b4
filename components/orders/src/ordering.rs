//! Orders after they are placed: reading them, moving them on, calling them off.

use thali_support::id;
use thali_support::sql::{Database, Failed};

use crate::bindings::exports::thali::orders::ordering::{Error, Order, Status};
use crate::bindings::thali::delivery::dispatch::ReleaseError;
use crate::messages;
use crate::neighbours::Neighbours;
use crate::store::{self, Stored};

/// How often a change is tried when somebody else changed the order in between.
const TRIES_MAX: usize = 4;

const NO_ORDER: &str = "there is no order with this id";

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// An order as it stands.
pub(crate) fn get(database: &dyn Database, id: &str) -> Result<Order, Error> {
    find(database, id).map(|stored| stored.order)
}

fn find(database: &dyn Database, id: &str) -> Result<Stored, Error> {
    let stored = if id::is_plausible(id) { store::find(database, id)? } else { None };
    stored.ok_or_else(|| Error::NotFound(NO_ORDER.to_owned()))
}

/// Moves an order on.
pub(crate) fn set_status(
    database: &dyn Database,
    id: &str,
    status: Status,
) -> Result<Order, Error> {
    for _ in 0..TRIES_MAX {
        let order = get(database, id)?;
        if !order.status.may_become(status) {
            let way = ["from ", order.status.as_str(), " to ", status.as_str()].concat();
            return Err(Error::InvalidTransition(way));
        }
        if store::set_status(database, id, order.status, status)? > 0 {
            return Ok(Order { status, ..order });
        }
    }
    Err(Error::Unavailable)
}

/// Calls an order off, and frees its driver.
pub(crate) fn cancel(
    database: &dyn Database,
    neighbours: &dyn Neighbours,
    id: &str,
) -> Result<Order, Error> {
    for _ in 0..TRIES_MAX {
        let Stored { order, contact } = find(database, id)?;
        if order.status == Status::Cancelled {
            return Ok(order);
        }
        if !order.status.may_be_cancelled() {
            return Err(Error::TooLate);
        }
        // Claimed first: a driver who is free must not belong to an order that has moved on meanwhile.
        if store::cancel(database, id, order.status)? {
            if let Err(refused) = release(neighbours, &order) {
                store::restore(database, &order)?;
                return Err(refused);
            }
            let status = Status::Cancelled;
            let order =
                Order { status, driver: None, eta_minutes: None, tracking_id: None, ..order };
            messages::tell(neighbours, &order, &contact);
            return Ok(order);
        }
    }
    Err(Error::Unavailable)
}

/// Frees the driver of an order that is called off. The driver is the one who knows whether it is too
/// late. An order that waits may have a driver it never heard of, but need not wait for one.
fn release(neighbours: &dyn Neighbours, order: &Order) -> Result<(), Error> {
    match neighbours.release(&order.id) {
        Ok(()) => Ok(()),
        Err(ReleaseError::AlreadyUnderway) => Err(Error::TooLate),
        Err(ReleaseError::Unavailable) if order.driver.is_none() => Ok(()),
        Err(ReleaseError::Unavailable) => Err(Error::Unavailable),
    }
}

#[cfg(test)]
mod tests {
    use thali_support::testing::Memory;

    use super::*;
    use crate::bindings::thali::delivery::dispatch::AssignError;
    use crate::placing::place;
    use crate::testing::{Town, database, new_order};

    fn confirmed() -> (Memory, Town, String) {
        let (database, town) = (database(), Town::new());
        let id = place(&database, &town, new_order(), 0).unwrap().id;
        (database, town, id)
    }

    fn queued() -> (Memory, Town, String) {
        let (database, town) = (database(), Town::new());
        town.refuse_to_assign(AssignError::NoDriverAvailable);
        let id = place(&database, &town, new_order(), 0).unwrap().id;
        (database, town, id)
    }

    #[test]
    fn the_kitchen_moves_an_order_to_delivered_step_by_step() {
        let (database, _, id) = confirmed();
        for status in [Status::Preparing, Status::Ready, Status::PickedUp, Status::Delivered] {
            assert_eq!(set_status(&database, &id, status).unwrap().status, status);
            assert_eq!(get(&database, &id).unwrap().status, status);
        }
    }

    #[test]
    fn a_step_that_is_not_next_names_both_statuses_and_changes_nothing() {
        let (database, _, id) = confirmed();
        for (status, name) in [
            (Status::Confirmed, "confirmed"),
            (Status::PickedUp, "picked_up"),
            (Status::Cancelled, "cancelled"),
            (Status::Placed, "placed"),
        ] {
            let expected = Error::InvalidTransition(["from confirmed to ", name].concat());
            assert_eq!(set_status(&database, &id, status), Err(expected));
        }
        assert_eq!(get(&database, &id).unwrap().status, Status::Confirmed);
        let (database, _, id) = queued();
        assert!(set_status(&database, &id, Status::Confirmed).is_err());
    }

    #[test]
    fn a_cancelled_order_frees_its_driver_tells_the_customer_and_stays_cancelled() {
        let (database, town, id) = confirmed();
        let order = cancel(&database, &town, &id).unwrap();
        assert_eq!((order.status, &order.driver), (Status::Cancelled, &None));
        assert_eq!(get(&database, &id).unwrap(), order);
        assert_eq!(cancel(&database, &town, &id).unwrap(), order);
        assert_eq!(town.released(), 1);
        assert!(town.told().last().unwrap().message.ends_with("is cancelled."));
        assert!(set_status(&database, &id, Status::Preparing).is_err());
    }

    #[test]
    fn an_order_that_was_picked_up_cannot_be_cancelled() {
        let (database, town, id) = confirmed();
        for status in [Status::Preparing, Status::Ready, Status::PickedUp] {
            set_status(&database, &id, status).unwrap();
        }
        assert_eq!(cancel(&database, &town, &id), Err(Error::TooLate));
        set_status(&database, &id, Status::Delivered).unwrap();
        assert_eq!(cancel(&database, &town, &id), Err(Error::TooLate));
        assert_eq!(town.released(), 0);
    }

    #[test]
    fn the_driver_who_has_the_order_already_has_the_last_word() {
        let (database, town, id) = confirmed();
        town.refuse_to_release(ReleaseError::AlreadyUnderway);
        let before = get(&database, &id).unwrap();
        assert_eq!(cancel(&database, &town, &id), Err(Error::TooLate));
        assert_eq!(before.status, Status::Confirmed);
        assert_eq!(get(&database, &id).unwrap(), before, "driver and ETA included");
    }

    #[test]
    fn without_delivery_only_an_order_without_a_driver_can_be_cancelled() {
        let (database, town, id) = confirmed();
        town.refuse_to_release(ReleaseError::Unavailable);
        assert_eq!(cancel(&database, &town, &id), Err(Error::Unavailable));
        assert_eq!(get(&database, &id).unwrap().status, Status::Confirmed);
        let (database, town, id) = queued();
        town.refuse_to_release(ReleaseError::Unavailable);
        assert_eq!(cancel(&database, &town, &id).unwrap().status, Status::Cancelled);
    }

    #[test]
    fn unknown_orders_are_not_found() {
        let (database, town) = (database(), Town::new());
        for id in ["", "nothing", "a\0b", &"x".repeat(10_000)] {
            let not_found = Err(Error::NotFound(NO_ORDER.into()));
            assert_eq!(get(&database, id), not_found);
            assert_eq!(cancel(&database, &town, id), not_found);
            assert_eq!(set_status(&database, id, Status::Ready), not_found);
        }
    }
}
