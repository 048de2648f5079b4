//! The tables of quantity breaks, tax and shipping.

use thali_support::sql::{Failed, Query, Row, read, read_one};

use crate::bindings::exports::thali::pricing::calculating::Destination;

const BREAKS: &str = "SELECT quantity_min, rate FROM quantity_breaks ORDER BY quantity_min";

const TAX: &str = "\
    SELECT rate FROM tax_rates WHERE country = $1 AND region IN ($2, '') \
    ORDER BY region DESC LIMIT 1";

const ZONE: &str = "\
    SELECT country, free_from FROM shipping_zones WHERE country IN ($1, '') AND currency = $2 \
    ORDER BY country DESC LIMIT 1";

const BAND: &str = "\
    SELECT price FROM shipping_bands WHERE country = $1 AND currency = $2 AND grams_max >= $3 \
    ORDER BY grams_max LIMIT 1";

/// What is taken off for many of one product.
pub(crate) struct Breaks(Vec<(u64, i64)>);

impl Breaks {
    pub(crate) fn read(database: &dyn Query) -> Result<Self, Failed> {
        read(database, BREAKS, &[], |row| Ok((row.integer()?, row.integer()?))).map(Self)
    }

    /// The share that is taken off when there are so many.
    pub(crate) fn rate(&self, quantity: u64) -> i64 {
        let reached = self.0.iter().rev().find(|(quantity_min, _)| *quantity_min <= quantity);
        reached.map_or(0, |(_, rate)| *rate)
    }
}

/// The share that is added as tax: of the region, of the country, or none.
pub(crate) fn tax_rate(database: &dyn Query, to: &Destination) -> Result<i64, Failed> {
    let region = to.region.as_deref().unwrap_or_default();
    let rate = read_one(database, TAX, &[to.country.as_str().into(), region.into()], Row::integer)?;
    Ok(rate.unwrap_or(0))
}

/// What is sent.
pub(crate) struct Parcel<'a> {
    pub(crate) country: &'a str,
    pub(crate) currency: &'a str,
    pub(crate) grams: u64,
    /// What is in it costs so much, after discounts.
    pub(crate) worth: i64,
}

/// What a parcel costs. `None`: nobody takes it there.
pub(crate) fn shipping(database: &dyn Query, parcel: &Parcel<'_>) -> Result<Option<i64>, Failed> {
    if parcel.grams == 0 {
        // Nothing is sent.
        return Ok(Some(0));
    }
    let currency = parcel.currency;
    let zone = read_one(database, ZONE, &[parcel.country.into(), currency.into()], |row| {
        Ok((row.text()?, row.optional_integer::<i64>()?))
    })?;
    let Some((country, free_from)) = zone else { return Ok(None) };
    let grams = i64::try_from(parcel.grams).unwrap_or(i64::MAX);
    let band = [country.as_str().into(), currency.into(), grams.into()];
    let price = read_one(database, BAND, &band, Row::integer)?;
    let is_free = free_from.is_some_and(|free_from| parcel.worth >= free_from);
    Ok(price.map(|price| if is_free { 0 } else { price }))
}
