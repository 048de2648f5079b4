//! Placing an order: quote, keep, find a driver, confirm, tell the customer. What was begun is undone
//! when a later step fails.
//!
//! An order for which nobody is free is `queued`. To assign it later it is enough to ask delivery again
//! with its id: an order that has a driver already is answered the same one.

use thali_support::id;
use thali_support::sql::Database;

use crate::bindings::exports::thali::orders::ordering::{
    Driver, Error, Item, NewOrder, Order, Status,
};
use crate::bindings::thali::delivery::dispatch::{AssignError, Assignment};
use crate::bindings::thali::restaurants::quoting::{Error as QuoteError, Line, PricedLine, Quote};
use crate::bindings::thali::types::types::Location;
use crate::neighbours::Neighbours;
use crate::store::{self, Contact};
use crate::{input, messages};

/// Places an order.
pub(crate) fn place(
    database: &dyn Database,
    neighbours: &dyn Neighbours,
    new: NewOrder,
    now_ms: i64,
) -> Result<Order, Error> {
    let new = input::checked(new)?;
    let quote = quote(neighbours, &new)?;
    let id = id::new();
    store::insert(database, &id, &new, &quote, now_ms)?;
    let settled = assign(neighbours, &id, &new, &quote).and_then(|assignment| {
        let still_placed = store::settle(database, &id, assignment.as_ref())?;
        if still_placed { Ok(assignment) } else { Err(Error::Unavailable) }
    });
    match settled {
        Ok(assignment) => {
            let order = settled_order(id, quote, assignment);
            let contact = Contact { phone: new.customer.phone, email: new.customer.email };
            messages::tell(neighbours, &order, &contact);
            Ok(order)
        }
        Err(error) => {
            undo(database, neighbours, &id);
            Err(error)
        }
    }
}

fn quote(neighbours: &dyn Neighbours, new: &NewOrder) -> Result<Quote, Error> {
    let lines: Vec<Line> = new
        .items
        .iter()
        .map(|line| Line { item_id: line.item_id.clone(), quantity: line.quantity })
        .collect();
    neighbours.quote(&new.restaurant_id, &lines).map_err(|error| match error {
        QuoteError::NotFound => no_restaurant(&new.restaurant_id),
        QuoteError::Closed => Error::Closed,
        QuoteError::ItemUnavailable(item_id) => Error::ItemUnavailable(item_id),
        QuoteError::Invalid(detail) => Error::Invalid(detail),
        QuoteError::Unavailable => Error::Unavailable,
    })
}

fn no_restaurant(id: &str) -> Error {
    Error::NotFound(["there is no restaurant ", id].concat())
}

/// Looks for a driver. An order that finds none waits for one.
fn assign(
    neighbours: &dyn Neighbours,
    id: &str,
    new: &NewOrder,
    quote: &Quote,
) -> Result<Option<Assignment>, Error> {
    let dropoff = Location { lat: new.address.lat, lon: new.address.lon };
    match neighbours.assign(id, quote.location, dropoff) {
        Ok(assignment) => Ok(Some(assignment)),
        Err(AssignError::NoDriverAvailable | AssignError::Unavailable) => Ok(None),
        Err(AssignError::Invalid(detail)) => Err(Error::Invalid(detail)),
        // The id is new: whoever says this speaks of another order.
        Err(AssignError::AlreadyUnderway) => Err(Error::Unavailable),
    }
}

/// Frees the driver, and calls the order off. If that cannot be said to anybody now, the order stays
/// `placed`: nobody was told its id, and asking delivery again for it answers the same driver.
fn undo(database: &dyn Database, neighbours: &dyn Neighbours, id: &str) {
    if neighbours.release(id).is_err() {
        eprintln!("the driver of order {id} was not released");
    }
    if store::cancel(database, id, Status::Placed).is_err() {
        eprintln!("order {id} was not called off");
    }
}

