//! Finding drivers for orders.

use thali_support::check::Checks;
use thali_support::geo::Point;
use thali_support::id;
use thali_support::sql::{ConstraintKind, Database, Failed, Value, read_one};

use crate::bindings::exports::thali::delivery::dispatch::{
    AssignError, Assignment, Driver, ReleaseError,
};
use crate::bindings::thali::types::types::Location;
use crate::route;

/// How often a driver is looked for when somebody else took the nearest one in between.
const TRIES_MAX: usize = 8;

/// The nearest free driver, found and taken in one statement. Between two writers at once the unique
/// indices decide.
const ASSIGN: &str = "\
    INSERT INTO deliveries (tracking_id, order_id, driver_id, status, \
                            pickup_lat, pickup_lon, dropoff_lat, dropoff_lon) \
    SELECT $1, $2, d.id, 'assigned', $3, $4, $5, $6 FROM drivers d \
    WHERE d.available \
      AND NOT EXISTS (SELECT 1 FROM deliveries a \
                      WHERE a.driver_id = d.id AND a.status IN ('assigned', 'picked_up')) \
      AND NOT EXISTS (SELECT 1 FROM deliveries o \
                      WHERE o.order_id = $2 AND o.status <> 'released') \
    ORDER BY (d.x-$7)*(d.x-$7)+(d.y-$8)*(d.y-$8)+(d.z-$9)*(d.z-$9), d.id LIMIT 1";

const OF_ORDER: &str = "\
    SELECT a.tracking_id, a.status, d.id, d.name, d.lat, d.lon, \
           a.pickup_lat, a.pickup_lon, a.dropoff_lat, a.dropoff_lon \
    FROM deliveries a JOIN drivers d ON d.id = a.driver_id \
    WHERE a.order_id = $1 AND a.status <> 'released'";

const RELEASE: &str =
    "UPDATE deliveries SET status = 'released' WHERE order_id = $1 AND status = 'assigned'";

