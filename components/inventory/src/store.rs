//! The statements: reservations in the database.

use thali_support::clock::rfc3339;
use thali_support::sql::{Failed, Query, Row, Transaction, read};

use crate::bindings::exports::thali::inventory::reservations::{Line, Reservation, Status};

const SELECT: &str = "\
    SELECT r.status, r.expires_at, l.product_id, l.quantity \
    FROM reservations r LEFT JOIN reservation_lines l ON l.key = r.key \
    WHERE r.key = $1 ORDER BY l.product_id";

const INSERT: &str = "\
    INSERT INTO reservations (key, status, expires_at) VALUES ($1, 'held', $2) \
    ON CONFLICT (key) DO NOTHING";

const INSERT_LINE: &str = "\
    INSERT INTO reservation_lines (key, product_id, quantity) VALUES ($1, $2, $3)";

/// One whose time is over is held again: one that was not given back yet has its stock still.
const HOLD_AGAIN: &str = "\
    UPDATE reservations SET status = 'held', expires_at = $3, ended_at = NULL \
    WHERE key = $1 AND status = $2 AND expires_at <= $4";

const EXTEND: &str = "\
    UPDATE reservations SET expires_at = $2 WHERE key = $1 AND status = 'held' AND expires_at > $3";

const CONFIRM: &str = "\
    UPDATE reservations SET status = 'confirmed', ended_at = $2 \
    WHERE key = $1 AND status = 'held' AND expires_at > $2";

const RELEASE: &str = "\
    UPDATE reservations SET status = 'released', ended_at = $2 WHERE key = $1 AND status = 'held'";

/// A key that holds nothing never will.
const BAR: &str = "\
    INSERT INTO reservations (key, status, expires_at, ended_at) VALUES ($1, 'released', $2, $2) \
    ON CONFLICT (key) DO UPDATE SET status = 'released', ended_at = $2 \
    WHERE reservations.status = 'expired'";

impl Status {
    /// How the database keeps it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        [Self::Held, Self::Confirmed, Self::Released, Self::Expired]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// A reservation as the database keeps it.
pub(crate) struct Stored {
    pub(crate) status: Status,
    pub(crate) expires_at_ms: i64,
    pub(crate) lines: Vec<Line>,
}

impl Stored {
    /// Whether its time is over, given back or not.
    pub(crate) fn is_over(&self, now_ms: i64) -> bool {
        match self.status {
            Status::Held => self.expires_at_ms <= now_ms,
            status => status == Status::Expired,
        }
    }

    pub(crate) fn shown(self, key: &str, now_ms: i64) -> Reservation {
        Reservation {
            status: if self.is_over(now_ms) { Status::Expired } else { self.status },
            key: key.to_owned(),
            expires_at: rfc3339(self.expires_at_ms),
            lines: self.lines,
        }
    }
}

/// The reservation with this key.
pub(crate) fn find(database: &dyn Query, key: &str) -> Result<Option<Stored>, Failed> {
    let mut found = None;
    read(database, SELECT, &[key.into()], |row| {
        let status = Status::from_text(&row.text()?).ok_or(Failed::Unavailable)?;
        let expires_at_ms = row.integer()?;
        let stored = found.get_or_insert(Stored { status, expires_at_ms, lines: Vec::new() });
        if let Some(line) = read_line(row)? {
            stored.lines.push(line);
        }
        Ok(())
    })?;
    Ok(found)
}

/// A line, or nothing when a reservation has none.
fn read_line(row: &mut Row) -> Result<Option<Line>, Failed> {
    let Some(product_id) = row.optional_text()? else { return Ok(None) };
    Ok(Some(Line { product_id, quantity: row.integer()? }))
}

/// Adds a reservation, unless there is one with this key. Answers whether it was added.
pub(crate) fn insert(
    transaction: &dyn Transaction,
    key: &str,
    lines: &[Line],
    expires_at_ms: i64,
) -> Result<bool, Failed> {
    if transaction.execute(INSERT, &[key.into(), expires_at_ms.into()])? == 0 {
        return Ok(false);
    }
    for Line { product_id, quantity } in lines {
        let line = [key.into(), product_id.as_str().into(), (*quantity).into()];
        transaction.add(INSERT_LINE, &line, None)?;
    }
    Ok(true)
}

/// Holds a reservation again whose time is over. Answers whether it still was `status`.
pub(crate) fn hold_again(
    transaction: &dyn Transaction,
    key: &str,
    status: Status,
    expires_at_ms: i64,
    now_ms: i64,
) -> Result<bool, Failed> {
    let params = [key.into(), status.as_str().into(), expires_at_ms.into(), now_ms.into()];
    Ok(transaction.execute(HOLD_AGAIN, &params)? == 1)
}

/// Holds a reservation for longer. Answers whether it was held.
pub(crate) fn extend(
    transaction: &dyn Transaction,
    key: &str,
    expires_at_ms: i64,
    now_ms: i64,
) -> Result<bool, Failed> {
    let params = [key.into(), expires_at_ms.into(), now_ms.into()];
    Ok(transaction.execute(EXTEND, &params)? == 1)
}

/// Ends a reservation that is held, its stock sold. Answers whether it was held.
pub(crate) fn confirm(
    transaction: &dyn Transaction,
    key: &str,
    now_ms: i64,
) -> Result<bool, Failed> {
    Ok(transaction.execute(CONFIRM, &[key.into(), now_ms.into()])? == 1)
}

/// Ends a reservation that is held, its stock given back. Answers whether it was held.
pub(crate) fn release(
    transaction: &dyn Transaction,
    key: &str,
    now_ms: i64,
) -> Result<bool, Failed> {
    Ok(transaction.execute(RELEASE, &[key.into(), now_ms.into()])? == 1)
}

/// Sees to it that a key never holds anything. Answers whether it held and sold nothing.
pub(crate) fn bar(transaction: &dyn Transaction, key: &str, now_ms: i64) -> Result<bool, Failed> {
    Ok(transaction.execute(BAR, &[key.into(), now_ms.into()])? == 1)
}
