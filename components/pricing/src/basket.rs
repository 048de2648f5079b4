//! What is to be priced, checked and with what the catalogue knows of it.

use thali_support::check::Checks;

use crate::bindings::exports::thali::pricing::calculating::{
    Basket, Destination, Error, Line, PricedLine,
};
use crate::bindings::thali::products::lookup::Item;
use crate::bindings::thali::types::types::Money;
use crate::catalogue::Catalogue;

const LINES_MAX: usize = 100;
const QUANTITY_MAX: u32 = 1000;
/// With it no sum can overflow. The catalogue has the same rule.
const PRICE_MAX: i64 = 100_000_000;

/// The basket, written in the one way that the tables know.
pub(crate) fn checked(basket: Basket) -> Result<Basket, Error> {
    let Basket { lines, coupon, destination } = basket;
    let mut checks = Checks::new();
    checks.count("/lines", lines.len(), 1..=LINES_MAX);
    for (i, line) in lines.iter().take(LINES_MAX).enumerate() {
        let at = ["/lines/", &i.to_string()].concat();
        checks.id(&[&at, "/product_id"].concat(), &line.product_id);
        let allowed = (1..=QUANTITY_MAX).contains(&line.quantity);
        checks.rule(allowed, &[&at, "/quantity"].concat(), "must be 1 to 1000");
    }
    let destination = checked_destination(&mut checks, &destination);
    checks.done().map_err(Error::Invalid)?;
    Ok(Basket { lines, coupon, destination })
}

fn checked_destination(checks: &mut Checks, to: &Destination) -> Destination {
    let country = to.country.to_ascii_uppercase();
    let is_code = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    checks.rule(is_code, "/destination/country", "must be two letters: US");
    let region = to.region.as_ref().map(|region| region.to_ascii_uppercase());
    let is_region = |region: &String| {
        (1..=3).contains(&region.len()) && region.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let detail = "must be 1 to 3 letters and digits: NY";
    checks.rule(region.as_ref().is_none_or(is_region), "/destination/region", detail);
    Destination { country, region }
}

/// The lines with their prices.
pub(crate) struct Priced {
    pub(crate) lines: Vec<PricedLine>,
    pub(crate) currency: String,
    pub(crate) subtotal: i64,
    pub(crate) grams: u64,
}

impl Priced {
    /// How many there are of a product, on all lines.
    pub(crate) fn quantity(&self, product_id: &str) -> u64 {
        let of_it = self.lines.iter().filter(|line| line.product_id == product_id);
        of_it.map(|line| u64::from(line.quantity)).sum()
    }
}

/// Asks the catalogue, once, what the lines cost.
pub(crate) fn priced(catalogue: &dyn Catalogue, lines: Vec<Line>) -> Result<Priced, Error> {
    let ids: Vec<String> = lines.iter().map(|line| line.product_id.clone()).collect();
    let items = catalogue.find(&ids).map_err(|_| Error::Unavailable)?;
    let (mut priced, mut grams) = (Vec::with_capacity(lines.len()), 0);
    for Line { product_id, quantity } in lines {
        let item = items.iter().find(|item| item.id == product_id);
        let Some(Item { price, weight_grams, .. }) = item else {
            return Err(Error::UnknownProduct(product_id));
        };
        if !(0..=PRICE_MAX).contains(&price.amount) {
            eprintln!("the catalogue has a price that cannot be");
            return Err(Error::Unavailable);
        }
        grams += u64::from(*weight_grams) * u64::from(quantity);
        let total = price.amount * i64::from(quantity);
        let total = Money { amount: total, currency: price.currency.clone() };
        priced.push(PricedLine { product_id, unit_price: price.clone(), quantity, total });
    }
    summed(priced, grams)
}

fn summed(lines: Vec<PricedLine>, grams: u64) -> Result<Priced, Error> {
    let currency = lines.first().map(|line| line.total.currency.clone()).unwrap_or_default();
    let mut checks = Checks::new();
    let same = lines.iter().all(|line| line.total.currency == currency);
    checks.rule(same, "/lines", "must be of products in one currency");
    checks.done().map_err(Error::Invalid)?;
    let subtotal = lines.iter().map(|line| line.total.amount).sum();
    Ok(Priced { lines, currency, subtotal, grams })
}
