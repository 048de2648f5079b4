//! What the service does by itself: reservations whose time is over are given back, and forgotten.

use thali_support::sql::{Failed, Query, Row, Value, list, read};

use crate::bindings::exports::thali::inventory::reservations::Line;
use crate::desk::Desk;
use crate::levels;

/// So many are given back in one transaction: others wait for it.
const BATCH_MAX: usize = 100;

/// So many times: the rest is for the next run.
const BATCHES_MAX: usize = 20;

/// How long a reservation that ended is kept: 30 days.
const KEPT_MS: i64 = 30 * 24 * 3_600_000;

const EXPIRE: &str = "\
    UPDATE reservations SET status = 'expired', ended_at = $1 \
    WHERE status = 'held' AND expires_at <= $1 AND key IN \
        (SELECT key FROM reservations WHERE status = 'held' AND expires_at <= $1 \
         ORDER BY expires_at, key LIMIT 100) \
    RETURNING key";

const FORGET: &str = "\
    DELETE FROM reservations WHERE key IN \
        (SELECT key FROM reservations WHERE ended_at IS NOT NULL AND ended_at <= $1 \
         ORDER BY ended_at, key LIMIT 100)";

/// Gives back what is set aside in reservations whose time is over.
pub(crate) fn return_expired(desk: Desk<'_>) -> Result<(), Failed> {
    for _ in 0..BATCHES_MAX {
        if return_batch(desk)? < BATCH_MAX {
            break;
        }
    }
    Ok(())
}

/// Answers how many reservations were given back.
fn return_batch(desk: Desk<'_>) -> Result<usize, Failed> {
    let transaction = desk.database.begin()?;
    let keys = read(&*transaction, EXPIRE, &[desk.now_ms.into()], Row::text)?;
    if keys.is_empty() {
        return Ok(0);
    }
    for Line { product_id, quantity } in sums(&*transaction, &keys)? {
        levels::give_back(desk, &*transaction, &product_id, quantity)?;
    }
    transaction.commit()?;
    Ok(keys.len())
}

/// What is set aside in these reservations together, by product.
fn sums(database: &dyn Query, keys: &[String]) -> Result<Vec<Line>, Failed> {
    let sql = [
        "SELECT product_id, CAST(SUM(quantity) AS BIGINT) FROM reservation_lines WHERE key IN ",
        &list(keys.len()),
        " GROUP BY product_id ORDER BY product_id",
    ];
    let keys: Vec<Value> = keys.iter().map(|key| key.as_str().into()).collect();
    read(database, &sql.concat(), &keys, |row| {
        Ok(Line { product_id: row.text()?, quantity: row.integer()? })
    })
}

/// Forgets reservations that ended long ago.
pub(crate) fn tidy(desk: Desk<'_>) -> Result<(), Failed> {
    for _ in 0..BATCHES_MAX {
        if desk.database.execute(FORGET, &[(desk.now_ms - KEPT_MS).into()])? < BATCH_MAX as u64 {
            break;
        }
    }
    Ok(())
}
