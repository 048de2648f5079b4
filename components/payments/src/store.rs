//! The statements: charges in the database.

use thali_support::sql::{Database, Failed, Query, Row, Transaction, Value, read, read_one};

use crate::bindings::exports::thali::payments::charging::{Charge, Status};
use crate::bindings::thali::types::types::Money;

/// A charge, and what this service knows of it besides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) charge: Charge,
    pub(crate) token: Option<String>,
    /// The provider is to give the money back.
    pub(crate) refunding: bool,
}

/// What is known of an order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    Charge(Stored),
    /// It was called off before its charge came.
    Barred,
}

impl Entry {
    /// The charge, if there is one.
    pub(crate) fn charge(self) -> Option<Stored> {
        match self {
            Self::Charge(stored) => Some(stored),
            Self::Barred => None,
        }
    }
}

const COLUMNS: &str = "id, order_id, amount, currency, status, last4, reason, token FROM charges";

/// How many rows a change must change: the charge that is as it has to be.
const ONE: Option<u64> = Some(1);

/// Keeps a new charge.
pub(crate) fn insert(
    transaction: &dyn Transaction,
    stored: &Stored,
    now_ms: i64,
) -> Result<(), Failed> {
    let sql = "INSERT INTO charges (id, order_id, amount, currency, status, last4, token, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let Stored { charge, token, .. } = stored;
    let params: [Value; 8] = [
        charge.id.as_str().into(),
        charge.order_id.as_str().into(),
        charge.amount.amount.into(),
        charge.amount.currency.as_str().into(),
        text(charge.status).into(),
        charge.last4.as_deref().into(),
        token.as_deref().into(),
        now_ms.into(),
    ];
    transaction.add(sql, &params, None)
}

/// Keeps that an order was called off before its charge came.
pub(crate) fn bar(
    transaction: &dyn Transaction,
    id: &str,
    order_id: &str,
    now_ms: i64,
) -> Result<(), Failed> {
    let sql =
        "INSERT INTO charges (id, order_id, status, created_at) VALUES ($1, $2, 'barred', $3)";
    transaction.add(sql, &[id.into(), order_id.into(), now_ms.into()], None)
}

/// The charge of an order that was called off before has come.
pub(crate) fn cancel_barred(
    database: &dyn Database,
    order_id: &str,
    amount: &Money,
) -> Result<(), Failed> {
    let sql = "UPDATE charges SET status = 'cancelled', amount = $2, currency = $3 \
               WHERE order_id = $1 AND status = 'barred'";
    let params = [order_id.into(), amount.amount.into(), amount.currency.as_str().into()];
    database.execute(sql, &params).map(drop)
}

/// Ends a charge that waits: `succeeded` or `declined`.
pub(crate) fn end(
    transaction: &dyn Transaction,
    id: &str,
    status: Status,
    reason: Option<&str>,
) -> Result<(), Failed> {
    let sql = "UPDATE charges SET status = $2, reason = $3 WHERE id = $1 AND status = 'queued'";
    transaction.add(sql, &[id.into(), text(status).into(), reason.into()], ONE)
}

/// Says that the money is to be given back, of a charge that was made or may have been.
pub(crate) fn begin_refund(database: &dyn Database, id: &str) -> Result<bool, Failed> {
    let sql = "UPDATE charges SET status = 'refunding' \
               WHERE id = $1 AND status IN ('succeeded', 'queued')";
    Ok(database.execute(sql, &[id.into()])? > 0)
}

/// A charge was made after it was called off, or after it was given up.
pub(crate) fn refund_again(database: &dyn Database, id: &str) -> Result<(), Failed> {
    let sql = "UPDATE charges SET status = 'refunding' \
               WHERE id = $1 AND status IN ('cancelled', 'refunded', 'declined')";
    database.execute(sql, &[id.into()]).map(drop)
}

/// The provider has given the money back, or never had it (`cancelled`).
pub(crate) fn end_refund(database: &dyn Database, id: &str, status: Status) -> Result<(), Failed> {
    let sql = "UPDATE charges SET status = $2 WHERE id = $1 AND status = 'refunding'";
    database.execute(sql, &[id.into(), text(status).into()]).map(drop)
}

/// The charge with this id.
pub(crate) fn get(database: &dyn Query, id: &str) -> Result<Option<Stored>, Failed> {
    let sql = format!("SELECT {COLUMNS} WHERE id = $1 AND status <> 'barred'");
    read_one(database, &sql, &[id.into()], read_stored)
}

/// What is known of this order.
pub(crate) fn of_order(database: &dyn Query, order_id: &str) -> Result<Option<Entry>, Failed> {
    let sql = format!("SELECT status = 'barred', {COLUMNS} WHERE order_id = $1");
    read_one(database, &sql, &[order_id.into()], |row| match row.flag()? {
        true => Ok(Entry::Barred),
        false => read_stored(row).map(Entry::Charge),
    })
}

/// Says that the provider is asked about a charge that waits.
pub(crate) fn tried(database: &dyn Database, id: &str, now_ms: i64) -> Result<(), Failed> {
    let sql = "UPDATE charges SET tried_at = $2 WHERE id = $1";
    database.execute(sql, &[id.into(), now_ms.into()]).map(drop)
}

/// Charges that wait for the provider: those that were tried longest ago, the oldest first.
pub(crate) fn waiting(database: &dyn Query, count: u32) -> Result<Vec<Stored>, Failed> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE status IN ('queued', 'refunding') ORDER BY tried_at, created_at, id LIMIT {count}"
    );
    read(database, &sql, &[], read_stored)
}

fn read_stored(row: &mut Row) -> Result<Stored, Failed> {
    let (id, order_id) = (row.text()?, row.text()?);
    let amount = Money { amount: row.integer()?, currency: row.text()? };
    let status = row.text()?;
    let (last4, reason, token) = (row.optional_text()?, row.optional_text()?, row.optional_text()?);
    let refunding = status == "refunding";
    let status = from_text(&status)?;
    Ok(Stored { charge: Charge { id, order_id, amount, status, last4, reason }, token, refunding })
}

/// How the database writes it.
fn text(status: Status) -> &'static str {
    match status {
        Status::Succeeded => "succeeded",
        Status::Declined => "declined",
        Status::Queued => "queued",
        Status::Refunded => "refunded",
        Status::Cancelled => "cancelled",
    }
}

fn from_text(text: &str) -> Result<Status, Failed> {
    Ok(match text {
        "succeeded" => Status::Succeeded,
        "declined" => Status::Declined,
        "queued" => Status::Queued,
        "refunding" | "refunded" => Status::Refunded,
        "cancelled" => Status::Cancelled,
        _ => return Err(Failed::Unavailable),
    })
}
