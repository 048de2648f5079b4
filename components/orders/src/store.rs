//! The statements: orders in the database.

use thali_support::sql::{Database, Failed, Query, Row, Transaction, Value, read, read_one};

use crate::bindings::exports::thali::orders::ordering::{
    Driver, Item, NewOrder, Order, Status, Summary,
};
use crate::bindings::thali::delivery::dispatch::Assignment;
use crate::bindings::thali::restaurants::quoting::Quote;
use crate::bindings::thali::types::types::{Location, Method, Money, Payment};

/// An order, and what delivery is asked about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) order: Order,
    pub(crate) way: Way,
    /// It is paid by card.
    pub(crate) by_card: bool,
    /// Whose it is; `None` when whoever placed it did not say.
    pub(crate) owner: Option<String>,
}

/// From where to where an order goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Way {
    pub(crate) pickup: Location,
    pub(crate) dropoff: Location,
}

/// An order that waits for something this service has to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Waiting {
    pub(crate) id: String,
    pub(crate) created_at: i64,
    pub(crate) way: Way,
    /// It is paid by card.
    pub(crate) by_card: bool,
}

const INSERT_ORDER: &str = "\
    INSERT INTO orders (id, status, restaurant_id, restaurant, total, currency, customer_name, phone, \
                        email, address, pickup_lat, pickup_lon, dropoff_lat, dropoff_lon, created_at, \
                        idempotency_id, by_card, owner) \
    VALUES ($1, 'placed', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
            $17)";

const INSERT_ITEMS: &str = "\
    INSERT INTO order_items (order_id, position, item_id, name, price, quantity, total) VALUES ";

/// What [`read_order`] reads of an order `o`.
pub(crate) const ORDER: &str = "\
    o.id, o.status, o.restaurant_id, o.restaurant, o.total, o.currency, \
    o.driver_id, o.driver_name, o.eta_minutes, o.tracking_id, \
    o.pickup_lat, o.pickup_lon, o.dropoff_lat, o.dropoff_lon, o.by_card, o.owner";

/// What [`read_item`] reads of an item `i`.
pub(crate) const ITEM: &str = "i.item_id, i.name, i.price, i.quantity, i.total";

/// How many rows a change must change: the order that is as it has to be.
const ONE: Option<u64> = Some(1);

/// A way as the columns of a row, and how it is paid.
const WAY: &str = "pickup_lat, pickup_lon, dropoff_lat, dropoff_lon, by_card";

/// Keeps a new order with the status `placed`.
pub(crate) fn insert(
    transaction: &dyn Transaction,
    id: &str,
    idempotency_id: Option<&str>,
    owner: Option<&str>,
    new: &NewOrder,
    quote: &Quote,
    now_ms: i64,
) -> Result<(), Failed> {
    let order: [Value; 17] = [
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
        idempotency_id.into(),
        is_by_card(new).into(),
        owner.into(),
    ];
    transaction.add(INSERT_ORDER, &order, None)?;
    insert_items(transaction, id, quote)
}

/// Whether an order is paid by card.
pub(crate) fn is_by_card(new: &NewOrder) -> bool {
    matches!(&new.payment, Some(Payment { method: Method::Card(_) }))
}

/// All items in one statement.
fn insert_items(transaction: &dyn Transaction, id: &str, quote: &Quote) -> Result<(), Failed> {
    let (mut sql, mut params) = (INSERT_ITEMS.to_owned(), vec![id.into()]);
    for (line, position) in quote.lines.iter().zip(0_u32..) {
        sql.push_str(if position == 0 { "($1" } else { ", ($1" });
        let item: [Value; 6] = [
            position.into(),
            line.item_id.as_str().into(),
            line.name.as_str().into(),
            line.price.amount.into(),
            line.quantity.into(),
            line.total.amount.into(),
        ];
        for value in item {
            params.push(value);
            sql.push_str(", $");
            sql.push_str(&params.len().to_string());
        }
        sql.push(')');
    }
    transaction.add(&sql, &params, None)
}

/// Confirms an order, which must wait for a driver.
pub(crate) fn confirm(
    transaction: &dyn Transaction,
    id: &str,
    assignment: &Assignment,
) -> Result<(), Failed> {
    let sql = "UPDATE orders SET status = 'confirmed', driver_id = $2, driver_name = $3, \
               eta_minutes = $4, tracking_id = $5 WHERE id = $1 AND status IN ('placed', 'queued')";
    let params = [
        id.into(),
        assignment.driver.id.as_str().into(),
        assignment.driver.name.as_str().into(),
        assignment.eta_minutes.into(),
        assignment.tracking_id.as_str().into(),
    ];
    transaction.add(sql, &params, ONE)
}

