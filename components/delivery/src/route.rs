//! How long a way takes.

use thali_support::geo::Point;
use thali_support::sql::Value;

use crate::bindings::thali::types::types::Location;
use crate::nearest::Cell;

/// What a driver in a city makes, lights and one-way streets included.
const KM_PER_MINUTE: f64 = 0.4;
/// Finding the counter, waiting for the bag.
const PICKUP_MINUTES: f64 = 5.0;

/// The point on the unit sphere.
pub(crate) fn point(location: Location) -> Point {
    Point::new(location.lat, location.lon)
}

/// A place as drivers have it: degrees, the point on the unit sphere, the cell.
pub(crate) fn place(location: Location) -> [Value; 7] {
    let Point { x, y, z } = point(location);
    let cell = Cell::of(location);
    let [lat, lon, x, y, z] = [location.lat, location.lon, x, y, z].map(Value::from);
    [lat, lon, x, y, z, cell.y.into(), cell.x.into()]
}

/// Minutes until the order is at the door when the driver still has to fetch it.
pub(crate) fn minutes_with_pickup(driver: Location, pickup: Location, dropoff: Location) -> u32 {
    let way = km(driver, pickup) + km(pickup, dropoff);
    whole_minutes(PICKUP_MINUTES + way / KM_PER_MINUTE)
}

/// Minutes until the order is at the door when the driver has it.
pub(crate) fn minutes(driver: Location, dropoff: Location) -> u32 {
    whole_minutes(km(driver, dropoff) / KM_PER_MINUTE)
}

fn km(from: Location, to: Location) -> f64 {
    point(from).distance_km(point(to))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn whole_minutes(minutes: f64) -> u32 {
    minutes.ceil().max(1.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALEXANDERPLATZ: Location = Location { lat: 52.5219, lon: 13.4132 };
    const BRANDENBURGER_TOR: Location = Location { lat: 52.5163, lon: 13.3777 };
    const ANTIPODES: Location = Location { lat: -52.5219, lon: -166.5868 };

    #[test]
    fn the_longer_the_way_the_longer_it_takes() {
        let direct = minutes(ALEXANDERPLATZ, BRANDENBURGER_TOR);
        assert_eq!(direct, 7, "2.5 km");
        let there = minutes_with_pickup(ALEXANDERPLATZ, ALEXANDERPLATZ, BRANDENBURGER_TOR);
        assert_eq!(there, 12);
        assert!(minutes_with_pickup(ALEXANDERPLATZ, BRANDENBURGER_TOR, ALEXANDERPLATZ) > there);
    }

    #[test]
    fn no_way_is_too_long_or_too_short_to_count() {
        assert_eq!(minutes(ALEXANDERPLATZ, ALEXANDERPLATZ), 1);
        assert_eq!(minutes(ALEXANDERPLATZ, ANTIPODES), 50_038);
    }
}
