//! What delivery tells. Each of these may come twice, late, or after the order has moved on: the state of
//! the order says whether there is anything left to do.

use thali_support::sql::{Failed, commit};

use crate::bindings::exports::thali::orders::ordering::Status;
use crate::bindings::thali::delivery::dispatch::Assignment;
use crate::bindings::thali::types::types::Location;
use crate::desk::Desk;
use crate::events::{Changed, Event};
use crate::settling;
use crate::store::{self, Stored};

/// A driver was found for an order. Usually the order knows; it does not when its request was cut off.
pub(crate) fn driver_assigned(
    desk: Desk<'_>,
    order_id: &str,
    assignment: &Assignment,
) -> Result<(), Failed> {
    match store::status(desk.database, order_id)? {
        Some(Status::Placed | Status::Queued) => {
            let Some(Stored { order, .. }) = store::find(desk.database, order_id)? else {
                return Ok(());
            };
            settling::confirm(desk, &order, assignment).map(drop)
        }
        Some(Status::Cancelled) => settling::release_if_cancelled(desk, order_id),
        _ => Ok(()),
    }
}

/// The driver has the order (`picked-up`), or it is at the door (`delivered`).
pub(crate) fn followed(
    desk: Desk<'_>,
    order_id: &str,
    status: Status,
    tracking_id: &str,
    eta_minutes: u32,
) -> Result<(), Failed> {
    let transaction = desk.database.begin()?;
    let moved = store::follow_delivery(&*transaction, order_id, status, tracking_id)?;
    let Some(driver) = moved else { return Ok(()) };
    desk.events.publish(Event::OrderStatusChanged(Changed {
        order_id: order_id.to_owned(),
        status,
        driver,
        eta_minutes: Some(eta_minutes),
        tracking_id: Some(tracking_id.to_owned()),
    }))?;
    transaction.commit()
}

/// The driver is somewhere else: whoever follows the order sees it.
pub(crate) fn driver_moved(
    desk: Desk<'_>,
    order_id: &str,
    location: Location,
    eta_minutes: u32,
    delivery_id: Option<&str>,
) -> Result<(), Failed> {
    let transaction = desk.database.begin()?;
    store::note_move(&*transaction, order_id, delivery_id)?;
    let order_id = order_id.to_owned();
    desk.events.publish(Event::DriverMoved { order_id, location, eta_minutes })?;
    commit(transaction).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Shop, told};

    const HERE: Location = Location { lat: 52.5, lon: 13.4 };

    #[test]
    fn an_order_whose_request_was_cut_off_is_settled_by_its_driver() {
        let shop = Shop::new();
        let order = shop.place_cut_off();
        let (events, assignment) = (shop.events(), shop.town.assignment(&order.id));
        for _ in 0..2 {
            driver_assigned(shop.desk(&events), &order.id, &assignment).unwrap();
            let confirmed = shop.get(&order.id);
            assert_eq!(confirmed.status, Status::Confirmed);
            assert_eq!(confirmed.driver.as_ref().map(|driver| driver.id.as_str()), Some("1"));
            assert_eq!(events.published(), [Event::changed(&confirmed)]);
        }
    }

    #[test]
    fn a_queued_order_that_never_heard_of_its_driver_is_settled_too() {
        let shop = Shop::with_drivers(0);
        let id = shop.place().id;
        let (other, events) = (Shop::new(), shop.events());
        let assignment = other.town.assignment(&other.place().id);
        driver_assigned(shop.desk(&events), &id, &assignment).unwrap();
        assert_eq!((shop.status(&id), told(&events)), (Status::Confirmed, vec![Status::Confirmed]));
    }

    #[test]
    fn the_driver_moves_the_order_along_and_telling_twice_changes_nothing() {
        let shop = Shop::new();
        let (order, events) = (shop.place(), shop.events());
        let (id, tracking_id) = (order.id.as_str(), order.tracking_id.as_deref().unwrap());
        let desk = shop.desk(&events);
        for (status, count) in [
            (Status::PickedUp, 1),
            (Status::PickedUp, 1),
            (Status::Delivered, 2),
            (Status::PickedUp, 2),
            (Status::Delivered, 2),
        ] {
            followed(desk, id, status, tracking_id, 5).unwrap();
            assert_eq!(events.published().len(), count);
        }
        driver_assigned(desk, id, &shop.town.assignment(id)).unwrap();
        assert_eq!(shop.status(id), Status::Delivered);
        assert_eq!(told(&events), [Status::PickedUp, Status::Delivered]);
        let Some(Event::OrderStatusChanged(changed)) = events.published().pop() else { panic!() };
        assert_eq!((changed.driver, changed.eta_minutes), (order.driver, Some(5)));
    }

    #[test]
    fn an_order_is_delivered_whatever_was_not_told_before() {
        for prepare in [Shop::place, Shop::place_cut_off] {
            let shop = Shop::new();
            let (order, events) = (prepare(&shop), shop.events());
            followed(shop.desk(&events), &order.id, Status::Delivered, "t-1", 0).unwrap();
            assert_eq!(shop.status(&order.id), Status::Delivered);
        }
    }

    #[test]
    fn a_cancelled_order_stays_cancelled_and_unknown_ones_unknown() {
        let shop = Shop::new();
        let (order, events) = (shop.place(), shop.events());
        crate::ordering::cancel(shop.desk(&shop.events()), &order.id).unwrap();
        let events_after = shop.events();
        drop(events);
        let desk = shop.desk(&events_after);
        for id in [order.id.as_str(), "of somebody else's"] {
            followed(desk, id, Status::PickedUp, "t-1", 5).unwrap();
            followed(desk, id, Status::Delivered, "t-1", 0).unwrap();
            driver_moved(desk, id, HERE, 5, Some("d-1")).unwrap();
        }
        assert_eq!(shop.status(&order.id), Status::Cancelled);
        assert_eq!(events_after.published(), []);
    }

    #[test]
    fn a_move_is_passed_on_once_for_each_delivery_of_it() {
        let shop = Shop::new();
        let (order, events) = (shop.place(), shop.events());
        for (delivery, eta_minutes) in [("d-1", 5), ("d-1", 5), ("d-2", 4), ("d-2", 4), ("d-3", 4)]
        {
            let desk = shop.desk(&events);
            driver_moved(desk, &order.id, HERE, eta_minutes, Some(delivery)).unwrap();
        }
        let order_id = order.id;
        let moved = |eta_minutes| Event::DriverMoved {
            order_id: order_id.clone(),
            location: HERE,
            eta_minutes,
        };
        assert_eq!(events.published(), [moved(5), moved(4), moved(4)]);
    }

    #[test]
    fn an_event_that_fails_half_way_changes_nothing_and_succeeds_when_it_comes_again() {
        type Handler = fn(Desk<'_>, &str) -> Result<(), Failed>;
        let handlers: [Handler; 3] = [
            |desk, id| followed(desk, id, Status::PickedUp, "t-1", 5),
            |desk, id| followed(desk, id, Status::Delivered, "t-1", 0),
            |desk, id| driver_moved(desk, id, HERE, 5, Some("d-1")),
        ];
        for handler in handlers {
            for steps in 0..4 {
                let shop = Shop::new();
                let (order, events) = (shop.place(), shop.events());
                shop.database.fail_after(steps);
                assert!(handler(shop.desk(&events), &order.id).is_err(), "{steps}");
                shop.database.recover();
                assert_eq!((shop.get(&order.id), events.published().len()), (order.clone(), 0));
                handler(shop.desk(&events), &order.id).unwrap();
                assert_eq!(events.published().len(), 1);
            }
        }
    }
}
