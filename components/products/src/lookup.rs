//! What other services ask about products.

use thali_support::check::Checks;
use thali_support::sql::{Database, Failed};

use crate::bindings::exports::thali::products::catalog::Product;
use crate::bindings::exports::thali::products::lookup::{Error, Item};
use crate::store::{self, Selection};

const IDS_MAX: usize = 100;

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

fn item(product: Product) -> Item {
    let Product { id, name, category, price, weight_grams, .. } = product;
    Item { id, name, category, price, weight_grams }
}

/// The products with these ids.
pub(crate) fn find(database: &dyn Database, ids: &[String]) -> Result<Vec<Item>, Error> {
    let mut checks = Checks::new();
    checks.count("/ids", ids.len(), 0..=IDS_MAX);
    checks.done().map_err(Error::Invalid)?;
    Ok(store::find_many(database, ids)?.into_iter().map(item).collect())
}

/// Products of a category.
pub(crate) fn in_category(
    database: &dyn Database,
    category: &str,
    limit: u32,
) -> Result<Vec<Item>, Error> {
    let mut checks = Checks::new();
    checks.line("/category", category, 1..=50);
    let limit = checks.page(Some(limit), None);
    checks.done().map_err(Error::Invalid)?;
    let selection = Selection { category: Some(category), ..Selection::default() };
    Ok(store::page(database, selection, limit)?.into_iter().map(item).collect())
}
