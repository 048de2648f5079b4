//! Finding drivers for orders.

use thali_support::check::Checks;
use thali_support::id;
use thali_support::sql::{ConstraintKind, Database, Failed, Row, Transaction, read_one};

use crate::bindings::exports::thali::delivery::dispatch::{
    AssignError, Assignment, Driver, ReleaseError,
};
use crate::bindings::thali::types::types::Location;
use crate::events::{Event, Events};
use crate::{nearest, route};

/// How often a driver is looked for when the unique indices say that the free one is busy.
const TRIES_MAX: usize = 4;

const INSERT: &str = "\
    INSERT INTO deliveries (tracking_id, order_id, driver_id, status, \
                            pickup_lat, pickup_lon, dropoff_lat, dropoff_lon) \
    VALUES ($1, $2, $3, 'assigned', $4, $5, $6, $7)";

/// A revision of this service that did not know the column yet may have given a driver an order while
/// this one was deployed beside it.
const MARK_BUSY: &str = "\
    UPDATE drivers SET tracking_id = (SELECT a.tracking_id FROM deliveries a \
        WHERE a.driver_id = drivers.id AND a.status IN ('assigned', 'picked_up')) \
    WHERE tracking_id IS NULL";

const OF_ORDER: &str = "\
    SELECT a.tracking_id, a.status, d.id, d.name, d.lat, d.lon, \
           a.pickup_lat, a.pickup_lon, a.dropoff_lat, a.dropoff_lon \
    FROM deliveries a JOIN drivers d ON d.id = a.driver_id \
    WHERE a.order_id = $1 AND a.status <> 'released'";

const RELEASE: &str = "\
    UPDATE deliveries SET status = 'released' WHERE order_id = $1 AND status = 'assigned' \
    RETURNING driver_id";

/// The driver is busy no more. Answers whether there is one who takes orders.
const FREE: &str = "UPDATE drivers SET tracking_id = NULL WHERE id = $1 RETURNING available";

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
    events: &dyn Events,
    order_id: &str,
    pickup: Location,
    dropoff: Location,
) -> Result<Assignment, AssignError> {
    let mut checks = Checks::new();
    checks.id("/order_id", order_id);
    checks.location("/pickup", pickup.lat, pickup.lon);
    checks.location("/dropoff", dropoff.lat, dropoff.lon);
    checks.done().map_err(AssignError::Invalid)?;
    for _ in 0..TRIES_MAX {
        match take_driver(database, events, order_id, pickup, dropoff) {
            Ok(Some(assignment)) => return Ok(assignment),
            Ok(None) => {
                return assignment(database, order_id)?.ok_or(AssignError::NoDriverAvailable)?;
            }
            Err(Failed::Constraint(ConstraintKind::Unique)) => {
                database.execute(MARK_BUSY, &[])?;
            }
            Err(failed) => return Err(failed.into()),
        }
    }
    Err(AssignError::Unavailable)
}

