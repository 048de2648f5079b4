//! Following a delivery, and moving it on.

use thali_support::id;
use thali_support::sql::{Database, Failed, Row, Transaction, read_one};

use crate::bindings::exports::thali::delivery::dispatch::Driver;
use crate::bindings::exports::thali::delivery::tracking::{Delivery, Error, Status};
use crate::bindings::thali::types::types::Location;
use crate::events::{Event, Events};
use crate::{dispatch, route};

const FIND: &str = "\
    SELECT a.tracking_id, a.order_id, a.status, d.id, d.name, d.lat, d.lon, \
           a.pickup_lat, a.pickup_lon, a.dropoff_lat, a.dropoff_lon \
    FROM deliveries a JOIN drivers d ON d.id = a.driver_id WHERE a.tracking_id = $1";

const BY_ORDER: &str = "\
    SELECT tracking_id FROM deliveries WHERE order_id = $1 AND status IN ('assigned', 'picked_up')";

/// From one of two states to the next one.
const STEP: &str = "\
    UPDATE deliveries SET status = $4 WHERE tracking_id = $1 AND status IN ($2, $3)";

/// The driver is where a step happens.
const ARRIVE: &str = "\
    UPDATE drivers SET lat = $2, lon = $3, x = $4, y = $5, z = $6, cell_y = $7, cell_x = $8 \
    WHERE id = $1";

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

