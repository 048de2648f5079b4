//! What orders tells: the kitchen hands food over, a customer calls off. Whatever was told twice, or by
//! this service to orders before, finds the delivery there already and changes nothing.

use thali_support::sql::Database;

use crate::bindings::exports::thali::delivery::tracking::Status;
use crate::bindings::thali::orders::ordering::Status as OrderStatus;
use crate::dispatch;
use crate::events::Events;
use crate::tracking;

/// An order has another status.
///
/// # Errors
///
/// When the database cannot be used now: the event is to come again.
pub(crate) fn order_status_changed(
    database: &dyn Database,
    events: &dyn Events,
    order_id: &str,
    status: OrderStatus,
) -> Result<(), String> {
    let done = match status {
        OrderStatus::PickedUp => {
            tracking::follow(database, events, order_id, &[Status::Assigned], Status::PickedUp)
        }
        OrderStatus::Delivered => {
            let before = [Status::Assigned, Status::PickedUp];
            tracking::follow(database, events, order_id, &before, Status::Delivered)
        }
        OrderStatus::Cancelled => dispatch::free(database, events, order_id).map(drop),
        OrderStatus::Placed
        | OrderStatus::Confirmed
        | OrderStatus::Preparing
        | OrderStatus::Ready
        | OrderStatus::Queued => Ok(()),
    };
    done.map_err(|_| "the database is unavailable".to_owned())
}

#[cfg(test)]
mod tests {
    use thali_support::testing::Memory;

    use super::*;
    use crate::events::Event;
    use crate::testing::{DOOR, PIZZA_PARADISE, Recorder, database};

    fn assigned(database: &Memory) -> String {
        let events = Recorder::new(database);
        dispatch::assign(database, &events, "o-1", PIZZA_PARADISE, DOOR).unwrap().tracking_id
    }

    fn status(database: &Memory, id: &str) -> Status {
        tracking::get(database, id).unwrap().status
    }

    #[test]
    fn the_kitchen_moves_the_delivery_along_and_telling_twice_changes_nothing() {
        let database = database();
        let id = assigned(&database);
        let events = Recorder::new(&database);
        for (told, expected, published) in [
            (OrderStatus::Confirmed, Status::Assigned, 0),
            (OrderStatus::PickedUp, Status::PickedUp, 1),
            (OrderStatus::PickedUp, Status::PickedUp, 1),
            (OrderStatus::Delivered, Status::Delivered, 3),
            (OrderStatus::Delivered, Status::Delivered, 3),
            (OrderStatus::PickedUp, Status::Delivered, 3),
            (OrderStatus::Cancelled, Status::Delivered, 3),
        ] {
            order_status_changed(&database, &events, "o-1", told).unwrap();
            assert_eq!(status(&database, &id), expected, "{told:?}");
            assert_eq!(events.published().len(), published, "{told:?}");
        }
    }

    #[test]
    fn an_order_that_is_at_the_door_was_picked_up_whoever_forgot_to_say_so() {
        let database = database();
        let id = assigned(&database);
        let events = Recorder::new(&database);
        order_status_changed(&database, &events, "o-1", OrderStatus::Delivered).unwrap();
        assert_eq!(status(&database, &id), Status::Delivered);
        let completed = Event::DeliveryCompleted { order_id: "o-1".into(), tracking_id: id };
        assert_eq!(events.published(), [completed, Event::DriverFreed { driver_id: "1".into() }]);
    }

    #[test]
    fn a_cancelled_order_frees_its_driver_once() {
        let database = database();
        let id = assigned(&database);
        let events = Recorder::new(&database);
        for _ in 0..2 {
            order_status_changed(&database, &events, "o-1", OrderStatus::Cancelled).unwrap();
            assert_eq!(status(&database, &id), Status::Released);
            assert_eq!(events.published().len(), 1);
        }
        assert_eq!(events.published(), [Event::DriverFreed { driver_id: "1".into() }]);
    }

    #[test]
    fn orders_that_nobody_delivers_change_nothing() {
        let database = database();
        let events = Recorder::new(&database);
        for told in [OrderStatus::PickedUp, OrderStatus::Delivered, OrderStatus::Cancelled] {
            order_status_changed(&database, &events, "o-1", told).unwrap();
        }
        assert_eq!(events.published(), []);
    }

    #[test]
    fn a_step_that_fails_half_way_leaves_everything_and_succeeds_when_told_again() {
        for told in [OrderStatus::PickedUp, OrderStatus::Delivered, OrderStatus::Cancelled] {
            for steps in 0.. {
                let database = database();
                let id = assigned(&database);
                let events = Recorder::new(&database);
                database.fail_after(steps);
                let first = order_status_changed(&database, &events, "o-1", told);
                database.recover();
                if first.is_ok() {
                    break;
                }
                assert!(steps < 12, "it ends");
                assert_eq!(status(&database, &id), Status::Assigned, "{told:?} {steps}");
                assert_eq!(events.published(), [], "{told:?} {steps}");
                order_status_changed(&database, &events, "o-1", told).unwrap();
                assert_ne!(status(&database, &id), Status::Assigned);
                assert_ne!(events.published(), []);
            }
        }
    }
}