/// Takes the nearest free driver. Nobody is taken when nobody is free, or the order has a driver.
fn take_driver(
    database: &dyn Database,
    events: &dyn Events,
    order_id: &str,
    pickup: Location,
    dropoff: Location,
) -> Result<Option<Assignment>, Failed> {
    let tracking_id = id::new();
    let transaction = database.begin()?;
    let params = nearest::params(&tracking_id, order_id, pickup);
    let taken = read_one(&*transaction, nearest::TAKE, &params, |row| {
        let driver = Driver { id: row.text()?, name: row.text()? };
        Ok((driver, Location { lat: row.real()?, lon: row.real()? }))
    })?;
    let Some((driver, driver_at)) = taken else { return Ok(None) };
    let delivery = [
        tracking_id.as_str().into(),
        order_id.into(),
        driver.id.as_str().into(),
        pickup.lat.into(),
        pickup.lon.into(),
        dropoff.lat.into(),
        dropoff.lon.into(),
    ];
    transaction.add(INSERT, &delivery, None)?;
    let eta_minutes = route::minutes_with_pickup(driver_at, pickup, dropoff);
    events.publish(Event::DriverAssigned {
        order_id: order_id.to_owned(),
        tracking_id: tracking_id.clone(),
        driver: driver.clone(),
        eta_minutes,
    })?;
    transaction.commit()?;
    Ok(Some(Assignment { tracking_id, driver, eta_minutes }))
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
pub(crate) fn release(
    database: &dyn Database,
    events: &dyn Events,
    order_id: &str,
) -> Result<(), ReleaseError> {
    if !id::is_plausible(order_id) || free(database, events, order_id)? {
        return Ok(());
    }
    match assignment(database, order_id)? {
        Some(Err(_)) => Err(ReleaseError::AlreadyUnderway),
        // A driver who was assigned after the update above: this caller does not know of that one.
        Some(Ok(_)) | None => Ok(()),
    }
}

/// Frees the driver who is on the way to fetch an order. Answers whether there was one.
pub(crate) fn free(
    database: &dyn Database,
    events: &dyn Events,
    order_id: &str,
) -> Result<bool, Failed> {
    let transaction = database.begin()?;
    let driver = read_one(&*transaction, RELEASE, &[order_id.into()], Row::text)?;
    let Some(driver_id) = driver else { return Ok(false) };
    free_driver(&*transaction, events, driver_id)?;
    transaction.commit()?;
    Ok(true)
}

/// The delivery of this driver is over, as part of the transaction in which it ends.
pub(crate) fn free_driver(
    transaction: &dyn Transaction,
    events: &dyn Events,
    driver_id: String,
) -> Result<(), Failed> {
    let takes_orders = read_one(transaction, FREE, &[driver_id.as_str().into()], Row::flag)?;
    match takes_orders {
        Some(true) => events.publish(Event::DriverFreed { driver_id }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use thali_support::testing::Memory;

    use super::*;
    use crate::testing::{DOOR, PIZZA_PARADISE, Recorder, add_drivers, database, without_drivers};
    use crate::tracking;

    fn assign(
        database: &Memory,
        order_id: &str,
        pickup: Location,
        dropoff: Location,
    ) -> Result<Assignment, AssignError> {
        super::assign(database, &Recorder::new(database), order_id, pickup, dropoff)
    }

    fn release(database: &Memory, order_id: &str) -> Result<(), ReleaseError> {
        super::release(database, &Recorder::new(database), order_id)
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
        let events = Recorder::new(&database);
        tracking::pickup(&database, &events, &first.tracking_id).unwrap();
        for _ in 0..2 {
            let again = assign(&database, "o-1", PIZZA_PARADISE, DOOR);
            assert_eq!(again, Err(AssignError::AlreadyUnderway));
            assert_eq!(release(&database, "o-1"), Err(ReleaseError::AlreadyUnderway));
            let _ = tracking::complete(&database, &events, &first.tracking_id);
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

    #[test]
    fn an_assignment_is_told_once_and_with_it_a_release() {
        let database = database();
        let events = Recorder::new(&database);
        let assign = || super::assign(&database, &events, "o-1", PIZZA_PARADISE, DOOR).unwrap();
        let Assignment { tracking_id, driver, eta_minutes } = assign();
        assign();
        let driver_id = driver.id.clone();
        let order_id = "o-1".to_owned();
        let assigned = Event::DriverAssigned { order_id, tracking_id, driver, eta_minutes };
        assert_eq!(events.published(), std::slice::from_ref(&assigned));
        for _ in 0..2 {
            super::release(&database, &events, "o-1").unwrap();
            let freed = Event::DriverFreed { driver_id: driver_id.clone() };
            assert_eq!(events.published(), [assigned.clone(), freed]);
        }
    }

    #[test]
    fn an_assignment_that_fails_half_way_takes_nobody_and_tells_nobody() {
        for steps in 0..5 {
            let database = database();
            let events = Recorder::new(&database);
            database.fail_after(steps);
            let failed = super::assign(&database, &events, "o-1", PIZZA_PARADISE, DOOR);
            assert_eq!(failed, Err(AssignError::Unavailable), "{steps}");
            database.recover();
            assert_eq!(events.published(), []);
            let other = assign(&database, "o-2", PIZZA_PARADISE, DOOR).unwrap();
            assert_eq!(other.driver.id, "1", "still free after {steps} steps");
        }
    }

    #[test]
    fn a_driver_whom_an_older_revision_sent_away_is_not_sent_twice() {
        let database = database();
        let sql = "INSERT INTO deliveries VALUES ('t', 'old', '1', 'assigned', 1, 1, 1, 1)";
        database.execute(sql, &[]).unwrap();
        let next = assign(&database, "o-1", PIZZA_PARADISE, DOOR).unwrap();
        assert_eq!(next.driver.name, "Steady Stefan");
    }

    #[test]
    fn one_driver_goes_to_one_of_many_orders_and_after_a_release_to_another() {
        let database = without_drivers();
        add_drivers(&database, &[PIZZA_PARADISE]);
        let attempt = |n: u32| assign(&database, &format!("o-{n}"), PIZZA_PARADISE, DOOR);
        let won: Vec<_> = (0..64).filter(|n| attempt(*n).is_ok()).collect();
        assert_eq!(won, [0]);
        release(&database, "o-0").unwrap();
        assert_eq!(attempt(63).unwrap().driver.id, "0");
        assert_eq!(attempt(0), Err(AssignError::NoDriverAvailable));
    }
}
