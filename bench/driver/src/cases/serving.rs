//! What is loaded: which server, which request, and what it is compared with.

use serde_json::Value;

use crate::order::ORDER;

/// A server that is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// The native axum server.
    Native,
    /// `wasmtime serve` with the hello component.
    Wasmtime,
    /// `thali up`, every service with a fresh instance per invocation.
    Fresh,
    /// `thali up`, every service with `[limits] reuse = 1000`.
    Reused,
}

/// One case under load.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) case: &'static str,
    pub(super) what: &'static str,
    pub(super) role: Role,
    pub(super) path: &'static str,
    pub(super) body: Option<&'static str>,
    /// Other cases and, when there is an aim, at least which share of their requests per second.
    pub(super) references: &'static [(&'static str, Option<f64>)],
    pub(super) answer: Answer,
}

/// What a right answer looks like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// The JSON that the native server answers.
    Native,
    /// A quote that so many services took part in.
    Services(u64),
    /// Any success.
    Any,
}

const ITEM: &str = "/api/v1/bench/items/42";
const ORDERS: &str = "/api/v1/bench/orders";

/// A GET of the item.
const fn get(case: &'static str, what: &'static str, role: Role) -> Target {
    Target { case, what, role, path: ITEM, body: None, references: &[], answer: Answer::Native }
}

/// A POST of the order.
const fn post(case: &'static str, what: &'static str, role: Role) -> Target {
    // `ORDER` is ASCII: see its test.
    let body = match std::str::from_utf8(ORDER) {
        Ok(text) => Some(text),
        Err(_) => None,
    };
    Target { case, what, role, path: ORDERS, body, references: &[], answer: Answer::Native }
}

/// A quote from the chain.
const fn chain(case: &'static str, role: Role, services: u64) -> Target {
    let (path, what) = match services {
        1 => ("/api/v1/bench/chain/d/margherita?quantity=2", "GET from one service"),
        2 => ("/api/v1/bench/chain/c/margherita?quantity=2", "GET across two services"),
        _ => ("/api/v1/bench/chain/a/margherita?quantity=2", "GET across four services"),
    };
    Target {
        case,
        what,
        role,
        path,
        body: None,
        references: &[],
        answer: Answer::Services(services),
    }
}

/// Everything that is loaded, in the order of the table and of the turns.
pub(super) const TARGETS: &[Target] = &[
    get("native-get", "typed GET, native axum", Role::Native),
    Target {
        references: &[("native-get", None)],
        path: "/",
        answer: Answer::Any,
        ..get("wasmtime-get", "hello, wasmtime serve", Role::Wasmtime)
    },
    Target {
        references: &[("native-get", Some(0.4)), ("wasmtime-get", Some(4.0))],
        ..get("get-fresh", "typed GET, fresh instance", Role::Fresh)
    },
    Target {
        references: &[("native-get", Some(0.7))],
        ..get("get-reuse", "typed GET, instance reused", Role::Reused)
    },
    post("native-post", "POST of 1 KB, native axum", Role::Native),
    Target {
        references: &[("native-post", None)],
        ..post("post-fresh", "POST of 1 KB, fresh instance", Role::Fresh)
    },
    Target {
        references: &[("native-post", None)],
        ..post("post-reuse", "POST of 1 KB, instance reused", Role::Reused)
    },
    chain("chain-1-fresh", Role::Fresh, 1),
    Target { references: &[("chain-1-fresh", None)], ..chain("chain-2-fresh", Role::Fresh, 2) },
    Target { references: &[("chain-1-fresh", None)], ..chain("chain-4-fresh", Role::Fresh, 4) },
    chain("chain-1-reuse", Role::Reused, 1),
    Target { references: &[("chain-1-reuse", None)], ..chain("chain-2-reuse", Role::Reused, 2) },
    Target { references: &[("chain-1-reuse", None)], ..chain("chain-4-reuse", Role::Reused, 4) },
];

impl Answer {
    /// Whether `answer` is right; `native` is what the native server says to the same request.
    pub(super) fn accepts(self, answer: &Value, native: Option<&Value>) -> bool {
        match self {
            Self::Native => Some(answer) == native,
            Self::Services(services) => answer.get("services") == Some(&services.into()),
            Self::Any => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_is_a_case_that_is_measured() {
        for target in TARGETS {
            for (reference, _) in target.references {
                assert!(TARGETS.iter().any(|other| other.case == *reference), "{reference}");
            }
        }
    }

    #[test]
    fn a_post_sends_the_order() {
        assert!(TARGETS.iter().any(|target| target.body.map(str::as_bytes) == Some(ORDER)));
    }
}
