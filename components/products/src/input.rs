//! The rules for what is said about products.

use thali_support::check::Checks;

use crate::bindings::exports::thali::products::catalog::{Error, Product, ProductInput};
use crate::bindings::thali::types::types::Money;

/// A million in a currency with cents. With it no total of an order can overflow.
const PRICE_MAX: i64 = 100_000_000;
const WEIGHT_GRAMS_MAX: u32 = 1_000_000;
const TAGS_MAX: usize = 20;

/// The product that a client described.
pub(crate) fn product(id: &str, input: ProductInput) -> Result<Product, Error> {
    let ProductInput { name, description, category, price, tags, weight_grams } = input;
    let (description, tags) = (description.unwrap_or_default(), tags.unwrap_or_default());
    let weight_grams = weight_grams.unwrap_or_default();
    let mut checks = Checks::new();
    checks.line("/name", &name, 1..=100);
    checks.text("/description", &description, 0..=2000);
    checks.line("/category", &category, 1..=50);
    check_price(&mut checks, &price);
    check_tags(&mut checks, &tags);
    let detail = "must be 0 to 1000000";
    checks.rule(weight_grams <= WEIGHT_GRAMS_MAX, "/weight_grams", detail);
    checks.done().map_err(Error::Invalid)?;
    Ok(Product {
        id: id.to_owned(),
        name,
        description,
        category,
        price,
        tags,
        weight_grams,
        stock: None,
        available: None,
    })
}

fn check_price(checks: &mut Checks, Money { amount, currency }: &Money) {
    let allowed = (0..=PRICE_MAX).contains(amount);
    checks.rule(allowed, "/price/amount", "must be 0 to 100000000");
    let is_code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
    checks.rule(is_code, "/price/currency", "must be three capital letters: USD");
}

fn check_tags(checks: &mut Checks, tags: &[String]) {
    checks.count("/tags", tags.len(), 0..=TAGS_MAX);
    for (i, tag) in tags.iter().take(TAGS_MAX).enumerate() {
        let at = ["/tags/", &i.to_string()].concat();
        checks.line(&at, tag, 1..=30);
        let is_new = !tags.iter().take(i).any(|other| other == tag);
        checks.rule(is_new, &at, "must be there once");
    }
}
