//! What clients browse, and what the shop keeps up to date.

use thali_support::check::{Checks, UNKNOWN_CURSOR};
use thali_support::id;
use thali_support::sql::{Database, Failed};

use crate::bindings::exports::thali::products::catalog::{
    Error, Filter, Page, Product, ProductInput,
};
use crate::input;
use crate::inventory::Inventory;
use crate::store::{self, Selection};

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// A page of products. Inventory is asked once for all of them.
pub(crate) fn list(
    database: &dyn Database,
    inventory: &dyn Inventory,
    filter: &Filter,
) -> Result<Page, Error> {
    let limit = check(filter)?;
    let after = filter.cursor.as_deref();
    let (words, category) = (filter.q.as_deref(), filter.category.as_deref());
    let mut items = store::page(database, Selection { words, category, after }, limit + 1)?;
    if let (true, Some(after)) = (items.is_empty(), after)
        && !store::is_known(database, after)?
    {
        return Err(Error::Invalid(["cursor", UNKNOWN_CURSOR].join(" ")));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|product| product.id.clone());
    Ok(Page { items: with_stock(inventory, items), next })
}

fn check(filter: &Filter) -> Result<usize, Error> {
    let mut checks = Checks::new();
    if let Some(q) = &filter.q {
        checks.line("q", q, 0..=100);
    }
    if let Some(category) = &filter.category {
        checks.line("category", category, 1..=50);
    }
    let limit = checks.page(filter.limit, filter.cursor.as_deref());
    checks.done().map_err(Error::Invalid)?;
    Ok(limit)
}

/// The products with what there is of them, if inventory says so.
fn with_stock(inventory: &dyn Inventory, mut products: Vec<Product>) -> Vec<Product> {
    if products.is_empty() {
        return products;
    }
    let ids: Vec<String> = products.iter().map(|product| product.id.clone()).collect();
    for level in inventory.levels(&ids).unwrap_or_default() {
        let of_it = products.iter_mut().find(|product| product.id == level.product_id);
        if let Some(product) = of_it {
            (product.stock, product.available) = (Some(level.stock), Some(level.available));
        }
    }
    products
}

fn shown(inventory: &dyn Inventory, product: Product) -> Result<Product, Error> {
    with_stock(inventory, vec![product]).pop().ok_or(Error::NotFound)
}

/// One product.
pub(crate) fn get(
    database: &dyn Database,
    inventory: &dyn Inventory,
    id: &str,
) -> Result<Product, Error> {
    shown(inventory, store::find(database, id)?.ok_or(Error::NotFound)?)
}

/// Adds a product.
pub(crate) fn create(
    database: &dyn Database,
    inventory: &dyn Inventory,
    input: ProductInput,
) -> Result<Product, Error> {
    let product = input::product(&id::new(), input)?;
    store::insert(database, &product)?;
    shown(inventory, product)
}

/// Replaces what is known about a product.
pub(crate) fn update(
    database: &dyn Database,
    inventory: &dyn Inventory,
    id: &str,
    input: ProductInput,
) -> Result<Product, Error> {
    if !id::is_plausible(id) {
        return Err(Error::NotFound);
    }
    let product = input::product(id, input)?;
    if !store::replace(database, &product)? {
        return Err(Error::NotFound);
    }
    shown(inventory, product)
}

/// Takes a product out of the catalogue.
pub(crate) fn delete(database: &dyn Database, id: &str) -> Result<(), Error> {
    if store::delete(database, id)? { Ok(()) } else { Err(Error::NotFound) }
}
