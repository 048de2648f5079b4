//! The statements: purchases in the database.

use thali_support::clock::rfc3339;
use thali_support::sql::{Database, Failed, Query, Row, Transaction, Value, read, read_one};

use crate::bindings::exports::thali::shop::shopping::Summary;
use crate::bindings::thali::types::types::Money;
use crate::purchase::{Bill, Failure, Line, Purchase, State};

/// How many rows a change must change: the purchase that is as it has to be.
const ONE: Option<u64> = Some(1);

const COLUMNS: &str = "id, owner, state, by_card, currency, subtotal, discount, tax, shipping, total, \
                       reserved_until, failure, failure_detail, failure_available, created_at, touched_at";

/// Keeps a new purchase.
pub(crate) fn insert(
    database: &dyn Database,
    purchase: &Purchase,
    idempotency_id: Option<&str>,
) -> Result<(), Failed> {
    let sql = "INSERT INTO orders (id, owner, state, by_card, currency, subtotal, discount, tax, shipping, \
                                   total, reserved_until, created_at, touched_at, idempotency_id) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13)";
    let bill = &purchase.bill;
    let params: [Value; 13] = [
        purchase.id.as_str().into(),
        purchase.owner.as_str().into(),
        purchase.state.as_str().into(),
        purchase.by_card.into(),
        bill.currency.as_str().into(),
        bill.subtotal.into(),
        bill.discount.into(),
        bill.tax.into(),
        bill.shipping.into(),
        bill.total.into(),
        purchase.reserved_until.into(),
        purchase.created_at.into(),
        idempotency_id.into(),
    ];
    let transaction = database.begin()?;
    transaction.add(sql, &params, None)?;
    insert_lines(&*transaction, purchase)?;
    transaction.commit()
}

/// All lines in one statement.
fn insert_lines(transaction: &dyn Transaction, purchase: &Purchase) -> Result<(), Failed> {
    let mut sql = "INSERT INTO order_lines (order_id, position, product_id, quantity, unit_price, total) VALUES "
        .to_owned();
    let mut params: Vec<Value> = vec![purchase.id.as_str().into()];
    for (line, position) in purchase.lines.iter().zip(0_u32..) {
        sql.push_str(if position == 0 { "($1" } else { ", ($1" });
        let values: [Value; 5] = [
            position.into(),
            line.product_id.as_str().into(),
            line.quantity.into(),
            line.unit_price.into(),
            line.total.into(),
        ];
        for value in values {
            params.push(value);
            sql.push_str(", $");
            sql.push_str(&params.len().to_string());
        }
        sql.push(')');
    }
    transaction.add(&sql, &params, None)
}

/// Keeps how far a purchase is, which must have been at `from`. The request of one that was called off for what
/// passes is forgotten: sent again, it places another.
pub(crate) fn update(
    transaction: &dyn Transaction,
    purchase: &Purchase,
    from: State,
    now_ms: i64,
) -> Result<(), Failed> {
    let passes = purchase.failure.as_ref().is_some_and(Failure::passes);
    let forget = if passes { ", idempotency_id = NULL" } else { "" };
    let sql = [
        "UPDATE orders SET state = $3, reserved_until = $4, failure = $5, failure_detail = $6, \
         failure_available = $7, touched_at = $8",
        forget,
        " WHERE id = $1 AND state = $2",
    ]
    .concat();
    let failure = purchase.failure.as_ref().map(Failure::columns);
    let params: [Value; 8] = [
        purchase.id.as_str().into(),
        from.as_str().into(),
        purchase.state.as_str().into(),
        purchase.reserved_until.into(),
        failure.map(|(kind, _, _)| kind).into(),
        failure.and_then(|(_, detail, _)| detail).into(),
        failure.and_then(|(_, _, available)| available).into(),
        now_ms.into(),
    ];
    transaction.add(&sql, &params, ONE)
}

/// Says that somebody works on a purchase from now on. Answers whether nobody else has said so since it was read.
pub(crate) fn take_up(
    database: &dyn Database,
    purchase: &Purchase,
    now_ms: i64,
) -> Result<bool, Failed> {
    let sql = "UPDATE orders SET touched_at = $4 WHERE id = $1 AND state = $2 AND touched_at = $3";
    let params = [
        purchase.id.as_str().into(),
        purchase.state.as_str().into(),
        purchase.touched_at.into(),
        now_ms.into(),
    ];
    Ok(database.execute(sql, &params)? > 0)
}

