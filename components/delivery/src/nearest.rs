//! Finding the nearest free driver among very many.
//!
//! The earth is cut into cells of a hundredth of a degree, and an index has the free drivers by cell. The
//! cells around the place are looked at, then more of them, then every free driver. What is found counts
//! only if nobody outside the cells can be nearer, so the answer is exact.

use thali_support::geo::Point;
use thali_support::sql::Value;

use crate::bindings::thali::types::types::Location;
use crate::route;

const CELLS_PER_DEGREE: f64 = 100.0;

/// How many cells around the own one are looked at first, and then.
const NEAR: i64 = 1;
const FAR: i64 = 4;

/// Rounding never makes a driver outside the cells seem to be no nearer than one inside.
const ROUNDING: f64 = 1.0 - 1e-9;

macro_rules! free_driver {
    ($cells:literal) => {
        concat!(
            "(SELECT id FROM drivers WHERE available AND tracking_id IS NULL ",
            $cells,
            " ORDER BY (x-$3)*(x-$3)+(y-$4)*(y-$4)+(z-$5)*(z-$5), id LIMIT 1)"
        )
    };
}

/// Takes the nearest free driver for the delivery `$1` of the order `$2`, which must have none. The other
/// parameters are those of [`params`].
pub(crate) const TAKE: &str = concat!(
    "UPDATE drivers SET tracking_id = $1 WHERE id = COALESCE(",
    free_driver!(
        "AND cell_y IN ($6,$7,$8) AND cell_x BETWEEN $9 AND $10 \
         AND (x-$3)*(x-$3)+(y-$4)*(y-$4)+(z-$5)*(z-$5) <= $11"
    ),
    ", ",
    free_driver!(
        "AND cell_y IN ($12,$13,$14,$15,$16,$17,$18,$19,$20) AND cell_x BETWEEN $21 AND $22 \
         AND (x-$3)*(x-$3)+(y-$4)*(y-$4)+(z-$5)*(z-$5) <= $23"
    ),
    ", ",
    free_driver!(""),
    ") AND NOT EXISTS (SELECT 1 FROM deliveries o \
                       WHERE o.order_id = $2 AND o.status <> 'released') \
     RETURNING id, name, lat, lon"
);

/// The cell that a place is in, from south to north and from west to east.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) y: i64,
    pub(crate) x: i64,
}

impl Cell {
    #[expect(clippy::cast_possible_truncation, reason = "a place on earth has a small cell")]
    pub(crate) fn of(place: Location) -> Self {
        let cell = |degrees: f64| (degrees * CELLS_PER_DEGREE).floor() as i64;
        Self { y: cell(place.lat + 90.0), x: cell(place.lon + 180.0) }
    }
}

/// The parameters of [`TAKE`].
pub(crate) fn params(tracking_id: &str, order_id: &str, place: Location) -> Vec<Value> {
    let Point { x, y, z } = route::point(place);
    let mut params = vec![tracking_id.into(), order_id.into(), x.into(), y.into(), z.into()];
    for around in [NEAR, FAR] {
        let Cell { y, x } = Cell::of(place);
        params.extend((y - around..=y + around).map(Value::from));
        params.extend([(x - around).into(), (x + around).into()]);
        params.push(covered(place, around).into());
    }
    params
}

/// The square of the straight line on the unit sphere to the nearest place outside the cells so far around
/// that of `place`.
#[expect(clippy::cast_precision_loss, reason = "a place on earth has a small cell")]
fn covered(place: Location, around: i64) -> f64 {
    let Cell { y, x } = Cell::of(place);
    let edge = |cell: i64| cell as f64 / CELLS_PER_DEGREE;
    let (south, north) = (edge(y - around) - 90.0, edge(y + around + 1) - 90.0);
    // The cells end at the date line.
    let west = (edge(x - around) - 180.0).max(-180.0);
    let east = (edge(x + around + 1) - 180.0).min(180.0);
    let to_parallel = (place.lat - south).min(north - place.lat).to_radians();
    let to_meridian = (place.lon - west).min(east - place.lon).to_radians();
    let to_meridian = (place.lat.to_radians().cos() * to_meridian.sin()).clamp(0.0, 1.0).asin();
    let half_chord = (to_parallel.min(to_meridian) / 2.0).sin();
    4.0 * half_chord * half_chord * ROUNDING
}

