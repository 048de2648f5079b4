//! Following a delivery, and moving it on.

use thali_support::geo::Point;
use thali_support::id;
use thali_support::sql::{Database, Failed, Row, read_one, statement};

use crate::bindings::exports::thali::delivery::dispatch::Driver;
use crate::bindings::exports::thali::delivery::tracking::{Delivery, Error, Status};
use crate::bindings::thali::types::types::Location;
use crate::route;

const FIND: &str = "\
    SELECT a.tracking_id, a.order_id, a.status, d.id, d.name, d.lat, d.lon, \
           a.pickup_lat, a.pickup_lon, a.dropoff_lat, a.dropoff_lon \
    FROM deliveries a JOIN drivers d ON d.id = a.driver_id WHERE a.tracking_id = $1";

/// The driver is where this step happens. It comes before [`STEP`], while the state is still the old
/// one, so that a step that comes too late moves nobody.
const ARRIVE: &str = "\
    UPDATE drivers SET lat = $3, lon = $4, x = $5, y = $6, z = $7 \
    WHERE id = (SELECT driver_id FROM deliveries WHERE tracking_id = $1 AND status = $2)";

const STEP: &str = "UPDATE deliveries SET status = $3 WHERE tracking_id = $1 AND status = $2";

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
pub(crate) fn pickup(database: &dyn Database, tracking_id: &str) -> Result<Delivery, Error> {
    step(database, tracking_id, Status::Assigned, Status::PickedUp)
}

/// The order is at the door, and the driver too.
pub(crate) fn complete(database: &dyn Database, tracking_id: &str) -> Result<Delivery, Error> {
    step(database, tracking_id, Status::PickedUp, Status::Delivered)
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

/// Moves a delivery from one state to the next, and its driver to where that happens.
fn step(
    database: &dyn Database,
    tracking_id: &str,
    from: Status,
    to: Status,
) -> Result<Delivery, Error> {
    let mut found = find(database, tracking_id)?;
    if found.status != from {
        return Err(Error::WrongState(found.status.as_str().to_owned()));
    }
    let place = if to == Status::PickedUp { found.pickup } else { found.dropoff };
    let Point { x, y, z } = route::point(place);
    let state = || vec![tracking_id.into(), from.as_str().into()];
    let mut arrive = state();
    arrive.extend([place.lat.into(), place.lon.into(), x.into(), y.into(), z.into()]);
    let mut step = state();
    step.push(to.as_str().into());
    let changed = database.batch(&[statement(ARRIVE, arrive), statement(STEP, step)])?;
    if changed.last() != Some(&1) {
        let now = find(database, tracking_id)?.status;
        return Err(Error::WrongState(now.as_str().to_owned()));
    }
    (found.status, found.driver_at) = (to, place);
    Ok(shown(found))
}

#[cfg(test)]
mod tests {
    use thali_support::testing::Memory;

    use super::*;
    use crate::dispatch::{assign, release};
    use crate::drivers;

    const PIZZA_PARADISE: Location = Location { lat: 52.52, lon: 13.405 };
    const DOOR: Location = Location { lat: 52.51, lon: 13.39 };

    fn database() -> Memory {
        Memory::new(&[include_str!("../migrations/0001_init.sql"), include_str!("../seed.sql")])
    }

    fn assigned(database: &Memory) -> String {
        assign(database, "o-1", PIZZA_PARADISE, DOOR).unwrap().tracking_id
    }

    #[test]
    fn a_delivery_goes_from_assigned_to_delivered() {
        let database = database();
        let assignment = assign(&database, "o-1", PIZZA_PARADISE, DOOR).unwrap();
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
        let moved = drivers::set_location(&database, "1", DOOR).unwrap();
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
        let next = assign(&database, "o-2", DOOR, PIZZA_PARADISE).unwrap();
        assert_eq!(next.driver.id, "1");
        let old = get(&database, &id).unwrap();
        assert_eq!((old.status, old.location), (Status::Delivered, DOOR));
    }

    #[test]
    fn a_released_delivery_can_be_seen_but_goes_nowhere() {
        let database = database();
        let id = assigned(&database);
        release(&database, "o-1").unwrap();
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
}