impl From<Failed> for AssignError {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

impl From<Failed> for ReleaseError {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// Assigns the nearest free driver. An order that has one keeps it: a caller who never heard the answer
/// asks again.
pub(crate) fn assign(
    database: &dyn Database,
    order_id: &str,
    pickup: Location,
    dropoff: Location,
) -> Result<Assignment, AssignError> {
    let mut checks = Checks::new();
    checks.id("/order_id", order_id);
    checks.location("/pickup", pickup.lat, pickup.lon);
    checks.location("/dropoff", dropoff.lat, dropoff.lon);
    checks.done().map_err(AssignError::Invalid)?;
    take_driver(database, order_id, pickup, dropoff)?;
    assignment(database, order_id)?.ok_or(AssignError::NoDriverAvailable)?
}

fn take_driver(
    database: &dyn Database,
    order_id: &str,
    pickup: Location,
    dropoff: Location,
) -> Result<(), Failed> {
    let Point { x, y, z } = route::point(pickup);
    let params: [Value; 9] = [
        id::new().as_str().into(),
        order_id.into(),
        pickup.lat.into(),
        pickup.lon.into(),
        dropoff.lat.into(),
        dropoff.lon.into(),
        x.into(),
        y.into(),
        z.into(),
    ];
    for _ in 0..TRIES_MAX {
        match database.execute(ASSIGN, &params) {
            Err(Failed::Constraint(ConstraintKind::Unique)) => {}
            done => return done.map(|_| ()),
        }
    }
    Err(Failed::Unavailable)
}

/// What the order has: an assignment, or a delivery that cannot begin again.
fn assignment(
    database: &dyn Database,
    order_id: &str,
) -> Result<Option<Result<Assignment, AssignError>>, Failed> {
    read_one(database, OF_ORDER, &[order_id.into()], |row| {
        let tracking_id = row.text()?;
        let is_assigned = row.text()? == "assigned";
        let driver = Driver { id: row.text()?, name: row.text()? };
        let mut location = || Ok::<_, Failed>(Location { lat: row.real()?, lon: row.real()? });
        let eta_minutes = route::minutes_with_pickup(location()?, location()?, location()?);
        let assignment = Assignment { tracking_id, driver, eta_minutes };
        Ok(if is_assigned { Ok(assignment) } else { Err(AssignError::AlreadyUnderway) })
    })
}

/// Frees an order's driver. An order without one is as it should be.
pub(crate) fn release(database: &dyn Database, order_id: &str) -> Result<(), ReleaseError> {
    if !id::is_plausible(order_id) || database.execute(RELEASE, &[order_id.into()])? > 0 {
        return Ok(());
    }
    match assignment(database, order_id)? {
        Some(Err(_)) => Err(ReleaseError::AlreadyUnderway),
        // A driver who was assigned after the update above: this caller does not know of that one.
        Some(Ok(_)) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use thali_support::testing::Memory;

    use super::*;
    use crate::tracking;

    const PIZZA_PARADISE: Location = Location { lat: 52.52, lon: 13.405 };
    const DOOR: Location = Location { lat: 52.51, lon: 13.39 };

    fn database() -> Memory {
        Memory::new(&[include_str!("../migrations/0001_init.sql"), include_str!("../seed.sql")])
    }

    #[test]
    fn the_nearest_free_driver_wins() {
        let database = database();
        let first = assign(&database, "o-1", PIZZA_PARADISE, DOOR).unwrap();
        assert_eq!(first.driver, Driver { id: "1".into(), name: "Speed Racer".into() });
        assert!((10..30).contains(&first.eta_minutes), "{}", first.eta_minutes);
        let next = assign(&database, "o-2", PIZZA_PARADISE, DOOR).unwrap();
        assert_eq!(next.driver.name, "Steady Stefan");
        let elsewhere = Location { lat: 52.47, lon: 13.38 };
        let far = assign(&database, "o-3", elsewhere, DOOR).unwrap();
        assert_eq!(far.driver.name, "Sprinting Sofia");
    }

    #[test]
    fn no_two_orders_get_one_driver() {
        let database = database();
        let drivers: HashSet<_> = (0..10)
            .map(|i| assign(&database, &format!("o-{i}"), PIZZA_PARADISE, DOOR).unwrap().driver.id)
            .collect();
        assert_eq!(drivers.len(), 10);
        let eleventh = assign(&database, "o-10", PIZZA_PARADISE, DOOR);
        assert_eq!(eleventh, Err(AssignError::NoDriverAvailable));
    }

    #[test]
    fn asking_again_answers_the_same_assignment() {
        let database = database();
        let first = assign(&database, "o-1", PIZZA_PARADISE, DOOR).unwrap();
        assert_eq!(assign(&database, "o-1", PIZZA_PARADISE, DOOR).unwrap(), first);
    }

    #[test]
    fn a_released_driver_is_free_again_and_releasing_twice_is_fine() {
        let database = database();
        let first = assign(&database, "o-1", PIZZA_PARADISE, DOOR).unwrap();
        release(&database, "o-1").unwrap();
        release(&database, "o-1").unwrap();
        release(&database, "never heard of").unwrap();
        let second = assign(&database, "o-2", PIZZA_PARADISE, DOOR).unwrap();
        assert_eq!(second.driver, first.driver);
        let again = assign(&database, "o-1", PIZZA_PARADISE, DOOR).unwrap();
        assert_ne!(again.driver, first.driver);
    }

    #[test]
    fn an_order_that_is_underway_can_be_neither_assigned_nor_released() {
        let database = database();
        let first = assign(&database, "o-1", PIZZA_PARADISE, DOOR).unwrap();
        tracking::pickup(&database, &first.tracking_id).unwrap();
        for _ in 0..2 {
            let again = assign(&database, "o-1", PIZZA_PARADISE, DOOR);
            assert_eq!(again, Err(AssignError::AlreadyUnderway));
            assert_eq!(release(&database, "o-1"), Err(ReleaseError::AlreadyUnderway));
            let _ = tracking::complete(&database, &first.tracking_id);
        }
    }

    #[test]
    fn places_off_the_earth_are_refused_and_nobody_is_taken() {
        let database = database();
        let off = Location { lat: f64::NAN, lon: 0.0 };
        let broken = assign(&database, "", off, Location { lat: 0.0, lon: 181.0 });
        let Err(AssignError::Invalid(detail)) = broken else { panic!("{broken:?}") };
        for place in ["/order_id", "/pickup", "/dropoff"] {
            assert!(detail.contains(place), "{detail}");
        }
        assert_eq!(assign(&database, "o", PIZZA_PARADISE, DOOR).unwrap().driver.id, "1");
    }

    #[test]
    fn a_database_that_is_gone_is_told() {
        let database = database();
        database.fail_after(0);
        let answer = assign(&database, "o-1", PIZZA_PARADISE, DOOR);
        assert_eq!(answer, Err(AssignError::Unavailable));
        assert_eq!(release(&database, "o-1"), Err(ReleaseError::Unavailable));
    }
}
