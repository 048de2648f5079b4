//! Keeping the drivers.

use thali_support::check::{Checks, UNKNOWN_CURSOR};
use thali_support::id;
use thali_support::sql::{
    Database, Failed, Query, Row, Transaction, Value, exists, read, read_one,
};

use crate::bindings::exports::thali::delivery::drivers::{
    Driver, DriverInput, Error, Filter, Page,
};
use crate::bindings::thali::types::types::Location;
use crate::events::{Event, Events};
use crate::{route, tracking};

const SELECT: &str = "\
    SELECT d.id, d.name, d.lat, d.lon, d.available, a.tracking_id \
    FROM drivers d LEFT JOIN deliveries a \
      ON a.driver_id = d.id AND a.status IN ('assigned', 'picked_up')";

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

fn read_driver(row: &mut Row) -> Result<Driver, Failed> {
    Ok(Driver {
        id: row.text()?,
        name: row.text()?,
        location: Location { lat: row.real()?, lon: row.real()? },
        available: row.flag()?,
        tracking_id: row.optional_text()?,
    })
}

/// A page of drivers, by name.
pub(crate) fn list(database: &dyn Database, filter: Filter) -> Result<Page, Error> {
    let mut checks = Checks::new();
    let limit = checks.page(filter.limit, filter.cursor.as_deref());
    checks.done().map_err(Error::Invalid)?;
    let after = match filter.cursor {
        Some(_) => " WHERE (d.name, d.id) > (SELECT name, id FROM drivers WHERE id = $1)",
        None => "",
    };
    let sql = format!("{SELECT}{after} ORDER BY d.name, d.id LIMIT {}", limit + 1);
    let params: Vec<Value> = filter.cursor.iter().map(|id| id.as_str().into()).collect();
    let mut items = read(database, &sql, &params, read_driver)?;
    if items.is_empty() && !params.is_empty() && !is_known(database, &params)? {
        return Err(Error::Invalid(["cursor", UNKNOWN_CURSOR].join(" ")));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|driver| driver.id.clone());
    Ok(Page { items, next })
}

fn is_known(database: &dyn Database, id: &[Value]) -> Result<bool, Failed> {
    exists(database, "SELECT 1 FROM drivers WHERE id = $1", id)
}

fn get(database: &dyn Query, id: &str) -> Result<Driver, Error> {
    let sql = [SELECT, " WHERE d.id = $1"].concat();
    read_one(database, &sql, &[id.into()], read_driver)?.ok_or(Error::NotFound)
}

/// Adds a driver, who takes orders at once.
pub(crate) fn create(
    database: &dyn Database,
    events: &dyn Events,
    input: DriverInput,
) -> Result<Driver, Error> {
    let DriverInput { name, location } = input;
    let mut checks = Checks::new();
    checks.line("/name", &name, 1..=100);
    checks.location("/location", location.lat, location.lon);
    checks.done().map_err(Error::Invalid)?;
    let id = id::new();
    let mut params: Vec<Value> = vec![id.as_str().into()];
    params.extend(route::place(location));
    params.push(name.as_str().into());
    let sql = "INSERT INTO drivers (id, lat, lon, x, y, z, cell_y, cell_x, name, available) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, TRUE)";
    let transaction = database.begin()?;
    transaction.add(sql, &params, None)?;
    events.publish(Event::DriverFreed { driver_id: id.clone() })?;
    transaction.commit()?;
    Ok(Driver { id, name, location, available: true, tracking_id: None })
}

/// Says whether a driver takes orders. What the driver is busy with is looked up, so that the switch
/// also helps a driver whom the service takes to be busy by mistake.
pub(crate) fn set_availability(
    database: &dyn Database,
    events: &dyn Events,
    id: &str,
    available: bool,
) -> Result<Driver, Error> {
    let sql = "UPDATE drivers SET available = $2, tracking_id = \
                   (SELECT a.tracking_id FROM deliveries a \
                    WHERE a.driver_id = drivers.id AND a.status IN ('assigned', 'picked_up')) \
               WHERE id = $1 AND available <> $2 RETURNING tracking_id";
    change(database, id, |transaction| {
        let params = [id.into(), available.into()];
        let busy = read_one(transaction, sql, &params, Row::optional_text)?;
        match busy {
            Some(None) if available => {
                events.publish(Event::DriverFreed { driver_id: id.to_owned() })
            }
            _ => Ok(()),
        }
    })
}

