//! Answers: the end of the chain.

#[allow(unsafe_code, reason = "generated from WIT")]
mod bindings {
    wit_bindgen::generate!({
        world: "bench:chain/service-d",
        path: "../../wit/chain",
        generate_all,
    });
    use super::Service;
    export!(Service with_types_in self);
}

use bindings::exports::bench::chain::d::{Error, Guest, Quote};

const UNIT_PRICE: u64 = 1299;

struct Service;

impl Guest for Service {
    fn ask(sku: String, quantity: u32) -> Result<Quote, Error> {
        Ok(Quote { sku, quantity, total: u64::from(quantity) * UNIT_PRICE, services: 1 })
    }
}
