//! The statements: orders in the database.

use thali_support::sql::{Database, Failed, Row, Value, read, statement};

use crate::bindings::exports::thali::orders::ordering::{Driver, Item, NewOrder, Order, Status};
use crate::bindings::thali::delivery::dispatch::Assignment;
use crate::bindings::thali::restaurants::quoting::Quote;
use crate::bindings::thali::types::types::Money;

/// How to reach the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) phone: String,
    pub(crate) email: Option<String>,
}

/// An order, and whom to tell about it.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) order: Order,
    pub(crate) contact: Contact,
}

const INSERT_ORDER: &str = "\
    INSERT INTO orders (id, status, restaurant_id, restaurant, total, currency, customer_name, phone, \
                        email, address, pickup_lat, pickup_lon, dropoff_lat, dropoff_lon, created_at) \
    VALUES ($1, 'placed', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

const INSERT_ITEM: &str = "\
    INSERT INTO order_items (order_id, position, item_id, name, price, quantity, total) \
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const FIND: &str = "\
    SELECT o.id, o.status, o.restaurant_id, o.restaurant, o.total, o.currency, \
           o.driver_id, o.driver_name, o.eta_minutes, o.tracking_id, o.phone, o.email, \
           i.item_id, i.name, i.price, i.quantity, i.total \
    FROM orders o JOIN order_items i ON i.order_id = o.id WHERE o.id = $1 ORDER BY i.position";

/// Keeps a new order with the status `placed`.
pub(crate) fn insert(
    database: &dyn Database,
    id: &str,
    new: &NewOrder,
    quote: &Quote,
    now_ms: i64,
) -> Result<(), Failed> {
    let order: Vec<Value> = vec![
        id.into(),
        quote.restaurant_id.as_str().into(),
        quote.restaurant.as_str().into(),
        quote.total.amount.into(),
        quote.total.currency.as_str().into(),
        new.customer.name.as_str().into(),
        new.customer.phone.as_str().into(),
        new.customer.email.as_deref().into(),
        new.address.line.as_str().into(),
        quote.location.lat.into(),
        quote.location.lon.into(),
        new.address.lat.into(),
        new.address.lon.into(),
        now_ms.into(),
    ];
    let mut statements = vec![statement(INSERT_ORDER, order)];
    statements.extend(quote.lines.iter().zip(0_u32..).map(|(line, position)| {
        let item = vec![
            id.into(),
            position.into(),
            line.item_id.as_str().into(),
            line.name.as_str().into(),
            line.price.amount.into(),
            line.quantity.into(),
            line.total.amount.into(),
        ];
        statement(INSERT_ITEM, item)
    }));
    database.batch(&statements).map(|_| ())
}

/// Moves a placed order on: confirmed with this assignment, or queued without one. Answers whether it
/// was still placed.
pub(crate) fn settle(
    database: &dyn Database,
    id: &str,
    assignment: Option<&Assignment>,
) -> Result<bool, Failed> {
    let changed = match assignment {
        Some(Assignment { tracking_id, driver, eta_minutes }) => {
            let sql = "UPDATE orders SET status = 'confirmed', driver_id = $2, driver_name = $3, \
                       eta_minutes = $4, tracking_id = $5 WHERE id = $1 AND status = 'placed'";
            let params = [
                id.into(),
                driver.id.as_str().into(),
                driver.name.as_str().into(),
                (*eta_minutes).into(),
                tracking_id.as_str().into(),
            ];
            database.execute(sql, &params)?
        }
        None => set_status(database, id, Status::Placed, Status::Queued)?,
    };
    Ok(changed > 0)
}

/// Moves an order from one status to another. Answers 0 when it is not in the first one any more.
pub(crate) fn set_status(
    database: &dyn Database,
    id: &str,
    from: Status,
    to: Status,
) -> Result<u64, Failed> {
    let sql = "UPDATE orders SET status = $3 WHERE id = $1 AND status = $2";
    database.execute(sql, &[id.into(), from.as_str().into(), to.as_str().into()])
}

/// Calls an order off: nobody drives for it any more. Answers whether it was still in this status.
pub(crate) fn cancel(database: &dyn Database, id: &str, from: Status) -> Result<bool, Failed> {
    let sql = "UPDATE orders SET status = 'cancelled', driver_id = NULL, driver_name = NULL, \
               eta_minutes = NULL, tracking_id = NULL WHERE id = $1 AND status = $2";
    Ok(database.execute(sql, &[id.into(), from.as_str().into()])? > 0)
}

/// Takes a cancellation back: the order is as it was before.
pub(crate) fn restore(database: &dyn Database, order: &Order) -> Result<(), Failed> {
    let sql = "UPDATE orders SET status = $2, driver_id = $3, driver_name = $4, eta_minutes = $5, \
               tracking_id = $6 WHERE id = $1 AND status = 'cancelled'";
    let driver = order.driver.as_ref();
    let params = [
        order.id.as_str().into(),
        order.status.as_str().into(),
        driver.map(|driver| driver.id.as_str()).into(),
        driver.map(|driver| driver.name.as_str()).into(),
        order.eta_minutes.into(),
        order.tracking_id.as_deref().into(),
    ];
    database.execute(sql, &params).map(drop)
}

/// The order with this id.
pub(crate) fn find(database: &dyn Database, id: &str) -> Result<Option<Stored>, Failed> {
    let rows = read(database, FIND, &[id.into()], |row| {
        let stored = read_order(row)?;
        let item = read_item(row, &stored.order.total.currency)?;
        Ok((stored, item))
    })?;
    let mut rows = rows.into_iter();
    let Some((mut stored, first)) = rows.next() else { return Ok(None) };
    stored.order.items.push(first);
    stored.order.items.extend(rows.map(|(_, item)| item));
    Ok(Some(stored))
}

/// An order that has no items yet.
fn read_order(row: &mut Row) -> Result<Stored, Failed> {
    let order = Order {
        id: row.text()?,
        status: Status::from_text(&row.text()?).ok_or(Failed::Unavailable)?,
        restaurant_id: row.text()?,
        restaurant: row.text()?,
        items: Vec::new(),
        total: Money { amount: row.integer()?, currency: row.text()? },
        driver: match (row.optional_text()?, row.optional_text()?) {
            (Some(id), Some(name)) => Some(Driver { id, name }),
            _ => None,
        },
        eta_minutes: row.optional_integer()?,
        tracking_id: row.optional_text()?,
    };
    let contact = Contact { phone: row.text()?, email: row.optional_text()? };
    Ok(Stored { order, contact })
}

fn read_item(row: &mut Row, currency: &str) -> Result<Item, Failed> {
    let (item_id, name) = (row.text()?, row.text()?);
    let price = Money { amount: row.integer()?, currency: currency.to_owned() };
    let quantity = row.integer()?;
    let total = Money { amount: row.integer()?, currency: currency.to_owned() };
    Ok(Item { item_id, name, price, quantity, total })
}
