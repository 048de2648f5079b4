//! CORS: which pages of other origins may call a route and read its answer.
//!
//! A page whose origin is not named gets the same answer as ever, without the headers that would let the browser show
//! it. Preflights are answered here, without looking at the service.

use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};
use thali_contract::manifest::edge::{CorsRule, CorsSpec};
use thali_contract::route::Route;

/// What a page may read of an answer besides its body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "idempotency-replayed, location, ratelimit, ratelimit-policy, retry-after, traceparent, \
     x-request-id, x-thali-revision",
);

const ANY: HeaderValue = HeaderValue::from_static("*");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// What holds for a route.
pub(crate) fn rule<'a>(
    route: &'a Route,
    default: Option<&'a Arc<CorsSpec>>,
) -> Option<&'a Arc<CorsSpec>> {
    match &route.edge().cors {
        CorsRule::Allow(spec) => Some(spec),
        CorsRule::Off => None,
        CorsRule::Inherit => default,
    }
}

/// The method that a preflight asks about; `None` for another `OPTIONS` request.
pub(crate) fn asked_method(headers: &HeaderMap) -> Option<&str> {
    headers.get(ORIGIN)?;
    headers.get(ACCESS_CONTROL_REQUEST_METHOD)?.to_str().ok()
}

/// Says in the answer to a preflight what a page may do.
pub(crate) fn preflight(
    spec: &CorsSpec,
    request: &HeaderMap,
    method: &str,
    answer: &mut HeaderMap,
) {
    if !grants(spec, request.get(ORIGIN), answer) {
        return;
    }
    if let Ok(method) = HeaderValue::from_str(method) {
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, method);
    }
    if let Ok(allowed) = HeaderValue::from_str(&spec.headers.join(", ")) {
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    answer.insert(ACCESS_CONTROL_MAX_AGE, spec.max_age.as_secs().into());
}

/// Says in an answer which page may read it.
pub(crate) fn complete(spec: &CorsSpec, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
    if grants(spec, origin, answer) {
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// Names the origin, if it is one of those that may; says whether it is.
fn grants(spec: &CorsSpec, origin: Option<&HeaderValue>, answer: &mut HeaderMap) -> bool {
    if spec.origins.iter().any(|allowed| allowed == "*") {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        return true;
    }
    // A cache must not give one origin's answer to another: also when this request had none.
    answer.append(VARY, HeaderValue::from_static("Origin"));
    let named = |origin: &&HeaderValue| {
        spec.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
    };
    let Some(origin) = origin.filter(named) else { return false };
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    if spec.credentials {
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
    }
    true
}