/// Says where a driver is.
pub(crate) fn set_location(
    database: &dyn Database,
    events: &dyn Events,
    id: &str,
    location: Location,
) -> Result<Driver, Error> {
    let mut checks = Checks::new();
    checks.location("the location", location.lat, location.lon);
    checks.done().map_err(Error::Invalid)?;
    let sql = "UPDATE drivers SET lat = $2, lon = $3, x = $4, y = $5, z = $6, cell_y = $7, \
               cell_x = $8 WHERE id = $1 AND (lat <> $2 OR lon <> $3) RETURNING tracking_id";
    change(database, id, |transaction| {
        let mut params: Vec<Value> = vec![id.into()];
        params.extend(route::place(location));
        match read_one(transaction, sql, &params, Row::optional_text)? {
            Some(Some(tracking_id)) => tracking::driver_moved(transaction, events, &tracking_id),
            _ => Ok(()),
        }
    })
}

/// Changes a driver, and tells of it, in one transaction.
fn change(
    database: &dyn Database,
    id: &str,
    change: impl FnOnce(&dyn Transaction) -> Result<(), Failed>,
) -> Result<Driver, Error> {
    if !id::is_plausible(id) {
        return Err(Error::NotFound);
    }
    let transaction = database.begin()?;
    change(&*transaction)?;
    let driver = get(&*transaction, id)?;
    transaction.commit()?;
    Ok(driver)
}

#[cfg(test)]
mod tests {
    use thali_support::testing::Memory;

    use super::*;
    use crate::bindings::exports::thali::delivery::dispatch::Assignment;
    use crate::dispatch;
    use crate::testing::{Recorder, database};

    const BERLIN: Location = Location { lat: 52.52, lon: 13.4 };
    const TOKYO: Location = Location { lat: 35.68, lon: 139.69 };

    fn assign(database: &Memory, order_id: &str, from: Location, to: Location) -> Assignment {
        dispatch::assign(database, &Recorder::new(database), order_id, from, to).unwrap()
    }

    fn create(database: &Memory, input: DriverInput) -> Result<Driver, Error> {
        super::create(database, &Recorder::new(database), input)
    }

    fn set_availability(database: &Memory, id: &str, available: bool) -> Result<Driver, Error> {
        super::set_availability(database, &Recorder::new(database), id, available)
    }

    fn set_location(database: &Memory, id: &str, location: Location) -> Result<Driver, Error> {
        super::set_location(database, &Recorder::new(database), id, location)
    }

    fn filter(limit: u32, cursor: Option<String>) -> Filter {
        Filter { limit: Some(limit), cursor }
    }

