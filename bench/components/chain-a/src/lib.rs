//! Asks service `b` and counts itself.

#[allow(unsafe_code, reason = "generated from WIT")]
mod bindings {
    wit_bindgen::generate!({
        world: "bench:chain/service-a",
        path: "../../wit/chain",
        generate_all,
    });
    use super::Service;
    export!(Service with_types_in self);
}

use bindings::bench::chain::b;
use bindings::exports::bench::chain::a::{Error, Guest, Quote};

struct Service;

impl Guest for Service {
    fn ask(sku: String, quantity: u32) -> Result<Quote, Error> {
        let quote = b::ask(&sku, quantity)?;
        Ok(Quote { services: quote.services + 1, ..quote })
    }
}