fn settled_order(id: String, quote: Quote, assignment: Option<Assignment>) -> Order {
    let status = if assignment.is_some() { Status::Confirmed } else { Status::Queued };
    let (driver, eta_minutes, tracking_id) = match assignment {
        Some(Assignment { tracking_id, driver, eta_minutes }) => {
            let driver = Driver { id: driver.id, name: driver.name };
            (Some(driver), Some(eta_minutes), Some(tracking_id))
        }
        None => (None, None, None),
    };
    let items = quote.lines.into_iter().map(|line| {
        let PricedLine { item_id, name, price, quantity, total } = line;
        Item { item_id, name, price, quantity, total }
    });
    Order {
        id,
        status,
        restaurant_id: quote.restaurant_id,
        restaurant: quote.restaurant,
        items: items.collect(),
        total: quote.total,
        driver,
        eta_minutes,
        tracking_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::thali::notifications::notifying::{Channel, Error as NotifyError};
    use crate::ordering;
    use crate::testing::{Town, count, database, new_order};

    #[test]
    fn an_order_is_confirmed_with_driver_eta_and_tracking_id() {
        let (database, town) = (database(), Town::new());
        let order = place(&database, &town, new_order(), 0).unwrap();
        assert_eq!(order.status, Status::Confirmed);
        assert_eq!((order.restaurant.as_str(), order.total.amount), ("Pizza Paradise", 2598));
        assert_eq!(order.driver.as_ref().unwrap().name, "Speed Racer");
        assert_eq!(order.eta_minutes, Some(17));
        assert_eq!(order.tracking_id.as_deref(), Some("t-1"));
        assert_eq!(ordering::get(&database, &order.id).unwrap(), order);
    }

    #[test]
    fn the_customer_is_told_by_text_and_by_email_when_there_is_an_address() {
        let (database, town) = (database(), Town::new());
        let mut new = new_order();
        new.customer.email = Some("ada@example.org".into());
        place(&database, &town, new, 0).unwrap();
        let told = town.told();
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].recipient, "+15550100");
        assert!(told[0].message.contains("Speed Racer brings it in about 17 minutes"));
        assert_eq!(
            (told[1].type_, told[1].recipient.as_str()),
            (Channel::Email, "ada@example.org")
        );
    }

    #[test]
    fn no_driver_or_no_delivery_leaves_the_order_queued() {
        for refusal in [AssignError::NoDriverAvailable, AssignError::Unavailable] {
            let (database, town) = (database(), Town::new());
            town.refuse_to_assign(refusal);
            let order = place(&database, &town, new_order(), 0).unwrap();
            assert_eq!(order.status, Status::Queued);
            assert_eq!(
                (&order.driver, order.eta_minutes, &order.tracking_id),
                (&None, None, &None)
            );
            assert_eq!(ordering::get(&database, &order.id).unwrap(), order);
            assert_eq!(town.told().len(), 1);
        }
    }

    #[test]
    fn what_restaurants_refuse_is_not_kept() {
        let refusals = [
            (QuoteError::NotFound, Error::NotFound("there is no restaurant 1".into())),
            (QuoteError::Closed, Error::Closed),
            (QuoteError::ItemUnavailable("1".into()), Error::ItemUnavailable("1".into())),
            (QuoteError::Invalid("too much".into()), Error::Invalid("too much".into())),
            (QuoteError::Unavailable, Error::Unavailable),
        ];
        for (refusal, expected) in refusals {
            let (database, town) = (database(), Town::new());
            town.refuse_to_quote(refusal);
            assert_eq!(place(&database, &town, new_order(), 0), Err(expected));
            assert_eq!(count(&database, "orders"), 0);
            assert_eq!((town.assigned(), town.told().len()), (0, 0));
        }
    }

    #[test]
    fn a_notification_that_fails_never_fails_the_order() {
        for refusal in [NotifyError::Unavailable, NotifyError::BadRecipient("no".into())] {
            let (database, town) = (database(), Town::new());
            town.refuse_to_notify(refusal);
            let order = place(&database, &town, new_order(), 0).unwrap();
            assert_eq!(order.status, Status::Confirmed);
        }
    }

    #[test]
    fn an_order_that_cannot_be_kept_takes_no_driver() {
        let (database, town) = (database(), Town::new());
        database.fail_after(0);
        assert_eq!(place(&database, &town, new_order(), 0), Err(Error::Unavailable));
        assert_eq!((town.assigned(), town.told().len()), (0, 0));
    }

    #[test]
    fn a_driver_whose_order_cannot_be_confirmed_is_released() {
        let (database, town) = (database(), Town::new());
        database.fail_after(1);
        assert_eq!(place(&database, &town, new_order(), 0), Err(Error::Unavailable));
        assert_eq!((town.assigned(), town.released(), town.told().len()), (1, 1, 0));
    }

    #[test]
    fn an_order_that_delivery_refuses_is_called_off() {
        let (database, town) = (database(), Town::new());
        town.refuse_to_assign(AssignError::Invalid("off the map".into()));
        let refused = place(&database, &town, new_order(), 0);
        assert_eq!(refused, Err(Error::Invalid("off the map".into())));
        assert_eq!(count(&database, "orders WHERE status = 'cancelled'"), 1);
    }

    #[test]
    fn nothing_is_asked_of_anybody_for_an_order_that_breaks_the_rules() {
        let (database, town) = (database(), Town::new());
        let mut new = new_order();
        new.items.clear();
        assert!(matches!(place(&database, &town, new, 0), Err(Error::Invalid(_))));
        assert_eq!((town.quoted(), count(&database, "orders")), (0, 0));
    }
}
