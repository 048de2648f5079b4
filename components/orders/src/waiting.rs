//! What the service goes on with by itself: orders that wait for a driver, and what was cut off half way.

use thali_support::sql::Failed;

use crate::desk::Desk;
use crate::ordering;
use crate::paying::{self, Paid};
use crate::settling::{self, Found};
use crate::store::{self, Stored, Waiting};

/// So many orders are read at once.
const PAGE: u32 = 16;

/// So many orders are assigned after an event, which frees one driver; and so many on schedule.
const AFTER_EVENT_MAX: u32 = 64;
const ON_SCHEDULE_MAX: u32 = 512;

/// Nobody works any more on a request that is older than this; the manifest gives each three seconds.
const CUT_OFF_MS: i64 = 10_000;

/// Does everything that waits for this service.
pub(crate) fn upkeep(desk: Desk<'_>) -> Result<(), Failed> {
    go_on_with_placed(desk)?;
    go_on_with_cancelling(desk)?;
    assign_queued(desk, ON_SCHEDULE_MAX)
}

/// A driver is free: the oldest orders that wait get drivers, until none waits or nobody is free.
pub(crate) fn driver_freed(desk: Desk<'_>) -> Result<(), Failed> {
    assign_queued(desk, AFTER_EVENT_MAX)
}

/// Several may do this at once: delivery answers each of them the same driver for the same order, and one
/// of them keeps it.
fn assign_queued(desk: Desk<'_>, count_max: u32) -> Result<(), Failed> {
    let mut last: Option<Waiting> = None;
    for _ in 0..count_max.div_ceil(PAGE) {
        let page = store::queued(desk.database, last.as_ref(), PAGE)?;
        for waiting in &page {
            if !assign(desk, waiting)? {
                return Ok(());
            }
        }
        last = page.into_iter().last();
        if last.is_none() {
            break;
        }
    }
    Ok(())
}

/// Looks for a driver for one order. Answers whether looking for another's makes sense.
fn assign(desk: Desk<'_>, waiting: &Waiting) -> Result<bool, Failed> {
    if waiting.by_card && !is_paid(desk, &waiting.id)? {
        return Ok(true);
    }
    match settling::look_for_driver(desk, &waiting.id, waiting.way) {
        Found::Driver(assignment) => {
            if let Some(Stored { order, .. }) = store::find(desk.database, &waiting.id)? {
                settling::confirm(desk, &order, &assignment)?;
            }
            Ok(true)
        }
        Found::Nobody => Ok(false),
        Found::Silence => Err(Failed::Unavailable),
        Found::Underway => Ok(true),
        Found::Never(detail) => {
            eprintln!("order {} is called off: {detail}", waiting.id);
            settling::call_off(desk, &waiting.id)?;
            Ok(true)
        }
    }
}

/// Whether the money for an order is there. One that will never be paid is called off.
fn is_paid(desk: Desk<'_>, id: &str) -> Result<bool, Failed> {
    let Some(Stored { order, .. }) = store::find(desk.database, id)? else { return Ok(false) };
    match paying::pay(desk, &order) {
        Paid::Yes => Ok(true),
        Paid::Later => Ok(false),
        Paid::Declined(reason) | Paid::Invalid(reason) => {
            eprintln!("order {id} is called off: {reason}");
            settling::call_off(desk, id)?;
            Ok(false)
        }
    }
}

/// Settles orders whose request was cut off after they were kept.
fn go_on_with_placed(desk: Desk<'_>) -> Result<(), Failed> {
    let before = desk.now_ms - CUT_OFF_MS;
    for waiting in store::left_placed(desk.database, before, ON_SCHEDULE_MAX)? {
        if let Some(stored) = store::find(desk.database, &waiting.id)? {
            let _told_by_event = settling::settle(desk, stored);
        }
    }
    Ok(())
}

