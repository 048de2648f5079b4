//! The restaurants service: who they are, when they are open, what is on the menu, what an order costs.

mod bindings {
    wit_bindgen::generate!({
        world: "component:restaurants/service",
        path: ["../../wit/types", "../../wit/platform", "../../wit/restaurants", "world.wit"],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
    });
}

mod catalog;
mod hours;
mod input;
mod quoting;
mod store;
#[cfg(test)]
mod tests;
pub mod zone;

use bindings::exports::thali::restaurants::catalog::{
    Error, Filter, Guest as Catalog, MenuCard, MenuInput, Opened, Page, Restaurant, RestaurantInput,
};
use bindings::exports::thali::restaurants::quoting::{
    Error as QuoteError, Guest as Quoting, Line, Quote,
};
use thali_support::clock::now_ms;
use thali_support::sql::Platform;

/// The component: each exported function, on the database and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Catalog for Service {
    fn list(filter: Filter) -> Result<Page, Error> {
        catalog::list(&Platform, filter, now_ms())
    }

    fn get(id: String) -> Result<Restaurant, Error> {
        catalog::get(&Platform, &id, now_ms())
    }

    fn menu(id: String) -> Result<MenuCard, Error> {
        catalog::menu(&Platform, &id, now_ms())
    }

    fn create(restaurant: RestaurantInput) -> Result<Restaurant, Error> {
        catalog::create(&Platform, restaurant, now_ms())
    }

    fn update(id: String, restaurant: RestaurantInput) -> Result<Restaurant, Error> {
        catalog::update(&Platform, &id, restaurant, now_ms())
    }

    fn set_menu(id: String, menu: MenuInput) -> Result<MenuCard, Error> {
        catalog::set_menu(&Platform, &id, menu)
    }

    fn open(id: String) -> Result<Opened, Error> {
        catalog::switch(&Platform, &id, true, now_ms())
    }

    fn close(id: String) -> Result<Opened, Error> {
        catalog::switch(&Platform, &id, false, now_ms())
    }
}

impl Quoting for Service {
    fn quote_order(restaurant_id: String, lines: Vec<Line>) -> Result<Quote, QuoteError> {
        quoting::quote(&Platform, &restaurant_id, lines, now_ms())
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