/// The purchase with this id.
pub(crate) fn find(database: &dyn Query, id: &str) -> Result<Option<Purchase>, Failed> {
    let sql = ["SELECT ", COLUMNS, " FROM orders WHERE id = $1"].concat();
    let found = read_one(database, &sql, &[id.into()], read_purchase)?;
    found.map(|purchase| with_lines(database, purchase)).transpose()
}

/// The purchase that the request of this name made.
pub(crate) fn find_by_request(
    database: &dyn Query,
    idempotency_id: &str,
) -> Result<Option<Purchase>, Failed> {
    let sql = "SELECT id FROM orders WHERE idempotency_id = $1";
    let id = read_one(database, sql, &[idempotency_id.into()], Row::text)?;
    id.map_or(Ok(None), |id| find(database, &id))
}

/// Purchases that are not over: those that wait for payments, and those that nobody has worked on since
/// `before_ms`. The one that has waited longest comes first.
pub(crate) fn underway(
    database: &dyn Query,
    before_ms: i64,
    count: u32,
) -> Result<Vec<Purchase>, Failed> {
    let count = count.to_string();
    let sql = [
        "SELECT ",
        COLUMNS,
        " FROM orders WHERE state NOT IN ('confirmed', 'cancelled') \
         AND (state = 'queued' OR touched_at < $1) ORDER BY touched_at, id LIMIT ",
        &count,
    ]
    .concat();
    let found = read(database, &sql, &[before_ms.into()], read_purchase)?;
    found.into_iter().map(|purchase| with_lines(database, purchase)).collect()
}

/// Orders of an owner, the newest first, those after the one with the id `cursor`.
pub(crate) fn owned(
    database: &dyn Query,
    owner: &str,
    cursor: Option<&str>,
    count: usize,
) -> Result<Vec<Summary>, Failed> {
    let mut params: Vec<Value> = vec![owner.into()];
    let after = cursor.map_or("", |cursor| {
        params.push(cursor.into());
        "AND (created_at, id) < (SELECT created_at, id FROM orders WHERE id = $2 AND owner = $1) "
    });
    let count = count.to_string();
    let sql = [
        "SELECT id, state, total, currency, created_at FROM orders WHERE owner = $1 ",
        after,
        "ORDER BY created_at DESC, id DESC LIMIT ",
        &count,
    ]
    .concat();
    read(database, &sql, &params, |row| {
        Ok(Summary {
            id: row.text()?,
            status: read_state(row)?.status(),
            total: Money { amount: row.integer()?, currency: row.text()? },
            created_at: rfc3339(row.integer()?),
        })
    })
}

fn with_lines(database: &dyn Query, purchase: Purchase) -> Result<Purchase, Failed> {
    let sql = "SELECT product_id, quantity, unit_price, total FROM order_lines \
               WHERE order_id = $1 ORDER BY position";
    let lines = read(database, sql, &[purchase.id.as_str().into()], |row| {
        Ok(Line {
            product_id: row.text()?,
            quantity: row.integer()?,
            unit_price: row.integer()?,
            total: row.integer()?,
        })
    })?;
    Ok(Purchase { lines, ..purchase })
}

fn read_state(row: &mut Row) -> Result<State, Failed> {
    State::from_text(&row.text()?).ok_or(Failed::Unavailable)
}

/// A purchase without its lines.
fn read_purchase(row: &mut Row) -> Result<Purchase, Failed> {
    Ok(Purchase {
        id: row.text()?,
        owner: row.text()?,
        state: read_state(row)?,
        by_card: row.flag()?,
        bill: Bill {
            currency: row.text()?,
            subtotal: row.integer()?,
            discount: row.integer()?,
            tax: row.integer()?,
            shipping: row.integer()?,
            total: row.integer()?,
        },
        reserved_until: row.integer()?,
        failure: read_failure(row)?,
        created_at: row.integer()?,
        touched_at: row.integer()?,
        lines: Vec::new(),
    })
}

fn read_failure(row: &mut Row) -> Result<Option<Failure>, Failed> {
    let kind = row.optional_text()?;
    let (detail, available) = (row.optional_text()?, row.optional_integer()?);
    Ok(kind.and_then(|kind| Failure::from_columns(&kind, detail, available)))
}
