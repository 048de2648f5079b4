//! What an order would cost.

use thali_support::id;
use thali_support::sql::{Database, Failed};

use crate::bindings::exports::thali::restaurants::catalog::MenuItem;
use crate::bindings::exports::thali::restaurants::quoting::{Error, Line, PricedLine, Quote};
use crate::bindings::thali::types::types::Money;
use crate::store;

const LINES_MAX: usize = 100;
const QUANTITY_MAX: u32 = 1000;

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// Prices an order at a restaurant that is open.
pub(crate) fn quote(
    database: &dyn Database,
    restaurant_id: &str,
    lines: Vec<Line>,
    now_ms: i64,
) -> Result<Quote, Error> {
    if !id::is_plausible(restaurant_id) {
        return Err(Error::NotFound);
    }
    check(&lines)?;
    let found = store::find_with_menu(database, restaurant_id)?;
    let (restaurant, menu) = found.ok_or(Error::NotFound)?;
    if !restaurant.is_open(now_ms) {
        return Err(Error::Closed);
    }
    let lines: Vec<_> =
        lines.into_iter().map(|line| price(line, &menu)).collect::<Result<_, _>>()?;
    Ok(Quote {
        restaurant_id: restaurant.id,
        restaurant: restaurant.name,
        location: restaurant.location,
        total: total(&lines)?,
        lines,
    })
}

fn check(lines: &[Line]) -> Result<(), Error> {
    if !(1..=LINES_MAX).contains(&lines.len()) {
        return Err(Error::Invalid("an order has 1 to 100 lines".into()));
    }
    if !lines.iter().all(|line| (1..=QUANTITY_MAX).contains(&line.quantity)) {
        return Err(Error::Invalid("a line has a quantity of 1 to 1000".into()));
    }
    Ok(())
}

fn price(line: Line, menu: &[MenuItem]) -> Result<PricedLine, Error> {
    let Line { item_id, quantity } = line;
    let Some(item) = menu.iter().find(|item| item.available && item.id == item_id) else {
        return Err(Error::ItemUnavailable(item_id));
    };
    let amount = item.price.amount.checked_mul(quantity.into()).ok_or_else(too_expensive)?;
    Ok(PricedLine {
        item_id,
        name: item.name.clone(),
        price: item.price.clone(),
        quantity,
        total: Money { amount, currency: item.price.currency.clone() },
    })
}

/// The sum. A menu has one currency, so the first line's is everybody's.
fn total(lines: &[PricedLine]) -> Result<Money, Error> {
    let amounts = lines.iter().map(|line| line.total.amount);
    let sum = amounts.into_iter().try_fold(0_i64, i64::checked_add).ok_or_else(too_expensive)?;
    let currency = lines.first().map(|line| line.price.currency.clone()).unwrap_or_default();
    Ok(Money { amount: sum, currency })
}

fn too_expensive() -> Error {
    Error::Invalid("the total is too large".into())
}
