//! What becomes of a reservation: it is sold, held for longer, or given back.

use thali_support::check::Checks;
use thali_support::sql::{Failed, Query};

use crate::bindings::exports::thali::inventory::reservations::{Error, Reservation, Status};
use crate::desk::Desk;
use crate::levels;
use crate::reserving::{check_ttl, expiry};
use crate::store::{self, Stored};

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// A reservation as it stands.
pub(crate) fn get(desk: Desk<'_>, key: &str) -> Result<Reservation, Error> {
    check(key, Checks::new())?;
    Ok(find(desk.database, key)?.shown(key, desk.now_ms))
}

/// Sells what is set aside.
pub(crate) fn confirm(desk: Desk<'_>, key: &str) -> Result<Reservation, Error> {
    check(key, Checks::new())?;
    let transaction = desk.database.begin()?;
    if !store::confirm(&*transaction, key, desk.now_ms)? {
        let stored = find(&*transaction, key)?;
        return match stored.status {
            Status::Confirmed => Ok(stored.shown(key, desk.now_ms)),
            _ => Err(why_not(&stored, desk.now_ms)),
        };
    }
    let stored = find(&*transaction, key)?;
    for line in &stored.lines {
        levels::sell(desk, &*transaction, &line.product_id, line.quantity)?;
    }
    transaction.commit()?;
    Ok(stored.shown(key, desk.now_ms))
}

/// Holds what is set aside for so long from now on.
pub(crate) fn extend(desk: Desk<'_>, key: &str, ttl_seconds: u32) -> Result<Reservation, Error> {
    let mut checks = Checks::new();
    check_ttl(&mut checks, ttl_seconds);
    check(key, checks)?;
    let transaction = desk.database.begin()?;
    let held = store::extend(&*transaction, key, expiry(desk, ttl_seconds), desk.now_ms)?;
    let stored = find(&*transaction, key)?;
    if !held {
        return Err(why_not(&stored, desk.now_ms));
    }
    transaction.commit()?;
    Ok(stored.shown(key, desk.now_ms))
}

/// Gives back what is set aside, and sees to it that nothing will be.
pub(crate) fn release(desk: Desk<'_>, key: &str) -> Result<(), Error> {
    check(key, Checks::new())?;
    let transaction = desk.database.begin()?;
    if store::release(&*transaction, key, desk.now_ms)? {
        for line in find(&*transaction, key)?.lines {
            levels::give_back(desk, &*transaction, &line.product_id, line.quantity)?;
        }
    } else if !store::bar(&*transaction, key, desk.now_ms)? {
        let stored = find(&*transaction, key)?;
        return match stored.status {
            Status::Released => Ok(()),
            _ => Err(why_not(&stored, desk.now_ms)),
        };
    }
    Ok(transaction.commit()?)
}

fn check(key: &str, mut checks: Checks) -> Result<(), Error> {
    checks.id("/key", key);
    checks.done().map_err(Error::Invalid)
}

fn find(database: &dyn Query, key: &str) -> Result<Stored, Error> {
    store::find(database, key)?.ok_or(Error::NotFound)
}

/// Why nothing was done with a reservation. One that could have been is changed by somebody else now.
fn why_not(stored: &Stored, now_ms: i64) -> Error {
    match stored.status {
        Status::Confirmed => Error::Confirmed,
        Status::Released => Error::Released,
        _ if stored.is_over(now_ms) => Error::Expired,
        Status::Held | Status::Expired => Error::Unavailable,
    }
}
