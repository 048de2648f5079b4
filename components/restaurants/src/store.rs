//! The statements: restaurants and menus in the database.

use thali_support::geo::Point;
use thali_support::sql::{Database, Failed, Row, Value, exists, read, read_one, statement};

use crate::bindings::exports::thali::restaurants::catalog::MenuItem;
use crate::bindings::thali::types::types::{Location, Money};
use crate::hours::Week;
use crate::zone::Zone;

/// A restaurant as the database keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Restaurant {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) cuisine: String,
    pub(crate) location: Location,
    pub(crate) switched_open: bool,
    pub(crate) time_zone: String,
    /// `None`: around the clock.
    pub(crate) hours: Option<Week>,
}

impl Restaurant {
    /// Whether it takes orders: switched open, and inside its opening hours.
    pub(crate) fn is_open(&self, now_ms: i64) -> bool {
        self.switched_open && self.hours.as_ref().is_none_or(|week| self.holds(week, now_ms))
    }

    /// A zone that a later version of the table does not know counts as closed.
    fn holds(&self, week: &Week, now_ms: i64) -> bool {
        Zone::find(&self.time_zone).is_some_and(|zone| week.is_open(&zone, now_ms))
    }

    fn read(row: &mut Row) -> Result<Self, Failed> {
        Ok(Self {
            id: row.text()?,
            name: row.text()?,
            cuisine: row.text()?,
            location: Location { lat: row.real()?, lon: row.real()? },
            switched_open: row.flag()?,
            time_zone: row.text()?,
            hours: match row.optional_text()? {
                Some(text) => Some(Week::from_text(&text).ok_or(Failed::Unavailable)?),
                None => None,
            },
        })
    }
}

const COLUMNS: &str =
    "r.id, r.name, r.cuisine, r.lat, r.lon, r.switched_open, r.time_zone, r.hours";

/// Which restaurants a page shows, and in which order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) cuisine: Option<String>,
    /// The nearest to this point first; else by name.
    pub(crate) near: Option<Point>,
}

