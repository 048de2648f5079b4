//! What is on the shelves.

use thali_support::check::Checks;
use thali_support::sql::{Database, Failed, Query, Row, Value, list, read, read_one};

use crate::bindings::exports::thali::inventory::stock::{Error, Level};
use crate::desk::Desk;
use crate::events::Event;

const STOCK_MAX: u32 = 1_000_000_000;
const IDS_MAX: usize = 100;

const SELECT: &str = "SELECT product_id, stock, reserved FROM levels WHERE product_id";

/// Nobody else changes the level until the transaction is over.
const LOCK: &str = "\
    UPDATE levels SET stock = stock WHERE product_id = $1 RETURNING product_id, stock, reserved";

const SET: &str = "\
    INSERT INTO levels (product_id, stock) VALUES ($1, $2) \
    ON CONFLICT (product_id) DO UPDATE SET stock = $2 WHERE levels.reserved <= $2 \
    RETURNING product_id, stock, reserved";

/// Somebody has as many of it as there are: the one place where stock is given away.
const RESERVE: &str = "\
    UPDATE levels SET reserved = reserved + $2 WHERE product_id = $1 AND stock - reserved >= $2 \
    RETURNING product_id, stock, reserved";

const GIVE_BACK: &str = "\
    UPDATE levels SET reserved = reserved - $2 WHERE product_id = $1 \
    RETURNING product_id, stock, reserved";

const SELL: &str = "\
    UPDATE levels SET stock = stock - $2, reserved = reserved - $2 WHERE product_id = $1 \
    RETURNING product_id, stock, reserved";

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

fn read_level(row: &mut Row) -> Result<Level, Failed> {
    let (product_id, stock, reserved) = (row.text()?, row.integer()?, row.integer()?);
    Ok(level(product_id, stock, reserved))
}

fn level(product_id: String, stock: u32, reserved: u32) -> Level {
    Level { product_id, stock, reserved, available: stock.saturating_sub(reserved) }
}

/// How much there is of a product.
pub(crate) fn get(database: &dyn Database, product_id: &str) -> Result<Level, Error> {
    let mut checks = Checks::new();
    checks.id("product_id", product_id);
    checks.done().map_err(Error::Invalid)?;
    Ok(find(database, product_id)?)
}

fn find(database: &dyn Query, product_id: &str) -> Result<Level, Failed> {
    let sql = [SELECT, " = $1"].concat();
    let found = read_one(database, &sql, &[product_id.into()], read_level)?;
    Ok(found.unwrap_or_else(|| level(product_id.to_owned(), 0, 0)))
}

/// How much there is of each of these products.
pub(crate) fn get_many(
    database: &dyn Database,
    product_ids: Vec<String>,
) -> Result<Vec<Level>, Error> {
    let mut checks = Checks::new();
    checks.count("/product_ids", product_ids.len(), 0..=IDS_MAX);
    for (i, id) in product_ids.iter().take(IDS_MAX).enumerate() {
        checks.id(&["/product_ids/", &i.to_string()].concat(), id);
    }
    checks.done().map_err(Error::Invalid)?;
    let params: Vec<Value> = product_ids.iter().map(|id| id.as_str().into()).collect();
    let found = if params.is_empty() {
        Vec::new()
    } else {
        let sql = [SELECT, " IN ", &list(params.len())].concat();
        read(database, &sql, &params, read_level)?
    };
    let of = |id: String| match found.iter().find(|level| level.product_id == id) {
        Some(level) => level.clone(),
        None => level(id, 0, 0),
    };
    Ok(product_ids.into_iter().map(of).collect())
}

/// Says how much is on the shelf.
pub(crate) fn set(desk: Desk<'_>, product_id: &str, stock: u32) -> Result<Level, Error> {
    let mut checks = Checks::new();
    checks.id("product_id", product_id);
    checks.rule(stock <= STOCK_MAX, "/stock", "must be 0 to 1000000000");
    checks.done().map_err(Error::Invalid)?;
    let transaction = desk.database.begin()?;
    let before = read_one(&*transaction, LOCK, &[product_id.into()], read_level)?;
    let set = read_one(&*transaction, SET, &[product_id.into(), stock.into()], read_level)?;
    let Some(after) = set else {
        let reserved = before.unwrap_or_else(|| level(product_id.to_owned(), 0, 0));
        return Err(Error::BelowReserved(reserved));
    };
    if before.as_ref() != Some(&after) {
        tell(desk, &after, before.map_or(0, |before| before.available))?;
    }
    transaction.commit()?;
    Ok(after)
}

/// Sets so many of a product aside, as part of a transaction. `Err` with how many there are, when that is
/// too few.
pub(crate) fn reserve(
    desk: Desk<'_>,
    transaction: &dyn Query,
    product_id: &str,
    quantity: u32,
) -> Result<Result<(), u32>, Failed> {
    let params = [product_id.into(), quantity.into()];
    match read_one(transaction, RESERVE, &params, read_level)? {
        Some(after) => {
            tell(desk, &after, after.available.saturating_add(quantity))?;
            Ok(Ok(()))
        }
        None => Ok(Err(find(transaction, product_id)?.available)),
    }
}

/// Nobody has them any more, as part of a transaction.
pub(crate) fn give_back(
    desk: Desk<'_>,
    transaction: &dyn Query,
    product_id: &str,
    quantity: u32,
) -> Result<(), Failed> {
    let params = [product_id.into(), quantity.into()];
    let after = read_one(transaction, GIVE_BACK, &params, read_level)?;
    let after = after.ok_or(Failed::Unavailable)?;
    tell(desk, &after, after.available.saturating_sub(quantity))
}

/// Those who had them take them away, as part of a transaction.
pub(crate) fn sell(
    desk: Desk<'_>,
    transaction: &dyn Query,
    product_id: &str,
    quantity: u32,
) -> Result<(), Failed> {
    let params = [product_id.into(), quantity.into()];
    let after = read_one(transaction, SELL, &params, read_level)?;
    let after = after.ok_or(Failed::Unavailable)?;
    tell(desk, &after, after.available)
}

/// Tells of a level, and that it is low when so many could be had before.
fn tell(desk: Desk<'_>, level: &Level, available_before: u32) -> Result<(), Failed> {
    desk.events.publish(Event::StockChanged(level.clone()))?;
    if available_before <= desk.low || level.available > desk.low {
        return Ok(());
    }
    desk.events.publish(Event::StockLow {
        product_id: level.product_id.clone(),
        available: level.available,
        threshold: desk.low,
    })
}
