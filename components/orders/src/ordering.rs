//! Orders after they are placed: reading them, moving them on, calling them off.

use thali_support::check::{Checks, UNKNOWN_CURSOR};
use thali_support::id;
use thali_support::sql::{Failed, Query, commit};

use crate::bindings::exports::thali::orders::ordering::{Error, Order, Page, Status};
use crate::bindings::thali::delivery::dispatch::ReleaseError;
use crate::caller;
use crate::desk::Desk;
use crate::events::Event;
use crate::settling;
use crate::store::{self, Stored};

/// How often a change is tried when somebody else changed the order in between.
const TRIES_MAX: usize = 4;

const NO_ORDER: &str = "there is no order with this id";

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// An order as it stands, for whoever may see it. To others it is as if there were none.
pub(crate) fn show(desk: Desk<'_>, id: &str) -> Result<Order, Error> {
    let Stored { order, owner, .. } = find(desk.database, id)?;
    if caller::may_read(desk.caller, owner.as_deref()) { Ok(order) } else { Err(no_order()) }
}

/// The caller's own orders, the newest first.
pub(crate) fn mine(
    desk: Desk<'_>,
    limit: Option<u32>,
    cursor: Option<&str>,
) -> Result<Page, Error> {
    let mut checks = Checks::new();
    let limit = checks.page(limit, cursor);
    checks.done().map_err(Error::Invalid)?;
    // The host lets nobody in here who is not signed in.
    let Some(owner) = desk.caller.subject() else { return Ok(Page { items: vec![], next: None }) };
    let mut items = store::owned(desk.database, &owner, cursor, limit + 1)?;
    if let Some(cursor) = cursor.filter(|_| items.is_empty())
        && !store::is_owned(desk.database, &owner, cursor)?
    {
        return Err(Error::Invalid(["cursor", UNKNOWN_CURSOR].join(" ")));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|order| order.id.clone());
    Ok(Page { items, next })
}

/// An order as it stands.
pub(crate) fn get(database: &dyn Query, id: &str) -> Result<Order, Error> {
    find(database, id).map(|stored| stored.order)
}

fn find(database: &dyn Query, id: &str) -> Result<Stored, Error> {
    let stored = if id::is_plausible(id) { store::find(database, id)? } else { None };
    stored.ok_or_else(no_order)
}

fn no_order() -> Error {
    Error::NotFound(NO_ORDER.to_owned())
}

/// Moves an order on.
pub(crate) fn set_status(desk: Desk<'_>, id: &str, status: Status) -> Result<Order, Error> {
    for _ in 0..TRIES_MAX {
        let order = get(desk.database, id)?;
        if !order.status.may_become(status) {
            let way = ["from ", order.status.as_str(), " to ", status.as_str()].concat();
            return Err(Error::InvalidTransition(way));
        }
        let transaction = desk.database.begin()?;
        store::set_status(&*transaction, id, order.status, status)?;
        let order = Order { status, ..order };
        desk.events.publish(Event::changed(&order))?;
        if commit(transaction)? {
            return Ok(order);
        }
    }
    Err(Error::Unavailable)
}

/// Calls an order off, and frees its driver.
///
/// The driver is asked first, who is the one to know whether it is too late, so that nobody hears of a
/// cancellation that is taken back. Meanwhile the order is marked: the kitchen cannot hand it over, and
/// the schedule goes on if this is cut off.
pub(crate) fn cancel(desk: Desk<'_>, id: &str) -> Result<Order, Error> {
    let Stored { order, owner, .. } = find(desk.database, id)?;
    if !caller::may_cancel(desk.caller, owner.as_deref()) {
        return Err(no_order());
    }
    if order.status == Status::Cancelled {
        return Ok(order);
    }
    if !store::begin_cancel(desk.database, id, desk.now_ms)? {
        return as_it_stands(desk, id);
    }
    if let Err(refused) = release(desk, &order) {
        store::end_cancel(desk.database, id)?;
        return Err(refused);
    }
    if !settling::call_off(desk, id)? {
        return as_it_stands(desk, id);
    }
    let status = Status::Cancelled;
    Ok(Order { status, driver: None, eta_minutes: None, tracking_id: None, ..order })
}

/// The answer when somebody else was faster.
fn as_it_stands(desk: Desk<'_>, id: &str) -> Result<Order, Error> {
    let order = get(desk.database, id)?;
    if order.status == Status::Cancelled { Ok(order) } else { Err(Error::TooLate) }
}

