//! The pricing service: what a basket costs, with discounts, tax and shipping.

mod bindings {
    wit_bindgen::generate!({
        world: "component:pricing/service",
        path: [
            "../../wit/types",
            "../../wit/platform",
            "../../wit/products",
            "../../wit/pricing",
            "world.wit",
        ],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
    });
}

mod basket;
mod calculating;
mod catalogue;
mod coupons;
mod desk;
mod share;
mod tables;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use bindings::exports::thali::pricing::calculating::{Basket, Error, Guest as Calculating, Quote};
use bindings::exports::thali::pricing::coupons::{
    Coupon, Error as CouponsError, Filter, Guest as Coupons, Page,
};
use desk::Desk;
use thali_support::clock::now_ms;
use thali_support::sql::Platform;

/// The component: each exported function, on the database and the clock of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Calculating for Service {
    fn calculate(basket: Basket) -> Result<Quote, Error> {
        let desk = Desk { database: &Platform, catalogue: &catalogue::Live, now_ms: now_ms() };
        calculating::calculate(desk, basket)
    }
}

impl Coupons for Service {
    fn list(filter: Filter) -> Result<Page, CouponsError> {
        coupons::list(&Platform, &filter)
    }

    fn create(coupon: Coupon) -> Result<Coupon, CouponsError> {
        coupons::create(&Platform, coupon)
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
