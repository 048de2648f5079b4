//! Asks service `c` and counts itself.

#[allow(unsafe_code, reason = "generated from WIT")]
mod bindings {
    wit_bindgen::generate!({
        world: "bench:chain/service-b",
        path: "../../wit/chain",
        generate_all,
    });
    use super::Service;
    export!(Service with_types_in self);
}

use bindings::bench::chain::c;
use bindings::exports::bench::chain::b::{Error, Guest, Quote};

struct Service;

impl Guest for Service {
    fn ask(sku: String, quantity: u32) -> Result<Quote, Error> {
        let quote = c::ask(&sku, quantity)?;
        Ok(Quote { services: quote.services + 1, ..quote })
    }
}
