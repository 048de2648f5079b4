//! Setting a product aside for somebody who looks at it.

use thali_support::check::Checks;
use thali_support::sql::{Database, Failed};

use crate::bindings::exports::thali::products::reserving::{Error, Reservation, Shortage};
use crate::bindings::thali::inventory::reservations::{Line, ReserveError};
use crate::inventory::Inventory;
use crate::store;

const QUANTITY_MAX: u32 = 1000;

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// What is to be set aside.
pub(crate) struct Wish<'a> {
    /// The same wish sent again has the same key.
    pub(crate) key: &'a str,
    pub(crate) product_id: &'a str,
    pub(crate) quantity: u32,
    /// For how long.
    pub(crate) seconds: u32,
}

/// Sets a product aside.
pub(crate) fn reserve(
    database: &dyn Database,
    inventory: &dyn Inventory,
    wish: &Wish<'_>,
) -> Result<Reservation, Error> {
    let Wish { key, product_id, quantity, seconds } = *wish;
    let mut checks = Checks::new();
    checks.rule((1..=QUANTITY_MAX).contains(&quantity), "quantity", "must be 1 to 1000");
    checks.done().map_err(Error::Invalid)?;
    if !store::is_known(database, product_id)? {
        return Err(Error::NotFound);
    }
    let line = Line { product_id: product_id.to_owned(), quantity };
    let held = inventory.reserve(key, line, seconds).map_err(why_not)?;
    Ok(Reservation {
        reservation_id: held.key,
        product_id: product_id.to_owned(),
        quantity,
        reserved: true,
        expires_at: held.expires_at,
    })
}

fn why_not(error: ReserveError) -> Error {
    match error {
        ReserveError::InsufficientStock(short) => Error::InsufficientStock(Shortage {
            product_id: short.product_id,
            reserved: false,
            available: short.available,
        }),
        ReserveError::Unavailable => Error::Unavailable,
        // The key is new, or of this very wish.
        ReserveError::Invalid(_) | ReserveError::KeyUsed | ReserveError::Released => {
            eprintln!("inventory refused to reserve what it should not have refused");
            Error::Unavailable
        }
    }
}
