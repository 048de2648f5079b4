//! Placing an order: quote, keep, settle (which is pay, and find a driver).
//!
//! From the moment it is kept the order stands. What fails after that is made up for without the client:
//! by the event of the driver who was found, or on schedule.

use thali_support::id;
use thali_support::sql::{ConstraintKind, Failed};

use crate::bindings::exports::thali::orders::ordering::{Error, Item, NewOrder, Order, Status};
use crate::bindings::thali::restaurants::quoting::{Error as QuoteError, Line, PricedLine, Quote};
use crate::bindings::thali::types::types::{Location, Method, Payment};
use crate::desk::Desk;
use crate::events::Event;
use crate::store::{self, Stored, Way};
use crate::{input, settling};

/// Places an order. A request that is sent again under the same name finds the order it placed.
pub(crate) fn place(
    desk: Desk<'_>,
    new: NewOrder,
    idempotency_id: Option<&str>,
) -> Result<Order, Error> {
    if let Some(stored) = placed_before(desk, idempotency_id)? {
        return go_on(desk, stored);
    }
    let new = input::checked(new)?;
    let quote = quote(desk, &new)?;
    match keep(desk, &new, idempotency_id, quote) {
        Ok(stored) => settling::settle(desk, stored),
        Err(Failed::Constraint(ConstraintKind::Unique)) => {
            let stored = placed_before(desk, idempotency_id)?;
            stored.map_or(Err(Error::Unavailable), |stored| go_on(desk, stored))
        }
        Err(failed) => Err(failed.into()),
    }
}

fn placed_before(desk: Desk<'_>, idempotency_id: Option<&str>) -> Result<Option<Stored>, Failed> {
    idempotency_id.map_or(Ok(None), |name| store::find_by_request(desk.database, name))
}

/// Takes an order up where its request was cut off.
fn go_on(desk: Desk<'_>, stored: Stored) -> Result<Order, Error> {
    match stored.order.status {
        Status::Placed => settling::settle(desk, stored),
        _ => Ok(stored.order),
    }
}