/// Frees the driver of an order that is called off. An order that waits may have a driver it never heard
/// of, but need not wait for delivery to answer: whoever is found for it is let go.
fn release(desk: Desk<'_>, order: &Order) -> Result<(), Error> {
    match desk.neighbours.release(&order.id) {
        Ok(()) => Ok(()),
        Err(ReleaseError::AlreadyUnderway) => Err(Error::TooLate),
        Err(ReleaseError::Unavailable) if order.driver.is_none() => Ok(()),
        Err(ReleaseError::Unavailable) => Err(Error::Unavailable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::thali::delivery::dispatch::AssignError;
    use crate::placing;
    use crate::testing::{Anybody, Shop, Somebody, new_order, told};

    const ANN: Somebody = Somebody("ann", &[]);
    const BOB: Somebody = Somebody("bob", &["orders:write", "restaurants:write"]);
    const CLERK: Somebody = Somebody("clerk", &["orders:read"]);
    const ADMIN: Somebody = Somebody("root", &["admin"]);

    fn place_as(shop: &Shop, caller: &Somebody) -> Order {
        placing::place(shop.desk_of(caller, &shop.events()), new_order(), None).unwrap()
    }

    #[test]
    fn an_order_is_its_owners_and_to_others_as_if_it_were_not_there() {
        let shop = Shop::new();
        let order = place_as(&shop, &ANN);
        let events = shop.events();
        let none = show(shop.desk(&events), "nothing").unwrap_err();
        for other in [&Anybody as &dyn caller::Caller, &BOB] {
            let desk = shop.desk_of(other, &events);
            assert_eq!(show(desk, &order.id), Err(none.clone()));
            assert_eq!(super::cancel(desk, &order.id), Err(none.clone()));
        }
        for reader in [&ANN, &CLERK, &ADMIN] {
            assert_eq!(show(shop.desk_of(reader, &events), &order.id), Ok(order.clone()));
        }
        assert_eq!(super::cancel(shop.desk_of(&CLERK, &events), &order.id), Err(none));
        assert_eq!(shop.status(&order.id), order.status, "nothing was called off");
        let cancelled = super::cancel(shop.desk_of(&ANN, &events), &order.id).unwrap();
        assert_eq!(cancelled.status, Status::Cancelled);
    }

    #[test]
    fn an_order_without_an_owner_is_whoevers_knows_its_id() {
        let shop = Shop::new();
        let order = shop.place();
        let events = shop.events();
        for anybody in [&Anybody as &dyn caller::Caller, &ANN] {
            assert_eq!(show(shop.desk_of(anybody, &events), &order.id), Ok(order.clone()));
        }
        assert!(super::cancel(shop.desk_of(&BOB, &events), &order.id).is_ok());
        assert_eq!(mine(shop.desk(&events), None, None).unwrap().items, []);
    }

    #[test]
    fn a_list_has_ones_own_orders_page_by_page() {
        let shop = Shop::with_drivers(20);
        let mut placed: Vec<_> = (0..5).map(|_| place_as(&shop, &ANN).id).collect();
        let other = place_as(&shop, &BOB).id;
        let events = shop.events();
        let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = mine(shop.desk_of(&ANN, &events), Some(2), cursor.as_deref()).unwrap();
            seen.extend(page.items.into_iter().map(|order| order.id));
            (cursor, pages) = (page.next, pages + 1);
            if cursor.is_none() {
                break;
            }
        }
        placed.sort_unstable();
        seen.sort_unstable();
        assert_eq!((seen, pages), (placed, 3));
        let mine = |cursor: &str| mine(shop.desk_of(&ANN, &events), None, Some(cursor));
        assert_eq!(mine(&other), mine("nothing"), "a cursor tells nothing of others");
        assert!(matches!(mine(&other), Err(Error::Invalid(_))));
    }

    fn queued() -> (Shop, String) {
        let shop = Shop::with_drivers(0);
        let id = shop.place().id;
        assert_eq!(shop.status(&id), Status::Queued);
        (shop, id)
    }

    fn confirmed() -> (Shop, String) {
        let shop = Shop::new();
        let id = shop.place().id;
        (shop, id)
    }

    fn set_status(shop: &Shop, id: &str, status: Status) -> Result<Order, Error> {
        super::set_status(shop.desk(&shop.events()), id, status)
    }

    fn cancel(shop: &Shop, id: &str) -> Result<Order, Error> {
        super::cancel(shop.desk(&shop.events()), id)
    }

    #[test]
    fn the_kitchen_moves_an_order_to_delivered_step_by_step_and_every_step_is_told() {
        let (shop, id) = confirmed();
        let way = [Status::Preparing, Status::Ready, Status::PickedUp, Status::Delivered];
        let events = shop.events();
        for status in way {
            let order = super::set_status(shop.desk(&events), &id, status).unwrap();
            assert_eq!((order.status, shop.status(&id)), (status, status));
        }
        assert_eq!(told(&events), way);
        assert_eq!(events.published().pop(), Some(Event::changed(&shop.get(&id))));
    }

    #[test]
    fn a_step_that_is_not_next_names_both_statuses_and_changes_nothing() {
        let (shop, id) = confirmed();
        let events = shop.events();
        for (status, name) in [
            (Status::Confirmed, "confirmed"),
            (Status::Ready, "ready"),
            (Status::Delivered, "delivered"),
            (Status::Cancelled, "cancelled"),
            (Status::Placed, "placed"),
        ] {
            let expected = Error::InvalidTransition(["from confirmed to ", name].concat());
            assert_eq!(super::set_status(shop.desk(&events), &id, status), Err(expected));
        }
        assert_eq!((shop.status(&id), events.published().len()), (Status::Confirmed, 0));
        let (shop, id) = queued();
        assert!(set_status(&shop, &id, Status::Confirmed).is_err());
    }

    #[test]
    fn a_step_that_fails_is_not_told() {
        for steps in 0..5 {
            let (shop, id) = confirmed();
            let events = shop.events();
            shop.database.fail_after(steps);
            let failed = super::set_status(shop.desk(&events), &id, Status::Preparing);
            assert_eq!(failed, Err(Error::Unavailable));
            shop.database.recover();
            assert_eq!((shop.status(&id), events.published().len()), (Status::Confirmed, 0));
        }
    }

    #[test]
    fn a_cancelled_order_frees_its_driver_is_told_once_and_stays_cancelled() {
        let (shop, id) = confirmed();
        let events = shop.events();
        let order = super::cancel(shop.desk(&events), &id).unwrap();
        assert_eq!((order.status, &order.driver), (Status::Cancelled, &None));
        assert_eq!(shop.get(&id), order);
        assert_eq!(super::cancel(shop.desk(&events), &id).unwrap(), order);
        assert_eq!((shop.town.released(), told(&events)), (1, vec![Status::Cancelled]));
        assert!(set_status(&shop, &id, Status::Preparing).is_err());
    }

    #[test]
    fn an_order_that_was_picked_up_cannot_be_cancelled() {
        let (shop, id) = confirmed();
        for status in [Status::Preparing, Status::Ready, Status::PickedUp] {
            set_status(&shop, &id, status).unwrap();
        }
        assert_eq!(cancel(&shop, &id), Err(Error::TooLate));
        set_status(&shop, &id, Status::Delivered).unwrap();
        assert_eq!(cancel(&shop, &id), Err(Error::TooLate));
        assert_eq!(shop.town.released(), 0);
    }

    #[test]
    fn the_driver_who_has_the_order_already_has_the_last_word() {
        let (shop, id) = confirmed();
        shop.town.refuse_to_release(ReleaseError::AlreadyUnderway);
        let before = shop.get(&id);
        let events = shop.events();
        assert_eq!(super::cancel(shop.desk(&events), &id), Err(Error::TooLate));
        assert_eq!(shop.get(&id), before, "driver and ETA included");
        assert_eq!(events.published(), [], "and nobody heard of a cancellation");
        set_status(&shop, &id, Status::Preparing).unwrap();
    }

    #[test]
    fn without_delivery_only_an_order_without_a_driver_can_be_cancelled() {
        let (shop, id) = confirmed();
        shop.town.refuse_to_release(ReleaseError::Unavailable);
        assert_eq!(cancel(&shop, &id), Err(Error::Unavailable));
        assert_eq!(shop.status(&id), Status::Confirmed);
        let (shop, id) = queued();
        shop.town.refuse_to_release(ReleaseError::Unavailable);
        assert_eq!(cancel(&shop, &id).unwrap().status, Status::Cancelled);
    }

    #[test]
    fn an_order_that_is_being_called_off_cannot_be_handed_over() {
        let (shop, id) = confirmed();
        store::begin_cancel(&shop.database, &id, 0).unwrap();
        assert_eq!(set_status(&shop, &id, Status::Preparing), Err(Error::Unavailable));
        assert_eq!(cancel(&shop, &id).unwrap().status, Status::Cancelled);
    }

    #[test]
    fn a_cancellation_that_fails_anywhere_can_be_asked_for_again() {
        for steps in 0..8 {
            let (shop, id) = confirmed();
            let events = shop.events();
            shop.database.fail_after(steps);
            let first = super::cancel(shop.desk(&events), &id);
            shop.database.recover();
            let again = super::cancel(shop.desk(&events), &id).unwrap();
            assert_eq!(again.status, Status::Cancelled, "{steps} {first:?}");
            assert_eq!((shop.town.released(), shop.town.driving()), (1, 0), "{steps}");
            assert_eq!(told(&events), [Status::Cancelled], "{steps}");
        }
    }

    #[test]
    fn a_driver_who_comes_for_a_cancelled_order_is_let_go() {
        let shop = Shop::new();
        let order = shop.place_cut_off();
        shop.town.refuse_to_release(ReleaseError::Unavailable);
        assert_eq!(cancel(&shop, &order.id).unwrap().status, Status::Cancelled);
        assert!(shop.town.drives_for(&order.id));
        shop.town.relent();
        shop.town.refuse_to_assign(AssignError::Unavailable);
        let desk_events = shop.events();
        let assignment = shop.town.assignment(&order.id);
        crate::deliveries::driver_assigned(shop.desk(&desk_events), &order.id, &assignment)
            .unwrap();
        assert!(!shop.town.drives_for(&order.id));
        assert_eq!(desk_events.published(), []);
    }

    #[test]
    fn unknown_orders_are_not_found() {
        let shop = Shop::new();
        for id in ["", "nothing", "a\0b", &"x".repeat(10_000)] {
            let not_found = Err(Error::NotFound(NO_ORDER.into()));
            assert_eq!(get(&shop.database, id), not_found);
            assert_eq!(cancel(&shop, id), not_found);
            assert_eq!(set_status(&shop, id, Status::Ready), not_found);
        }
    }
}
