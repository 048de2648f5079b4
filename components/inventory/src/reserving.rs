//! Setting stock aside: all the lines of a reservation, or nothing.

use thali_support::check::Checks;
use thali_support::sql::{Failed, Query, Transaction};

use crate::bindings::exports::thali::inventory::reservations::{
    Line, Reservation, ReserveError, Shortage, Status,
};
use crate::desk::Desk;
use crate::levels;
use crate::store::{self, Stored};

const LINES_MAX: usize = 100;
const QUANTITY_MAX: u32 = 1_000_000;
pub(crate) const TTL_SECONDS_MAX: u32 = 86_400;

/// How often it is tried when somebody else changes the same reservation meanwhile.
const TRIES_MAX: usize = 3;

impl From<Failed> for ReserveError {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// Sets lines aside under a key, or answers what the key has.
pub(crate) fn reserve(
    desk: Desk<'_>,
    key: &str,
    lines: Vec<Line>,
    ttl_seconds: u32,
) -> Result<Reservation, ReserveError> {
    let lines = checked(key, lines, ttl_seconds)?;
    let expires_at_ms = expiry(desk, ttl_seconds);
    for _ in 0..TRIES_MAX {
        let transaction = desk.database.begin()?;
        if store::insert(&*transaction, key, &lines, expires_at_ms)? {
            take(desk, &*transaction, &lines)?;
            transaction.commit()?;
            let stored = Stored { status: Status::Held, expires_at_ms, lines };
            return Ok(stored.shown(key, desk.now_ms));
        }
        if let Some(stored) = again(desk, transaction, key, &lines, expires_at_ms)? {
            return Ok(stored.shown(key, desk.now_ms));
        }
    }
    Err(ReserveError::Unavailable)
}

/// When something that is held from now on is given back, in milliseconds since 1970.
pub(crate) fn expiry(desk: Desk<'_>, ttl_seconds: u32) -> i64 {
    desk.now_ms.saturating_add(i64::from(ttl_seconds) * 1000)
}

pub(crate) fn check_ttl(checks: &mut Checks, ttl_seconds: u32) {
    let allowed = (1..=TTL_SECONDS_MAX).contains(&ttl_seconds);
    checks.rule(allowed, "/ttl_seconds", "must be 1 to 86400");
}

/// The lines in order of their products, one for each.
fn checked(key: &str, lines: Vec<Line>, ttl_seconds: u32) -> Result<Vec<Line>, ReserveError> {
    let mut checks = Checks::new();
    checks.id("/key", key);
    checks.count("/lines", lines.len(), 1..=LINES_MAX);
    check_ttl(&mut checks, ttl_seconds);
    for (i, line) in lines.iter().take(LINES_MAX).enumerate() {
        let at = ["/lines/", &i.to_string()].concat();
        checks.id(&[&at, "/product_id"].concat(), &line.product_id);
        let allowed = (1..=QUANTITY_MAX).contains(&line.quantity);
        checks.rule(allowed, &[&at, "/quantity"].concat(), "must be 1 to 1000000");
    }
    checks.done().map_err(ReserveError::Invalid)?;
    Ok(merged(lines))
}

/// In one order, so that two that want the same products never wait for each other.
fn merged(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_unstable_by(|a, b| a.product_id.cmp(&b.product_id));
    lines.dedup_by(|line, kept| {
        let same = line.product_id == kept.product_id;
        kept.quantity += if same { line.quantity } else { 0 };
        same
    });
    lines
}

fn take(desk: Desk<'_>, transaction: &dyn Query, lines: &[Line]) -> Result<(), ReserveError> {
    for Line { product_id, quantity } in lines {
        if let Err(available) = levels::reserve(desk, transaction, product_id, *quantity)? {
            let product_id = product_id.clone();
            return Err(ReserveError::InsufficientStock(Shortage { product_id, available }));
        }
    }
    Ok(())
}

/// What a key has that was used before. `None`: somebody else changes it now.
fn again(
    desk: Desk<'_>,
    transaction: Box<dyn Transaction + '_>,
    key: &str,
    lines: &[Line],
    expires_at_ms: i64,
) -> Result<Option<Stored>, ReserveError> {
    let Some(stored) = store::find(&*transaction, key)? else { return Ok(None) };
    if stored.status == Status::Released {
        return Err(ReserveError::Released);
    }
    if stored.lines != lines {
        return Err(ReserveError::KeyUsed);
    }
    if !stored.is_over(desk.now_ms) {
        return Ok(Some(stored));
    }
    if !store::hold_again(&*transaction, key, stored.status, expires_at_ms, desk.now_ms)? {
        return Ok(None);
    }
    if stored.status == Status::Expired {
        take(desk, &*transaction, lines)?;
    }
    transaction.commit()?;
    Ok(Some(Stored { status: Status::Held, expires_at_ms, ..stored }))
}
