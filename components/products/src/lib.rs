//! The products service: the catalogue of the shop.

mod bindings {
    wit_bindgen::generate!({
        world: "component:products/service",
        path: [
            "../../wit/types",
            "../../wit/platform",
            "../../wit/inventory",
            "../../wit/products",
            "world.wit",
        ],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
    });
}

mod catalog;
mod input;
mod inventory;
mod lookup;
mod reserving;
mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use bindings::exports::thali::products::catalog::{
    Error, Filter, Guest as Catalog, Page, Product, ProductInput,
};
use bindings::exports::thali::products::lookup::{Error as LookupError, Guest as Lookup, Item};
use bindings::exports::thali::products::reserving::{
    Error as ReserveError, Guest as Reserving, Reservation,
};
use bindings::thali::platform::{config, context};
use inventory::Live;
use reserving::Wish;
use thali_support::id;
use thali_support::sql::Platform;

/// How long a product is set aside when the configuration says something else than seconds.
const RESERVATION_SECONDS: u32 = 600;

/// Names a reservation. A client that sends its `Idempotency-Key` again means the one that it has not
/// heard of.
fn key() -> String {
    match context::idempotency_id() {
        Some(id) => id,
        None => id::new(),
    }
}

/// The component: each exported function, on the database of the host and the inventory beside it.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Catalog for Service {
    fn list(filter: Filter) -> Result<Page, Error> {
        catalog::list(&Platform, &Live, &filter)
    }

    fn get(id: String) -> Result<Product, Error> {
        catalog::get(&Platform, &Live, &id)
    }

    fn create(product: ProductInput) -> Result<Product, Error> {
        catalog::create(&Platform, &Live, product)
    }

    fn update(id: String, product: ProductInput) -> Result<Product, Error> {
        catalog::update(&Platform, &Live, &id, product)
    }

    fn delete(id: String) -> Result<(), Error> {
        catalog::delete(&Platform, &id)
    }
}

impl Reserving for Service {
    fn reserve(product_id: String, quantity: u32) -> Result<Reservation, ReserveError> {
        let key = key();
        let seconds = config::get("reservation-seconds").and_then(|text| text.parse().ok());
        let seconds = seconds.unwrap_or(RESERVATION_SECONDS);
        let wish = Wish { key: &key, product_id: &product_id, quantity, seconds };
        reserving::reserve(&Platform, &Live, &wish)
    }
}

impl Lookup for Service {
    fn find(ids: Vec<String>) -> Result<Vec<Item>, LookupError> {
        lookup::find(&Platform, &ids)
    }

    fn in_category(category: String, limit: u32) -> Result<Vec<Item>, LookupError> {
        lookup::in_category(&Platform, &category, limit)
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