impl Status {
    /// How the database keeps it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::PickedUp => "picked_up",
            Self::Delivered => "delivered",
            Self::Released => "released",
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        [Self::Assigned, Self::PickedUp, Self::Delivered, Self::Released]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// A delivery with the places between which it moves.
struct Found {
    tracking_id: String,
    order_id: String,
    status: Status,
    driver: Driver,
    driver_at: Location,
    pickup: Location,
    dropoff: Location,
}

/// A delivery as it stands.
pub(crate) fn get(database: &dyn Database, tracking_id: &str) -> Result<Delivery, Error> {
    find(database, tracking_id).map(shown)
}

/// The driver has the order, and so is at the restaurant.
pub(crate) fn pickup(
    database: &dyn Database,
    events: &dyn Events,
    tracking_id: &str,
) -> Result<Delivery, Error> {
    let found = find(database, tracking_id)?;
    step(database, events, found, &[Status::Assigned], Status::PickedUp)
}

/// The order is at the door, and the driver too.
pub(crate) fn complete(
    database: &dyn Database,
    events: &dyn Events,
    tracking_id: &str,
) -> Result<Delivery, Error> {
    let found = find(database, tracking_id)?;
    step(database, events, found, &[Status::PickedUp], Status::Delivered)
}

/// Moves the delivery of an order along when it is in one of the states `from`; in any other there is
/// nothing to do.
pub(crate) fn follow(
    database: &dyn Database,
    events: &dyn Events,
    order_id: &str,
    from: &[Status],
    to: Status,
) -> Result<(), Failed> {
    let Some(tracking_id) = read_one(database, BY_ORDER, &[order_id.into()], Row::text)? else {
        return Ok(());
    };
    let moved = find(database, &tracking_id)
        .and_then(|found| step(database, events, found, from, to).map(drop));
    match moved {
        Err(Error::Unavailable) => Err(Failed::Unavailable),
        Ok(()) | Err(Error::NotFound | Error::WrongState(_)) => Ok(()),
    }
}

fn find(database: &dyn Database, tracking_id: &str) -> Result<Found, Error> {
    if !id::is_plausible(tracking_id) {
        return Err(Error::NotFound);
    }
    read_one(database, FIND, &[tracking_id.into()], read)?.ok_or(Error::NotFound)
}

fn read(row: &mut Row) -> Result<Found, Failed> {
    let (tracking_id, order_id) = (row.text()?, row.text()?);
    let status = Status::from_text(&row.text()?).ok_or(Failed::Unavailable)?;
    let driver = Driver { id: row.text()?, name: row.text()? };
    let mut location = || Ok::<_, Failed>(Location { lat: row.real()?, lon: row.real()? });
    let (driver_at, pickup, dropoff) = (location()?, location()?, location()?);
    Ok(Found { tracking_id, order_id, status, driver, driver_at, pickup, dropoff })
}

fn shown(found: Found) -> Delivery {
    let Found { tracking_id, order_id, status, driver, driver_at, pickup, dropoff } = found;
    let (location, eta_minutes) = match status {
        Status::Assigned => (driver_at, route::minutes_with_pickup(driver_at, pickup, dropoff)),
        Status::PickedUp => (driver_at, route::minutes(driver_at, dropoff)),
        // Where the driver goes next is somebody else's delivery.
        Status::Delivered | Status::Released => (dropoff, 0),
    };
    Delivery { tracking_id, order_id, status, driver, location, eta_minutes }
}

/// Moves a delivery from one of the states `from` to the next, and its driver to where that happens.
fn step(
    database: &dyn Database,
    events: &dyn Events,
    mut found: Found,
    from: &[Status],
    to: Status,
) -> Result<Delivery, Error> {
    let wrong_state = |status: Status| Error::WrongState(status.as_str().to_owned());
    let (Some(first), Some(last)) = (from.first(), from.last()) else {
        return Err(wrong_state(found.status));
    };
    if !from.contains(&found.status) {
        return Err(wrong_state(found.status));
    }
    let transaction = database.begin()?;
    let tracking_id = found.tracking_id.as_str();
    let states = [first, last, &to].map(|status| status.as_str().into());
    let [first, last, next] = states;
    if transaction.execute(STEP, &[tracking_id.into(), first, last, next])? == 0 {
        drop(transaction);
        return Err(wrong_state(find(database, tracking_id)?.status));
    }
    let place = if to == Status::PickedUp { found.pickup } else { found.dropoff };
    let mut arrival = vec![found.driver.id.as_str().into()];
    arrival.extend(route::place(place));
    transaction.add(ARRIVE, &arrival, None)?;
    (found.status, found.driver_at) = (to, place);
    let driver_id = found.driver.id.clone();
    let delivery = shown(found);
    tell(&*transaction, events, &delivery, driver_id)?;
    transaction.commit()?;
    Ok(delivery)
}

/// Tells of a step, and frees the driver after the last one.
fn tell(
    transaction: &dyn Transaction,
    events: &dyn Events,
    delivery: &Delivery,
    driver_id: String,
) -> Result<(), Failed> {
    let (order_id, tracking_id) = (delivery.order_id.clone(), delivery.tracking_id.clone());
    if delivery.status == Status::PickedUp {
        let eta_minutes = delivery.eta_minutes;
        return events.publish(Event::OrderPickedUp { order_id, tracking_id, eta_minutes });
    }
    events.publish(Event::DeliveryCompleted { order_id, tracking_id })?;
    dispatch::free_driver(transaction, events, driver_id)
}

/// The driver of a delivery that is under way is somewhere else now.
pub(crate) fn driver_moved(
    transaction: &dyn Transaction,
    events: &dyn Events,
    tracking_id: &str,
) -> Result<(), Failed> {
    let found = read_one(transaction, FIND, &[tracking_id.into()], read)?;
    let Some(delivery) = found.map(shown) else { return Ok(()) };
    let Delivery { order_id, location, eta_minutes, .. } = delivery;
    events.publish(Event::DriverMoved { order_id, location, eta_minutes })
}

#[cfg(test)]
mod tests {
    use thali_support::testing::Memory;

    use super::*;
    use crate::bindings::exports::thali::delivery::dispatch::Assignment;
    use crate::drivers;
    use crate::testing::{DOOR, PIZZA_PARADISE, Recorder, database};

    fn assign(database: &Memory, order_id: &str, from: Location, to: Location) -> Assignment {
        dispatch::assign(database, &Recorder::new(database), order_id, from, to).unwrap()
    }

    fn pickup(database: &Memory, tracking_id: &str) -> Result<Delivery, Error> {
        super::pickup(database, &Recorder::new(database), tracking_id)
    }

    fn complete(database: &Memory, tracking_id: &str) -> Result<Delivery, Error> {
        super::complete(database, &Recorder::new(database), tracking_id)
    }

    fn assigned(database: &Memory) -> String {
        assign(database, "o-1", PIZZA_PARADISE, DOOR).tracking_id
    }

