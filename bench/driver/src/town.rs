//! A country to order in: restaurants on a grid, drivers on a finer one, both as seed data, so that every
//! order finds a driver nearby and none has to be freed while it is measured.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use thali_contract::pack::{Parts, pack, unpack};

/// Restaurants from south to north and from west to east, a tenth of a degree apart.
pub(crate) const RESTAURANTS: (u32, u32) = (24, 24);

/// Drivers in each direction, a hundredth of a degree apart: a driver for each square kilometre.
const DRIVERS: (u32, u32) = (250, 250);

/// The south-western corner, in degrees.
pub(crate) const CORNER: (f64, f64) = (51.5, 12.0);

/// How many drivers there are.
pub(crate) const DRIVERS_COUNT: u32 = DRIVERS.0 * DRIVERS.1;

/// `component` with the country's seed instead of its own, if it has something to do with it.
pub(crate) fn settle(component: &[u8]) -> Result<Vec<u8>> {
    let parts = unpack(component)?;
    let seed = match name(&parts.manifest)? {
        "restaurants" => restaurants(),
        "delivery" => drivers(),
        _ => return Ok(component.to_vec()),
    };
    Ok(pack(component, &Parts { seed: Some(seed), ..parts })?)
}

fn name(manifest: &str) -> Result<&str> {
    let line = manifest.lines().find_map(|line| line.strip_prefix("name = "));
    Ok(line.context("a service has a name")?.trim().trim_matches('"'))
}

fn restaurants() -> String {
    let places = grid(RESTAURANTS, 0.1, 0.05);
    format!(
        "{places}INSERT INTO restaurants (id, name, cuisine, lat, lon, x, y, z, switched_open, \
                                          time_zone, hours) \
         SELECT 'town-' || i || '-' || j, 'Pizza Paradise', 'italian', lat, lon, {SPHERE}, TRUE, \
                'Europe/Berlin', NULL FROM rows CROSS JOIN columns;\n\
         INSERT INTO menu_items (restaurant_id, position, id, name, description, price, currency, \
                                 available) \
         SELECT id, 0, '1', 'Margherita', 'Tomato, mozzarella, basil', 1299, 'USD', TRUE \
         FROM restaurants;\n"
    )
}

fn drivers() -> String {
    // In the middle of their cells, so that no rounding moves them to the next.
    let places = grid(DRIVERS, 0.01, 0.005);
    format!(
        "{places}INSERT INTO drivers (id, name, lat, lon, x, y, z, cell_y, cell_x, available) \
         SELECT 'driver-' || i || '-' || j, 'Speed Racer', lat, lon, {SPHERE}, \
                CAST((lat + 90) * 100 AS BIGINT), CAST((lon + 180) * 100 AS BIGINT), TRUE \
         FROM rows CROSS JOIN columns;\n"
    )
}

/// A place on the unit sphere.
const SPHERE: &str = "lat_cos * lon_cos, lat_cos * lon_sin, lat_sin";

/// The rows and columns of a grid, with the sines that not every database knows.
fn grid((rows, columns): (u32, u32), step: f64, offset: f64) -> String {
    let mut sql = String::new();
    let degrees = |corner: f64, n: u32| corner + offset + f64::from(n) * step;
    let tables = [
        ("rows (i, lat, lat_cos, lat_sin)", CORNER.0, rows),
        ("columns (j, lon, lon_cos, lon_sin)", CORNER.1, columns),
    ];
    for (number, (table, corner, count)) in tables.into_iter().enumerate() {
        sql.push_str(if number == 0 { "WITH " } else { ", " });
        let _ = write!(sql, "{table} AS (VALUES ");
        for n in 0..count {
            let at = degrees(corner, n);
            let (sin, cos) = at.to_radians().sin_cos();
            let comma = if n == 0 { "" } else { ", " };
            let _ = write!(sql, "{comma}({n}, {at:.6}, {cos}, {sin})");
        }
        sql.push(')');
    }
    sql.push(' ');
    sql
}