#[cfg(test)]
mod tests {
    use thali_support::sql::{Database, Query};
    use thali_support::testing::Memory;

    use super::*;
    use crate::testing;

    /// The same places at every run, all over `width` degrees around the middle.
    fn scattered(count: u32, middle: Location, width: f64) -> Vec<Location> {
        let fraction = |n: u32, factor: f64| (f64::from(n) * factor).fract() - 0.5;
        (0..count)
            .map(|n| Location {
                lat: (middle.lat + fraction(n, 0.618_033_988_75) * width).clamp(-90.0, 90.0),
                lon: (middle.lon + fraction(n, 0.754_877_666_25) * width).clamp(-180.0, 180.0),
            })
            .collect()
    }

    fn with_drivers(places: &[Location]) -> Memory {
        let database = testing::without_drivers();
        testing::add_drivers(&database, places);
        database
    }

    /// The place of the driver who is taken.
    fn take(database: &Memory, order_id: &str, place: Location) -> Option<Location> {
        let transaction = database.begin().unwrap();
        let rows = transaction.query(TAKE, &params(order_id, order_id, place)).unwrap().rows;
        transaction.commit().unwrap();
        let row = rows.first()?;
        let [Value::Real(lat), Value::Real(lon)] = row[2..4] else { panic!("{row:?}") };
        Some(Location { lat, lon })
    }

    fn chord(a: Location, b: Location) -> f64 {
        route::point(a).distance_km(route::point(b))
    }

    #[test]
    fn the_nearest_of_very_many_is_found_wherever_they_are() {
        let middles = [(52.52, 13.4), (0.0, 0.0), (-33.9, 151.2), (0.0, 179.99), (0.0, -180.0)];
        let poles = [(89.995, 0.0), (-90.0, 20.0), (89.0, -179.9)];
        for (lat, lon) in middles.into_iter().chain(poles) {
            for width in [0.01, 0.2, 30.0] {
                let middle = Location { lat, lon };
                let places = scattered(400, middle, width);
                let database = with_drivers(&places);
                let mut free = places.clone();
                for (n, pickup) in scattered(30, middle, width * 1.3).into_iter().enumerate() {
                    let taken = take(&database, &format!("o-{n}"), pickup).unwrap();
                    let nearest = free.iter().map(|at| chord(*at, pickup)).fold(1e9, f64::min);
                    assert!(chord(taken, pickup) <= nearest + 1e-6, "{pickup:?} {taken:?}");
                    let at = free.iter().position(|place| *place == taken).unwrap();
                    free.swap_remove(at);
                }
            }
        }
    }

    #[test]
    fn drivers_of_the_first_schema_get_the_cells_of_this_code() {
        let places = scattered(300, Location { lat: 10.0, lon: 20.0 }, 300.0);
        let database = Memory::new(&[include_str!("../migrations/0001_init.sql")]);
        for (n, place) in places.iter().enumerate() {
            let sql = "INSERT INTO drivers (id, name, lat, lon, x, y, z, available) \
                       VALUES ($1, 'A', $2, $3, 0, 0, 0, TRUE)";
            let id = n.to_string();
            let params = [id.as_str().into(), place.lat.into(), place.lon.into()];
            database.execute(sql, &params).unwrap();
        }
        database.script(include_str!("../migrations/0002_free_drivers.sql"));
        let rows =
            database.query("SELECT lat, lon, cell_y, cell_x FROM drivers", &[]).unwrap().rows;
        assert_eq!(rows.len(), places.len());
        for row in rows {
            let [Value::Real(lat), Value::Real(lon), Value::Integer(y), Value::Integer(x)] =
                row[..]
            else {
                panic!("{row:?}")
            };
            assert_eq!(Cell::of(Location { lat, lon }), Cell { y, x });
        }
    }

    #[test]
    fn every_search_goes_through_the_index() {
        let database = testing::without_drivers();
        let place = Location { lat: 52.52, lon: 13.4 };
        let plan = ["EXPLAIN QUERY PLAN ", TAKE].concat();
        let transaction = database.begin().unwrap();
        let rows = transaction.query(&plan, &params("t", "o", place)).unwrap().rows;
        let plan = format!("{rows:?}");
        assert_eq!(plan.matches("COVERING INDEX drivers_free").count(), 3, "{plan}");
        assert_eq!(plan.matches("drivers_free (cell_y=? AND cell_x>? AND cell_x<?)").count(), 2);
    }
}