/// Calls orders off whose request to do so was cut off.
fn go_on_with_cancelling(desk: Desk<'_>) -> Result<(), Failed> {
    let before = desk.now_ms - CUT_OFF_MS;
    for id in store::left_cancelling(desk.database, before, ON_SCHEDULE_MAX)? {
        let _told_by_event = ordering::cancel(desk, &id);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::exports::thali::orders::ordering::Status;
    use crate::bindings::thali::delivery::dispatch::AssignError;
    use crate::testing::{Shop, count, new_order, told};

    const LATER_MS: i64 = CUT_OFF_MS + 1;

    /// Orders in the queue, the oldest first.
    fn queue(shop: &Shop, orders: i64) -> Vec<String> {
        queue_together(shop, orders, 1)
    }

    /// Orders in the queue, so many of them in each millisecond.
    fn queue_together(shop: &Shop, orders: i64, together: i64) -> Vec<String> {
        let place = |now_ms| {
            let events = shop.events();
            let desk = Desk { now_ms, ..shop.desk(&events) };
            crate::placing::place(desk, new_order(), None).unwrap().id
        };
        let ids = (0..orders).map(|n| place(n / together)).collect();
        assert_eq!(count(&shop.database, "orders WHERE status = 'queued'"), orders);
        ids
    }

    fn later<'a>(desk: Desk<'a>) -> Desk<'a> {
        Desk { now_ms: LATER_MS, ..desk }
    }

    #[test]
    fn the_oldest_order_gets_the_driver_who_is_freed() {
        let shop = Shop::with_drivers(0);
        let ids = queue(&shop, 3);
        for id in &ids[..2] {
            shop.town.free_one();
            let events = shop.events();
            driver_freed(shop.desk(&events)).unwrap();
            assert_eq!(told(&events), [Status::Confirmed]);
            assert_eq!(shop.status(id), Status::Confirmed);
        }
        assert_eq!(shop.status(&ids[2]), Status::Queued);
    }

    #[test]
    fn as_many_orders_are_assigned_as_drivers_are_free_however_many_wait() {
        let shop = Shop::with_drivers(0);
        queue_together(&shop, 50, 20);
        (0..40).for_each(|_| shop.town.free_one());
        let asked = shop.town.asked();
        driver_freed(shop.desk(&shop.events())).unwrap();
        assert_eq!(count(&shop.database, "orders WHERE status = 'confirmed'"), 40);
        assert_eq!(shop.town.asked() - asked, 41, "nobody is asked after nobody is free");
        (0..40).for_each(|_| shop.town.free_one());
        driver_freed(shop.desk(&shop.events())).unwrap();
        assert_eq!(count(&shop.database, "orders WHERE status = 'confirmed'"), 50);
        assert_eq!(shop.town.driving(), 50);
    }

    #[test]
    fn a_freed_driver_whom_nobody_waits_for_is_nothing_to_do() {
        let shop = Shop::new();
        shop.place();
        let events = shop.events();
        driver_freed(shop.desk(&events)).unwrap();
        assert_eq!((shop.town.asked(), events.published().len()), (1, 0));
    }

    #[test]
    fn while_delivery_is_silent_the_event_comes_again() {
        let shop = Shop::with_drivers(0);
        let ids = queue(&shop, 2);
        shop.town.refuse_to_assign(AssignError::Unavailable);
        assert_eq!(driver_freed(shop.desk(&shop.events())), Err(Failed::Unavailable));
        shop.town.relent();
        shop.town.free_one();
        driver_freed(shop.desk(&shop.events())).unwrap();
        assert_eq!(shop.status(&ids[0]), Status::Confirmed);
    }

    #[test]
    fn an_order_that_cannot_go_on_does_not_hold_up_the_others() {
        for refusal in [AssignError::AlreadyUnderway, AssignError::Invalid("off the map".into())] {
            let shop = Shop::with_drivers(0);
            queue(&shop, 20);
            shop.town.refuse_to_assign(refusal);
            let asked = shop.town.asked();
            driver_freed(shop.desk(&shop.events())).unwrap();
            assert_eq!(shop.town.asked() - asked, 20);
        }
    }

    #[test]
    fn an_order_that_delivery_will_never_take_is_called_off() {
        let shop = Shop::with_drivers(0);
        queue(&shop, 1);
        shop.town.refuse_to_assign(AssignError::Invalid("off the map".into()));
        let events = shop.events();
        driver_freed(shop.desk(&events)).unwrap();
        assert_eq!(told(&events), [Status::Cancelled]);
    }

    #[test]
    fn what_was_cut_off_while_it_was_placed_is_settled_but_not_what_is_being_placed() {
        let shop = Shop::with_drivers(1);
        let ids = [shop.place_cut_off().id, shop.place_cut_off().id];
        upkeep(shop.desk(&shop.events())).unwrap();
        assert!(ids.iter().all(|id| shop.status(id) == Status::Placed), "it is too early");
        let events = shop.events();
        upkeep(later(shop.desk(&events))).unwrap();
        let mut statuses = ids.map(|id| shop.status(&id).as_str());
        statuses.sort_unstable();
        assert_eq!(statuses, ["confirmed", "queued"]);
        assert_eq!((events.published().len(), shop.town.driving()), (2, 1));
    }

    #[test]
    fn wherever_placing_is_cut_off_upkeep_brings_the_order_to_confirmed_or_queued() {
        for drivers in [0, 1] {
            for steps in 5..16 {
                let shop = Shop::with_drivers(drivers);
                shop.database.fail_after(steps);
                let order = shop.place();
                shop.database.recover();
                // Cut off in upkeep as well, at each of its steps.
                for steps in 0..8 {
                    shop.database.fail_after(steps);
                    let _ = upkeep(later(shop.desk(&shop.events())));
                    shop.database.recover();
                }
                let events = shop.events();
                upkeep(later(shop.desk(&events))).unwrap();
                let expected = if drivers == 0 { Status::Queued } else { Status::Confirmed };
                assert_eq!(shop.status(&order.id), expected, "{drivers} {steps}");
                assert_eq!(shop.town.driving() as u32, drivers);
                let told = count(&shop.database, "_events");
                assert_eq!(told, 2, "placed and settled, each once: {drivers} {steps}");
            }
        }
    }

    #[test]
    fn a_cancellation_that_was_cut_off_is_carried_out() {
        for steps in 2..6 {
            let shop = Shop::new();
            let id = shop.place().id;
            shop.database.fail_after(steps);
            assert!(ordering::cancel(shop.desk(&shop.events()), &id).is_err());
            shop.database.recover();
            let events = shop.events();
            upkeep(later(shop.desk(&events))).unwrap();
            assert_eq!(shop.status(&id), Status::Cancelled, "{steps}");
            assert_eq!((shop.town.driving(), told(&events)), (0, vec![Status::Cancelled]));
        }
    }
}