    #[test]
    fn a_delivery_goes_from_assigned_to_delivered() {
        let database = database();
        let assignment = assign(&database, "o-1", PIZZA_PARADISE, DOOR);
        let id = assignment.tracking_id;
        let delivery = get(&database, &id).unwrap();
        assert_eq!((delivery.status, delivery.order_id.as_str()), (Status::Assigned, "o-1"));
        assert_eq!(delivery.eta_minutes, assignment.eta_minutes);
        assert_eq!(delivery.driver, assignment.driver);

        let delivery = pickup(&database, &id).unwrap();
        assert_eq!((delivery.status, delivery.location), (Status::PickedUp, PIZZA_PARADISE));
        assert!(delivery.eta_minutes < assignment.eta_minutes);
        assert_eq!(get(&database, &id).unwrap(), delivery);

        let delivery = complete(&database, &id).unwrap();
        assert_eq!((delivery.status, delivery.location), (Status::Delivered, DOOR));
        assert_eq!(delivery.eta_minutes, 0);
        assert_eq!(get(&database, &id).unwrap(), delivery);
    }

    #[test]
    fn a_step_out_of_turn_names_the_state_and_moves_nobody() {
        let database = database();
        let id = assigned(&database);
        let wrong = |state: &str| Err(Error::WrongState(state.into()));
        assert_eq!(complete(&database, &id), wrong("assigned"));
        pickup(&database, &id).unwrap();
        let moved = drivers::set_location(&database, &Recorder::new(&database), "1", DOOR).unwrap();
        assert_eq!(pickup(&database, &id), wrong("picked_up"));
        assert_eq!(get(&database, &id).unwrap().location, moved.location);
        complete(&database, &id).unwrap();
        assert_eq!(complete(&database, &id), wrong("delivered"));
    }

    #[test]
    fn the_driver_is_free_again_where_the_delivery_ended() {
        let database = database();
        let id = assigned(&database);
        pickup(&database, &id).unwrap();
        complete(&database, &id).unwrap();
        let next = assign(&database, "o-2", DOOR, PIZZA_PARADISE);
        assert_eq!(next.driver.id, "1");
        let old = get(&database, &id).unwrap();
        assert_eq!((old.status, old.location), (Status::Delivered, DOOR));
    }

    #[test]
    fn a_released_delivery_can_be_seen_but_goes_nowhere() {
        let database = database();
        let id = assigned(&database);
        dispatch::release(&database, &Recorder::new(&database), "o-1").unwrap();
        assert_eq!(get(&database, &id).unwrap().status, Status::Released);
        assert_eq!(pickup(&database, &id), Err(Error::WrongState("released".into())));
    }

    #[test]
    fn unknown_deliveries_are_not_found() {
        let database = database();
        for id in ["", "o-1", "a\0b", &"x".repeat(10_000)] {
            assert_eq!(get(&database, id), Err(Error::NotFound));
            assert_eq!(pickup(&database, id), Err(Error::NotFound));
            assert_eq!(complete(&database, id), Err(Error::NotFound));
        }
    }

    #[test]
    fn every_step_is_told_once_and_the_last_one_frees_the_driver() {
        let database = database();
        let (order_id, tracking_id) = ("o-1".to_owned(), assigned(&database));
        let events = Recorder::new(&database);
        let eta_minutes = super::pickup(&database, &events, &tracking_id).unwrap().eta_minutes;
        assert!(super::pickup(&database, &events, &tracking_id).is_err());
        super::complete(&database, &events, &tracking_id).unwrap();
        assert!(super::complete(&database, &events, &tracking_id).is_err());
        let told = [
            Event::OrderPickedUp {
                order_id: order_id.clone(),
                tracking_id: tracking_id.clone(),
                eta_minutes,
            },
            Event::DeliveryCompleted { order_id, tracking_id },
            Event::DriverFreed { driver_id: "1".into() },
        ];
        assert_eq!(events.published(), told);
    }

    #[test]
    fn a_driver_who_takes_a_pause_is_not_free_after_the_delivery() {
        let database = database();
        let tracking_id = assigned(&database);
        let events = Recorder::new(&database);
        drivers::set_availability(&database, &events, "1", false).unwrap();
        super::pickup(&database, &events, &tracking_id).unwrap();
        super::complete(&database, &events, &tracking_id).unwrap();
        let freed = |event: &Event| matches!(event, Event::DriverFreed { .. });
        assert!(!events.published().iter().any(freed));
        drivers::set_availability(&database, &events, "1", true).unwrap();
        assert_eq!(events.published().iter().filter(|event| freed(event)).count(), 1);
    }
}