    #[test]
    fn pages_join_up_to_all_drivers_by_name() {
        let database = database();
        let (mut names, mut cursor) = (Vec::new(), None);
        loop {
            let page = list(&database, filter(3, cursor)).unwrap();
            assert!(page.items.len() <= 3);
            names.extend(page.items.into_iter().map(|driver| driver.name));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(names.len(), 10);
        assert!(names.is_sorted(), "{names:?}");
        let all = list(&database, filter(10, None)).unwrap();
        assert_eq!((all.items.len(), all.next), (10, None));
    }

    #[test]
    fn a_page_that_cannot_be_is_refused() {
        let database = database();
        for bad in [filter(0, None), filter(101, None), filter(3, Some("nobody".into()))] {
            assert!(matches!(list(&database, bad), Err(Error::Invalid(_))));
        }
    }

    #[test]
    fn a_new_driver_takes_the_orders_nearby() {
        let database = database();
        let input = DriverInput { name: "Tokyo Taro".into(), location: TOKYO };
        let driver = create(&database, input).unwrap();
        let assignment = assign(&database, "o-1", TOKYO, TOKYO);
        assert_eq!(assignment.driver.id, driver.id);
        let page = list(&database, filter(100, None)).unwrap();
        let busy: Vec<_> = page.items.iter().filter(|d| d.tracking_id.is_some()).collect();
        assert_eq!(busy.len(), 1);
        assert_eq!(busy[0].tracking_id, Some(assignment.tracking_id));
    }

    #[test]
    fn who_is_not_available_gets_no_orders() {
        let database = database();
        let driver = set_availability(&database, "1", false).unwrap();
        assert!(!driver.available);
        let near_speed_racer = assign(&database, "o-1", BERLIN, BERLIN);
        assert_ne!(near_speed_racer.driver.id, "1");
    }

    #[test]
    fn a_driver_who_moved_is_found_there() {
        let database = database();
        let moved = set_location(&database, "10", TOKYO).unwrap();
        assert_eq!(moved.location, TOKYO);
        assert_eq!(assign(&database, "o-1", TOKYO, TOKYO).driver.id, "10");
    }

    #[test]
    fn wrong_input_changes_nothing() {
        let database = database();
        let off = Location { lat: 91.0, lon: 0.0 };
        let input = DriverInput { name: " ".into(), location: off };
        assert!(matches!(create(&database, input), Err(Error::Invalid(_))));
        assert!(matches!(set_location(&database, "1", off), Err(Error::Invalid(_))));
        assert_eq!(set_location(&database, "nobody", BERLIN), Err(Error::NotFound));
        assert_eq!(set_availability(&database, "", true), Err(Error::NotFound));
        assert_eq!(list(&database, filter(100, None)).unwrap().items.len(), 10);
    }

    #[test]
    fn who_begins_to_take_orders_is_told_of_once() {
        let database = database();
        let events = Recorder::new(&database);
        let input = DriverInput { name: "Tokyo Taro".into(), location: TOKYO };
        let driver_id = super::create(&database, &events, input).unwrap().id;
        let freed = |driver_id: &str| Event::DriverFreed { driver_id: driver_id.into() };
        assert_eq!(events.published(), [freed(&driver_id)]);
        for available in [true, false, false, true, true] {
            super::set_availability(&database, &events, "1", available).unwrap();
        }
        assert_eq!(events.published(), [freed(&driver_id), freed("1")]);
    }

    #[test]
    fn only_a_driver_with_a_delivery_is_followed_and_only_when_moving() {
        let database = database();
        let events = Recorder::new(&database);
        super::set_location(&database, &events, "1", TOKYO).unwrap();
        assert_eq!(events.published(), []);
        let order_id = "o-1".to_owned();
        let assignment = assign(&database, &order_id, TOKYO, BERLIN);
        assert_eq!(assignment.driver.id, "1");
        let events = Recorder::new(&database);
        for _ in 0..2 {
            super::set_location(&database, &events, "1", BERLIN).unwrap();
        }
        let eta_minutes = tracking::get(&database, &assignment.tracking_id).unwrap().eta_minutes;
        let moved = Event::DriverMoved { order_id, location: BERLIN, eta_minutes };
        assert_eq!(events.published(), [moved]);
    }

    #[test]
    fn a_change_that_fails_half_way_is_not_told() {
        for steps in 0..5 {
            let database = database();
            assign(&database, "o-1", BERLIN, BERLIN);
            let events = Recorder::new(&database);
            database.fail_after(steps);
            let change = || super::set_location(&database, &events, "1", TOKYO);
            assert_eq!(change(), Err(Error::Unavailable));
            database.recover();
            assert_eq!(events.published(), []);
            change().unwrap();
            assert_eq!(events.published().len(), 1);
        }
    }

    #[test]
    fn a_driver_taken_to_be_busy_by_mistake_is_free_after_a_pause() {
        let database = database();
        database.execute("UPDATE drivers SET tracking_id = 'gone' WHERE id = '1'", &[]).unwrap();
        set_availability(&database, "1", false).unwrap();
        set_availability(&database, "1", true).unwrap();
        let at = Location { lat: 52.5219, lon: 13.4132 };
        assert_eq!(assign(&database, "o-1", at, BERLIN).driver.id, "1");
    }
}
