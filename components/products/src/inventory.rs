//! The inventory service, as seen from here.

use crate::bindings::thali::inventory::reservations::{self, Line, Reservation, ReserveError};
use crate::bindings::thali::inventory::stock::{self, Level};

/// Who knows what there is. It may be away.
pub(crate) trait Inventory {
    /// How much there is of each product. `None`: nobody says so now.
    fn levels(&self, product_ids: &[String]) -> Option<Vec<Level>>;
    /// Sets so many of a product aside. Under one key that is done once.
    fn reserve(&self, key: &str, line: Line, ttl_seconds: u32)
    -> Result<Reservation, ReserveError>;
}

/// The service that is deployed beside this one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Inventory for Live {
    fn levels(&self, product_ids: &[String]) -> Option<Vec<Level>> {
        stock::get_many(product_ids).ok()
    }

    fn reserve(
        &self,
        key: &str,
        line: Line,
        ttl_seconds: u32,
    ) -> Result<Reservation, ReserveError> {
        reservations::reserve(key, &[line], ttl_seconds)
    }
}