fn quote(desk: Desk<'_>, new: &NewOrder) -> Result<Quote, Error> {
    let lines: Vec<Line> = new
        .items
        .iter()
        .map(|line| Line { item_id: line.item_id.clone(), quantity: line.quantity })
        .collect();
    desk.neighbours.quote(&new.restaurant_id, &lines).map_err(|error| match error {
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

/// Keeps the order, and tells of it.
fn keep(
    desk: Desk<'_>,
    new: &NewOrder,
    idempotency_id: Option<&str>,
    quote: Quote,
) -> Result<Stored, Failed> {
    let id = id::new();
    if let Some(Payment { method: Method::Card(card) }) = &new.payment {
        desk.cards.keep(&id, card);
    }
    let owner = desk.caller.subject();
    let transaction = desk.database.begin()?;
    store::insert(&*transaction, &id, idempotency_id, owner.as_deref(), new, &quote, desk.now_ms)?;
    let way = Way {
        pickup: quote.location,
        dropoff: Location { lat: new.address.lat, lon: new.address.lon },
    };
    let order = placed_order(id, quote);
    desk.events.publish(Event::placed(&order, new))?;
    transaction.commit()?;
    Ok(Stored { order, way, by_card: store::is_by_card(new), owner })
}

fn placed_order(id: String, quote: Quote) -> Order {
    let items = quote.lines.into_iter().map(|line| {
        let PricedLine { item_id, name, price, quantity, total } = line;
        Item { item_id, name, price, quantity, total }
    });
    Order {
        id,
        status: Status::Placed,
        restaurant_id: quote.restaurant_id,
        restaurant: quote.restaurant,
        items: items.collect(),
        total: quote.total,
        driver: None,
        eta_minutes: None,
        tracking_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::exports::thali::orders::ordering::Line as OrderLine;
    use crate::bindings::thali::delivery::dispatch::AssignError;
    use crate::events::Changed;
    use crate::ordering;
    use crate::testing::{Shop, count, new_order, told};

    fn place(shop: &Shop) -> Result<Order, Error> {
        super::place(shop.desk(&shop.events()), new_order(), None)
    }

    #[test]
    fn an_order_is_confirmed_with_driver_eta_and_tracking_id() {
        let shop = Shop::new();
        let order = place(&shop).unwrap();
        assert_eq!(order.status, Status::Confirmed);
        assert_eq!((order.restaurant.as_str(), order.total.amount), ("Pizza Paradise", 2598));
        assert_eq!(order.driver.as_ref().unwrap().name, "Speed Racer");
        assert_eq!(order.eta_minutes, Some(17));
        assert_eq!(order.tracking_id.as_deref(), Some("t-1"));
        assert_eq!(shop.get(&order.id), order);
    }

    #[test]
    fn an_order_of_many_items_reads_back_in_its_order() {
        let shop = Shop::new();
        let mut new = new_order();
        let line = |n: u32| (n.to_string(), n + 1);
        new.items =
            (0..100).map(line).map(|(item_id, quantity)| OrderLine { item_id, quantity }).collect();
        let order = super::place(shop.desk(&shop.events()), new, None).unwrap();
        let items = shop.get(&order.id).items;
        assert!(
            items.iter().map(|item| (item.item_id.clone(), item.quantity)).eq((0..100).map(line))
        );
        assert_eq!(items, order.items);
    }

    #[test]
    fn that_it_was_placed_and_then_confirmed_is_told() {
        let shop = Shop::new();
        let events = shop.events();
        let mut new = new_order();
        new.customer.email = Some("Ada@Example.org".into());
        let order = super::place(shop.desk(&events), new, None).unwrap();
        let told = events.published();
        assert_eq!(told.len(), 2);
        let Event::OrderPlaced { order_id, contact, .. } = &told[0] else { panic!("{told:?}") };
        assert_eq!(order_id, &order.id);
        assert_eq!(contact.email.as_deref(), Some("Ada@example.org"));
        assert_eq!(told[1], Event::changed(&order));
        let Event::OrderStatusChanged(Changed { driver, eta_minutes, .. }) = &told[1] else {
            panic!("{told:?}")
        };
        assert_eq!((driver, *eta_minutes), (&order.driver, Some(17)));
    }

    #[test]
    fn no_driver_or_no_delivery_leaves_the_order_queued() {
        for refusal in [AssignError::NoDriverAvailable, AssignError::Unavailable] {
            let shop = Shop::new();
            shop.town.refuse_to_assign(refusal);
            let events = shop.events();
            let order = super::place(shop.desk(&events), new_order(), None).unwrap();
            assert_eq!(order.status, Status::Queued);
            assert_eq!(
                (&order.driver, order.eta_minutes, &order.tracking_id),
                (&None, None, &None)
            );
            assert_eq!(shop.get(&order.id), order);
            assert_eq!(told(&events), [Status::Queued]);
        }
    }

    #[test]
    fn a_driver_who_is_freed_while_the_order_gets_into_the_queue_is_found() {
        let shop = Shop::with_drivers(1);
        shop.town.be_busy_once();
        let events = shop.events();
        let order = super::place(shop.desk(&events), new_order(), None).unwrap();
        assert_eq!(order.status, Status::Confirmed);
        assert_eq!(shop.get(&order.id), order);
        assert_eq!(told(&events), [Status::Queued, Status::Confirmed]);
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
            let shop = Shop::new();
            shop.town.refuse_to_quote(refusal);
            let events = shop.events();
            let refused = super::place(shop.desk(&events), new_order(), None);
            assert_eq!(refused, Err(expected));
            assert_eq!((count(&shop.database, "orders"), shop.town.asked()), (0, 0));
            assert_eq!(events.published(), []);
        }
    }

    #[test]
    fn an_order_that_cannot_be_kept_takes_no_driver_and_is_not_told() {
        for steps in 0..5 {
            let shop = Shop::new();
            let events = shop.events();
            shop.database.fail_after(steps);
            let refused = super::place(shop.desk(&events), new_order(), None);
            assert_eq!(refused, Err(Error::Unavailable));
            shop.database.recover();
            assert_eq!((shop.town.asked(), events.published().len()), (0, 0));
            assert_eq!(count(&shop.database, "orders"), 0);
        }
    }

    #[test]
    fn an_order_that_cannot_be_settled_now_stands_and_keeps_its_driver() {
        let shop = Shop::new();
        let order = shop.place_cut_off();
        assert_eq!(ordering::get(&shop.database, &order.id).unwrap(), order);
        assert!(shop.town.drives_for(&order.id));
    }

    #[test]
    fn an_order_that_delivery_refuses_is_called_off() {
        let shop = Shop::new();
        shop.town.refuse_to_assign(AssignError::Invalid("off the map".into()));
        let events = shop.events();
        let refused = super::place(shop.desk(&events), new_order(), None);
        assert_eq!(refused, Err(Error::Invalid("off the map".into())));
        assert_eq!(count(&shop.database, "orders WHERE status = 'cancelled'"), 1);
        assert_eq!(told(&events), [Status::Cancelled]);
    }

    #[test]
    fn nothing_is_asked_of_anybody_for_an_order_that_breaks_the_rules() {
        let shop = Shop::new();
        let mut new = new_order();
        new.items.clear();
        let refused = super::place(shop.desk(&shop.events()), new, None);
        assert!(matches!(refused, Err(Error::Invalid(_))));
        assert_eq!((shop.town.quoted(), count(&shop.database, "orders")), (0, 0));
    }

    #[test]
    fn a_request_that_is_sent_again_answers_the_order_it_placed() {
        let shop = Shop::new();
        let place = |name| super::place(shop.desk(&shop.events()), new_order(), Some(name));
        let first = place("a").unwrap();
        assert_eq!(place("a").unwrap(), first);
        assert_eq!((shop.town.quoted(), shop.town.driving()), (1, 1));
        assert_ne!(place("b").unwrap().id, first.id);
        assert_ne!(shop.place().id, shop.place().id);
    }

    #[test]
    fn a_request_that_was_cut_off_anywhere_goes_on_when_it_is_sent_again() {
        for steps in 0..12 {
            let shop = Shop::new();
            let events = shop.events();
            let place = || super::place(shop.desk(&events), new_order(), Some("a"));
            shop.database.fail_after(steps);
            let first = place();
            shop.database.recover();
            let second = place().unwrap();
            assert_eq!(second.status, Status::Confirmed, "{steps}");
            assert!(first.is_err() || first.is_ok_and(|first| first.id == second.id), "{steps}");
            assert_eq!((count(&shop.database, "orders"), shop.town.driving()), (1, 1), "{steps}");
            assert_eq!(told(&events), [Status::Confirmed], "{steps}");
        }
    }
}
