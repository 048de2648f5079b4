//! axum routers behind our own listeners: everything that is not a call to a service.

use axum::extract::{FromRequestParts, Path, Query};
use axum::response::IntoResponse;
use axum::{Json, Router};
use bytes::Bytes;
use http::header::{ALLOW, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thali_contract::problem::{Mistake, Problem};
use tower::ServiceExt;
use uuid::Uuid;

use crate::body::Body;
use crate::faults;
use crate::listen::Call;
use crate::reply;
use crate::sse::Endless;

/// A request that a handler refuses. It becomes a problem document with the request's id once it has
/// left the router.
#[derive(Clone, Debug)]
pub(crate) struct Refused(pub(crate) Box<Problem>);

/// What a handler returns.
pub(crate) type Answer = Result<axum::response::Response, Refused>;

/// The id of the request that a handler answers.
#[derive(Clone, Copy)]
pub(crate) struct RequestId(pub(crate) Uuid);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> axum::response::Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Sends a request through a router, whose answers all become complete here.
pub(crate) async fn answer(
    router: Router,
    mut head: Parts,
    body: Bytes,
    call: Call,
) -> Response<Body> {
    head.extensions.insert(RequestId(call.id()));
    let request = Request::from_parts(head, axum::body::Body::from(body));
    let mut response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let Some(Refused(problem)) = response.extensions_mut().remove() else {
        let is_endless = response.extensions_mut().remove::<Endless>().is_some();
        let response = response.map(Body::from);
        return if is_endless { call.finish_stream(response) } else { call.finish(response) };
    };
    let mut refusal = reply::problem(&problem, call.id());
    for name in [ALLOW, WWW_AUTHENTICATE] {
        if let Some(value) = response.headers_mut().remove(&name) {
            refusal.headers_mut().insert(name, value);
        }
    }
    call.finish(refusal)
}

/// A router's answers to what it has no handler for.
pub(crate) fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .fallback(async || Refused::from(reply::not_found()))
        .method_not_allowed_fallback(async || Refused::from(reply::method_not_allowed()))
}

/// JSON.
pub(crate) fn json(status: StatusCode, value: impl Serialize) -> axum::response::Response {
    (status, Json(value)).into_response()
}

/// A list, as every list is written.
#[derive(Serialize)]
pub(crate) struct Items<T> {
    pub(crate) items: Vec<T>,
}

/// No query parameter at all.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct None {}

/// The query string; a parameter that `T` does not have is refused.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Refused;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Refused> {
        match Query::try_from_uri(&head.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(error) => {
                let why =
                    std::error::Error::source(&error).map_or(String::new(), ToString::to_string);
                Err(faults::mistakes(vec![Mistake::new("?", why)]).into())
            }
        }
    }
}

/// The parameters of the path.
pub(crate) struct Segments<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Refused;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, Refused> {
        match Path::from_request_parts(head, state).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            // A segment that cannot be a name is the name of nothing.
            Err(_) => Err(reply::not_found().into()),
        }
    }
}

/// Whether a tag of an `If-None-Match` is this one. Weak comparison, as RFC 9110 asks for there.
pub(crate) fn is_tag(given: &str, tag: &str) -> bool {
    given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag
}