/// Moves an order from one status, which it must have, to another. It must not be being called off.
pub(crate) fn set_status(
    transaction: &dyn Transaction,
    id: &str,
    from: Status,
    to: Status,
) -> Result<(), Failed> {
    let sql = "UPDATE orders SET status = $3 \
               WHERE id = $1 AND status = $2 AND cancelling_at IS NULL";
    transaction.add(sql, &[id.into(), from.as_str().into(), to.as_str().into()], ONE)
}

/// Moves an order to where its delivery is: picked up or delivered, from whatever came before. Answers
/// who drives, when the order was not there yet.
pub(crate) fn follow_delivery(
    transaction: &dyn Transaction,
    id: &str,
    to: Status,
    tracking_id: &str,
) -> Result<Option<Option<Driver>>, Failed> {
    let before = match to {
        Status::Delivered => "'placed', 'queued', 'confirmed', 'preparing', 'ready', 'picked_up'",
        _ => "'placed', 'queued', 'confirmed', 'preparing', 'ready'",
    };
    let sql = [
        "UPDATE orders SET status = $2, tracking_id = $3, cancelling_at = NULL \
         WHERE id = $1 AND status IN (",
        before,
        ") RETURNING driver_id, driver_name",
    ]
    .concat();
    let params = [id.into(), to.as_str().into(), tracking_id.into()];
    read_one(transaction, &sql, &params, read_driver)
}

/// Says that an order is being called off. Answers whether it still can be.
pub(crate) fn begin_cancel(database: &dyn Database, id: &str, now_ms: i64) -> Result<bool, Failed> {
    let sql = "UPDATE orders SET cancelling_at = $2 WHERE id = $1 \
               AND status IN ('placed', 'queued', 'confirmed', 'preparing', 'ready')";
    Ok(database.execute(sql, &[id.into(), now_ms.into()])? > 0)
}

/// The order stays as it is after all.
pub(crate) fn end_cancel(database: &dyn Database, id: &str) -> Result<(), Failed> {
    let sql = "UPDATE orders SET cancelling_at = NULL WHERE id = $1";
    database.execute(sql, &[id.into()]).map(drop)
}

/// Calls an order off, which must not be picked up yet: nobody drives for it any more.
pub(crate) fn cancel(transaction: &dyn Transaction, id: &str) -> Result<(), Failed> {
    let sql = "UPDATE orders SET status = 'cancelled', driver_id = NULL, driver_name = NULL, \
               eta_minutes = NULL, tracking_id = NULL, cancelling_at = NULL WHERE id = $1 \
               AND status IN ('placed', 'queued', 'confirmed', 'preparing', 'ready')";
    transaction.add(sql, &[id.into()], ONE)
}

/// Notes that a move of the driver is passed on by this delivery of an event. It must be news: the driver
/// has the order to bring, and the same delivery did not come before.
pub(crate) fn note_move(
    transaction: &dyn Transaction,
    id: &str,
    delivery_id: Option<&str>,
) -> Result<(), Failed> {
    let sql = "UPDATE orders SET moved_by = $2 \
               WHERE id = $1 AND status IN ('confirmed', 'preparing', 'ready', 'picked_up') \
               AND ($2 IS NULL OR moved_by IS NULL OR moved_by <> $2)";
    transaction.add(sql, &[id.into(), delivery_id.into()], ONE)
}

