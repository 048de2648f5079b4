mod answers;
mod arguments;
mod checks;
mod streams;
mod table;

use std::borrow::Cow;

use wasmtime::component::Val;

use super::*;
use crate::contract::Contract;
use crate::manifest::Manifest;
use crate::problem::Mistake;

const WIT: &str = "
    package thali:orders@1.0.0;

    interface ordering {
        record location { lat: f64, lon: f64 }
        record line { item-id: string, quantity: u32 }
        record new-order { restaurant-id: string, items: list<line>, note: option<string> }
        record order { id: string, number: u64, status: status, total: location, note: option<string> }
        record filter { limit: option<u32>, cuisine: option<string>, tag: list<string> }
        record shortage { available: u32, status: string, note: option<string> }
        record wait { retry-after-seconds: u32 }
        enum status { placed, picked-up }
        variant error {
            /// No such order. Look again.
            not-found,
            insufficient-stock(shortage),
            item-unavailable(string),
            too-many(u32),
            busy(wait),
            unavailable,
        }
        enum small-error { closed }

        place: func(order: new-order) -> result<order, error>;
        get: func(id: string) -> result<order, error>;
        remove: func(id: u32) -> result<_, small-error>;
        search: func(filter: filter) -> list<order>;
        page: func(status: status, limit: option<u32>, ids: list<u64>) -> list<order>;
        set-status: func(id: string, status: status) -> result<order, string>;
        update: func(id: string, order: new-order) -> order;
        touch: func(id: string);
        ping: func();
        bare: func() -> result;
        near: func(at: location) -> list<order>;
        nested: func(order: new-order) -> u32;
        pair: func(at: tuple<u8, u8>) -> u32;
    }
    interface streams {
        resource ticket { read: func() -> string; }
        open: func() -> ticket;
        count: func() -> u32;
        later: async func() -> u32;
    }
    world w { export ordering; export streams; import thali:payments/charging@1.0.0; }
    package thali:payments@1.0.0 { interface charging { charge: func(); } }
";

fn contract() -> Contract {
    crate::testing::contract(WIT)
}

/// A manifest with this text after `[service]`, which has lines 1 to 3.
fn manifest(rest: &str) -> Manifest {
    Manifest::parse(&format!("[service]\nname = \"orders\"\nversion = \"1.0.0\"\n{rest}")).unwrap()
}

fn routes(rest: &str) -> Vec<Route> {
    Routes::build(&manifest(rest), &contract()).unwrap()
}

/// The only route of an `[http]` table with this line.
fn route(line: &str) -> Route {
    route_with(line, "")
}

fn route_with(line: &str, errors: &str) -> Route {
    routes(&format!("[http]\n{line}\n[errors]\n{errors}\n")).remove(0)
}

fn mistakes(rest: &str) -> String {
    let found = Routes::build(&manifest(rest), &contract()).unwrap_err();
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn decode(route: &Route, path: &[&str], query: &str, body: &str) -> Result<Vec<Val>, Vec<Mistake>> {
    let path: Vec<_> = path.iter().map(|text| Cow::Borrowed(*text)).collect();
    route.decode(&path, Some(query).filter(|query| !query.is_empty()), body.as_bytes())
}

fn refused(route: &Route, path: &[&str], query: &str, body: &str) -> Vec<String> {
    decode(route, path, query, body).unwrap_err().iter().map(ToString::to_string).collect()
}

fn string(text: &str) -> Val {
    Val::String(text.into())
}

fn field(name: &str, value: Val) -> (String, Val) {
    (name.into(), value)
}

fn some(value: Val) -> Val {
    Val::Option(Some(Box::new(value)))
}
