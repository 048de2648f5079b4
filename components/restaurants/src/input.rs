//! The rules for what is said about restaurants and menus.

use thali_support::check::Checks;

use crate::bindings::exports::thali::restaurants::catalog::{
    Error, MenuInput, MenuItem, RestaurantInput,
};
use crate::bindings::thali::types::types::Money;
use crate::hours::Week;
use crate::store::Restaurant;
use crate::zone::Zone;

const MENU_ITEMS_MAX: usize = 200;
/// A million in a currency with cents. With it no total of an order can overflow.
const PRICE_MAX: i64 = 100_000_000;

/// The restaurant that a client described.
pub(crate) fn restaurant(id: &str, input: RestaurantInput) -> Result<Restaurant, Error> {
    let mut checks = Checks::new();
    checks.line("/name", &input.name, 1..=100);
    checks.line("/cuisine", &input.cuisine, 1..=50);
    checks.location("/location", input.location.lat, input.location.lon);
    let time_zone = input.time_zone.unwrap_or_else(|| "UTC".to_owned());
    let known = Zone::find(&time_zone).is_some();
    checks.rule(known, "/time_zone", "must be an IANA time zone, such as Europe/Berlin");
    let hours = input.hours.map(|openings| Week::from_openings(&openings, &mut checks));
    checks.done().map_err(Error::Invalid)?;
    Ok(Restaurant {
        id: id.to_owned(),
        name: input.name,
        cuisine: input.cuisine,
        location: input.location,
        switched_open: true,
        time_zone,
        hours,
    })
}

/// The menu that a client described.
pub(crate) fn menu(input: MenuInput) -> Result<Vec<MenuItem>, Error> {
    let MenuInput { items } = input;
    let mut checks = Checks::new();
    checks.count("/items", items.len(), 0..=MENU_ITEMS_MAX);
    for (i, item) in items.iter().take(MENU_ITEMS_MAX).enumerate() {
        let at = format!("/items/{i}");
        check_item(&mut checks, &at, item);
        let mut before = items.iter().take(i);
        let is_new = before.all(|other| other.id != item.id);
        checks.rule(is_new, &at, "must have an id that is unique on the menu");
        let same = items.first().is_none_or(|other| other.price.currency == item.price.currency);
        checks.rule(same, &at, "must have the currency of the whole menu");
    }
    checks.done().map_err(Error::Invalid)?;
    Ok(items)
}

fn check_item(checks: &mut Checks, at: &str, item: &MenuItem) {
    checks.id(&[at, "/id"].concat(), &item.id);
    checks.line(&[at, "/name"].concat(), &item.name, 1..=100);
    checks.text(&[at, "/description"].concat(), &item.description, 0..=500);
    let Money { amount, currency } = &item.price;
    let affordable = (0..=PRICE_MAX).contains(amount);
    checks.rule(affordable, &[at, "/price/amount"].concat(), "must be 0 to 100000000");
    let detail = "must be three capital letters: USD";
    checks.rule(is_currency(currency), &[at, "/price/currency"].concat(), detail);
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}