/// The restaurants that follow the one with the id `after`.
pub(crate) fn page(
    database: &dyn Database,
    selection: &Selection,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Restaurant>, Failed> {
    let mut params: Vec<Value> = Vec::new();
    let mut conditions: Vec<String> = Vec::new();
    let order = match selection.near {
        Some(Point { x, y, z }) => {
            params.extend([x.into(), y.into(), z.into()]);
            "(r.x-$1)*(r.x-$1)+(r.y-$2)*(r.y-$2)+(r.z-$3)*(r.z-$3)"
        }
        None => "r.name",
    };
    if let Some(cuisine) = &selection.cuisine {
        params.push(cuisine.as_str().into());
        conditions.push(format!("LOWER(r.cuisine) = LOWER(${})", params.len()));
    }
    if let Some(after) = after {
        params.push(after.into());
        let id = params.len();
        let place = format!("SELECT {order}, r.id FROM restaurants r WHERE r.id = ${id}");
        conditions.push(format!("({order}, r.id) > ({place})"));
    }
    let filter = if conditions.is_empty() { "" } else { " WHERE " };
    let filter = [filter, &conditions.join(" AND ")].concat();
    let sql =
        format!("SELECT {COLUMNS} FROM restaurants r{filter} ORDER BY {order}, r.id LIMIT {limit}");
    read(database, &sql, &params, Restaurant::read)
}

/// Whether there is such a restaurant.
pub(crate) fn is_known(database: &dyn Database, id: &str) -> Result<bool, Failed> {
    exists(database, "SELECT 1 FROM restaurants WHERE id = $1", &[id.into()])
}

/// The restaurant with this id.
pub(crate) fn find(database: &dyn Database, id: &str) -> Result<Option<Restaurant>, Failed> {
    let sql = format!("SELECT {COLUMNS} FROM restaurants r WHERE r.id = $1");
    read_one(database, &sql, &[id.into()], Restaurant::read)
}

/// The restaurant with this id, and its menu, in one statement: both as of one moment.
pub(crate) fn find_with_menu(
    database: &dyn Database,
    id: &str,
) -> Result<Option<(Restaurant, Vec<MenuItem>)>, Failed> {
    let sql = format!(
        "SELECT {COLUMNS}, i.id, i.name, i.description, i.price, i.currency, i.available \
         FROM restaurants r LEFT JOIN menu_items i ON i.restaurant_id = r.id \
         WHERE r.id = $1 ORDER BY i.position"
    );
    let mut rows =
        read(database, &sql, &[id.into()], |row| Ok((Restaurant::read(row)?, read_item(row)?)))?
            .into_iter();
    let Some((restaurant, first)) = rows.next() else { return Ok(None) };
    let items = first.into_iter().chain(rows.filter_map(|(_, item)| item)).collect();
    Ok(Some((restaurant, items)))
}

/// A dish, or nothing when the menu is empty.
fn read_item(row: &mut Row) -> Result<Option<MenuItem>, Failed> {
    let Some(id) = row.optional_text()? else { return Ok(None) };
    Ok(Some(MenuItem {
        id,
        name: row.text()?,
        description: row.text()?,
        price: Money { amount: row.integer()?, currency: row.text()? },
        available: row.flag()?,
    }))
}

/// Adds a restaurant.
pub(crate) fn insert(database: &dyn Database, restaurant: &Restaurant) -> Result<(), Failed> {
    let sql = "INSERT INTO restaurants \
               (id, name, cuisine, lat, lon, x, y, z, time_zone, hours, switched_open) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let mut params = described(restaurant);
    params.push(restaurant.switched_open.into());
    database.execute(sql, &params).map(|_| ())
}

/// Replaces what is known about a restaurant, but for its switch. Answers whether there is one.
pub(crate) fn replace(database: &dyn Database, restaurant: &Restaurant) -> Result<bool, Failed> {
    let sql = "UPDATE restaurants SET name = $2, cuisine = $3, lat = $4, lon = $5, \
               x = $6, y = $7, z = $8, time_zone = $9, hours = $10 WHERE id = $1";
    Ok(database.execute(sql, &described(restaurant))? > 0)
}

fn described(restaurant: &Restaurant) -> Vec<Value> {
    let Location { lat, lon } = restaurant.location;
    let Point { x, y, z } = Point::new(lat, lon);
    vec![
        restaurant.id.as_str().into(),
        restaurant.name.as_str().into(),
        restaurant.cuisine.as_str().into(),
        lat.into(),
        lon.into(),
        x.into(),
        y.into(),
        z.into(),
        restaurant.time_zone.as_str().into(),
        restaurant.hours.as_ref().map(Week::to_text).as_deref().into(),
    ]
}

/// Switches a restaurant open or closed. Answers whether there is one.
pub(crate) fn switch(database: &dyn Database, id: &str, open: bool) -> Result<bool, Failed> {
    let sql = "UPDATE restaurants SET switched_open = $2 WHERE id = $1";
    Ok(database.execute(sql, &[id.into(), open.into()])? > 0)
}

/// Replaces the menu of a restaurant that exists.
pub(crate) fn replace_menu(
    database: &dyn Database,
    restaurant_id: &str,
    items: &[MenuItem],
) -> Result<(), Failed> {
    let insert = "INSERT INTO menu_items \
                  (restaurant_id, position, id, name, description, price, currency, available) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let clear = "DELETE FROM menu_items WHERE restaurant_id = $1";
    let mut statements = vec![statement(clear, vec![restaurant_id.into()])];
    statements.extend(items.iter().zip(0_u32..).map(|(item, position)| {
        let params = vec![
            restaurant_id.into(),
            position.into(),
            item.id.as_str().into(),
            item.name.as_str().into(),
            item.description.as_str().into(),
            item.price.amount.into(),
            item.price.currency.as_str().into(),
            item.available.into(),
        ];
        statement(insert, params)
    }));
    database.batch(&statements).map(|_| ())
}
