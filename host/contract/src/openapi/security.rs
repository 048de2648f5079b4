//! What a caller of an operation needs.

use serde_json::{Value, json};

use crate::access::Access;

/// The name of the scheme.
const BEARER: &str = "bearer";

/// The ways to say who asks.
pub(super) fn schemes() -> Value {
    json!({
        BEARER: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A JSON Web Token with `sub`, `exp`, `iss`, `aud`, and `scope`: what it allows, \
                separated by spaces. `admin` has every scope.",
        },
    })
}

/// The requirement of an operation: any one of the list fulfils it. OpenAPI 3.1 lets a bearer scheme
/// name the scopes ("roles") that it needs.
pub(super) fn of(access: &Access) -> Value {
    match access {
        Access::Public => json!([{}, { BEARER: [] }]),
        Access::Implied(scope) => json!([{}, { BEARER: [scope.as_str()] }]),
        Access::SignedIn => json!([{ BEARER: [] }]),
        Access::Scope(scope) => json!([{ BEARER: [scope.as_str()] }]),
    }
}