/// The order with this id.
pub(crate) fn find(database: &dyn Query, id: &str) -> Result<Option<Stored>, Failed> {
    let sql = format!(
        "SELECT {ORDER}, {ITEM} FROM orders o JOIN order_items i ON i.order_id = o.id \
         WHERE o.id = $1 ORDER BY i.position"
    );
    let rows = read(database, &sql, &[id.into()], |row| {
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

/// The order that the request of this name placed.
pub(crate) fn find_by_request(
    database: &dyn Query,
    idempotency_id: &str,
) -> Result<Option<Stored>, Failed> {
    let sql = "SELECT id FROM orders WHERE idempotency_id = $1";
    let id = read_one(database, sql, &[idempotency_id.into()], Row::text)?;
    id.map_or(Ok(None), |id| find(database, &id))
}

/// Orders of an owner, the newest first, those after the one with the id `cursor`.
pub(crate) fn owned(
    database: &dyn Query,
    owner: &str,
    cursor: Option<&str>,
    count: usize,
) -> Result<Vec<Summary>, Failed> {
    let mut params = vec![owner.into()];
    let after = cursor.map_or("", |cursor| {
        params.push(cursor.into());
        "AND (created_at, id) < (SELECT created_at, id FROM orders WHERE id = $2 AND owner = $1) "
    });
    let sql = format!(
        "SELECT id, status, restaurant_id, restaurant, total, currency FROM orders \
         WHERE owner = $1 {after}ORDER BY created_at DESC, id DESC LIMIT {count}"
    );
    read(database, &sql, &params, |row| {
        Ok(Summary {
            id: row.text()?,
            status: read_status(row)?,
            restaurant_id: row.text()?,
            restaurant: row.text()?,
            total: Money { amount: row.integer()?, currency: row.text()? },
        })
    })
}

/// Whether an order is of this owner.
pub(crate) fn is_owned(database: &dyn Query, owner: &str, id: &str) -> Result<bool, Failed> {
    let sql = "SELECT id FROM orders WHERE id = $1 AND owner = $2";
    Ok(read_one(database, sql, &[id.into(), owner.into()], Row::text)?.is_some())
}

/// How far an order is.
pub(crate) fn status(database: &dyn Query, id: &str) -> Result<Option<Status>, Failed> {
    read_one(database, "SELECT status FROM orders WHERE id = $1", &[id.into()], read_status)
}

/// Orders that wait for a driver, the oldest first, those after `last`.
pub(crate) fn queued(
    database: &dyn Query,
    last: Option<&Waiting>,
    count: u32,
) -> Result<Vec<Waiting>, Failed> {
    let (created_at, id) = last.map_or((i64::MIN, ""), |last| (last.created_at, &last.id));
    let sql = format!(
        "SELECT id, created_at, {WAY} FROM orders \
         WHERE status = 'queued' AND (created_at, id) > ($1, $2) \
         ORDER BY created_at, id LIMIT {count}"
    );
    read(database, &sql, &[created_at.into(), id.into()], read_waiting)
}

/// Orders that were placed before `before_ms` and are neither confirmed nor queued, the oldest first.
pub(crate) fn left_placed(
    database: &dyn Query,
    before_ms: i64,
    count: u32,
) -> Result<Vec<Waiting>, Failed> {
    let sql = format!(
        "SELECT id, created_at, {WAY} FROM orders WHERE status = 'placed' AND created_at < $1 \
         ORDER BY created_at, id LIMIT {count}"
    );
    read(database, &sql, &[before_ms.into()], read_waiting)
}

/// Orders that are being called off since before `before_ms`.
pub(crate) fn left_cancelling(
    database: &dyn Query,
    before_ms: i64,
    count: u32,
) -> Result<Vec<String>, Failed> {
    let sql = format!(
        "SELECT id FROM orders WHERE cancelling_at IS NOT NULL AND cancelling_at < $1 \
         ORDER BY cancelling_at LIMIT {count}"
    );
    read(database, &sql, &[before_ms.into()], Row::text)
}

fn read_waiting(row: &mut Row) -> Result<Waiting, Failed> {
    let (id, created_at, way) = (row.text()?, row.integer()?, read_way(row)?);
    Ok(Waiting { id, created_at, way, by_card: row.flag()? })
}

fn read_way(row: &mut Row) -> Result<Way, Failed> {
    let mut place = || Ok::<_, Failed>(Location { lat: row.real()?, lon: row.real()? });
    Ok(Way { pickup: place()?, dropoff: place()? })
}

fn read_status(row: &mut Row) -> Result<Status, Failed> {
    Status::from_text(&row.text()?).ok_or(Failed::Unavailable)
}

fn read_driver(row: &mut Row) -> Result<Option<Driver>, Failed> {
    Ok(match (row.optional_text()?, row.optional_text()?) {
        (Some(id), Some(name)) => Some(Driver { id, name }),
        _ => None,
    })
}

/// An order that has no items yet.
pub(crate) fn read_order(row: &mut Row) -> Result<Stored, Failed> {
    let order = Order {
        id: row.text()?,
        status: read_status(row)?,
        restaurant_id: row.text()?,
        restaurant: row.text()?,
        items: Vec::new(),
        total: Money { amount: row.integer()?, currency: row.text()? },
        driver: read_driver(row)?,
        eta_minutes: row.optional_integer()?,
        tracking_id: row.optional_text()?,
    };
    Ok(Stored { order, way: read_way(row)?, by_card: row.flag()?, owner: row.optional_text()? })
}

/// An item of an order in this currency.
pub(crate) fn read_item(row: &mut Row, currency: &str) -> Result<Item, Failed> {
    let (item_id, name) = (row.text()?, row.text()?);
    let price = Money { amount: row.integer()?, currency: currency.to_owned() };
    let quantity = row.integer()?;
    let total = Money { amount: row.integer()?, currency: currency.to_owned() };
    Ok(Item { item_id, name, price, quantity, total })
}
