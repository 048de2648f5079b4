//! The recommendations service: what goes with what, learnt from what is bought.

mod bindings {
    wit_bindgen::generate!({
        world: "component:recommendations/service",
        path: [
            "../../wit/types",
            "../../wit/platform",
            "../../wit/products",
            "../../wit/shop",
            "../../wit/recommendations",
            "world.wit",
        ],
        with: { "thali:platform/sql@1.0.0": thali_support::sql },
        generate_all,
        additional_derives: [PartialEq],
    });
}

mod caller;
mod catalogue;
mod learning;
mod recommending;
mod store;
#[cfg(test)]
mod testing;

use bindings::exports::thali::recommendations::recommending::{
    Error, Guest as Recommending, Recommendations,
};
use bindings::exports::thali::shop::events::{Bought, Guest as ShopEvents};
use recommending::Desk;
use thali_support::sql::Platform;

/// The component: each exported function, on the database of the host.
#[derive(Clone, Copy, Debug)]
pub struct Service;

fn desk() -> Desk<'static> {
    Desk { database: &Platform, catalogue: &catalogue::Live, caller: &caller::Live }
}

impl Recommending for Service {
    fn related(product_id: String, limit: Option<u32>) -> Result<Recommendations, Error> {
        recommending::related(&desk(), &product_id, limit)
    }

    fn for_user(id: String, limit: Option<u32>) -> Result<Recommendations, Error> {
        recommending::for_user(&desk(), &id, limit)
    }
}

impl ShopEvents for Service {
    fn purchase_completed(
        order_id: String,
        user: String,
        lines: Vec<Bought>,
    ) -> Result<(), String> {
        let products = lines.into_iter().map(|line| line.product_id).collect();
        learning::learn(&Platform, &order_id, &user, products)
            .map_err(|_| "the database is unavailable".to_owned())
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
