//! Answers: problem documents, JSON, and the small things in their heads.

use std::any::Any;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Response, StatusCode};
use thali_contract::problem::{PROBLEM_JSON, Problem};
use thali_contract::route::{Answer, AnswerBody};
use uuid::Uuid;

use crate::body::Body;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM: HeaderValue = HeaderValue::from_static(PROBLEM_JSON);

/// Seconds until a host that is on its way down may be back.
const DRAINING_RETRY_SECONDS: u32 = 2;

/// The revision that answered: `restaurants/7`.
pub(crate) const REVISION: HeaderName = HeaderName::from_static("x-thali-revision");

/// An answer that a route made.
pub(crate) fn answer(answer: Answer, id: Uuid) -> Response<Body> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match answer.body {
        AnswerBody::Json(body) => json(status, body),
        AnswerBody::Problem(document) => problem(&document, id),
        AnswerBody::Empty => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            response
        }
    };
    if let Some(location) = answer.location.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    with_type(status, JSON, body.into())
}

/// A problem document.
pub(crate) fn problem(problem: &Problem, id: Uuid) -> Response<Body> {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = with_type(status, PROBLEM, document(problem, id).into());
    if let Some(seconds) = problem.retry_after_seconds {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// The text of a problem document.
pub(crate) fn document(problem: &Problem, id: Uuid) -> Vec<u8> {
    let mut buffer = Uuid::encode_buffer();
    let id = id.hyphenated().encode_lower(&mut buffer);
    problem.to_json(Some(id))
}

fn with_type(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// An id as the value of a header.
pub(crate) fn id(id: Uuid) -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    let text: &str = id.hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"))
}

/// A path that leads nowhere.
pub(crate) fn not_found() -> Problem {
    Problem::new(404, "not_found", "There is nothing at this path")
}

/// A service that is not there.
pub(crate) fn unknown_service(name: &str) -> Problem {
    Problem::new(404, "unknown_service", "There is no such service")
        .detail(format!("{name} is not deployed"))
}

/// A path that exists, with other methods.
pub(crate) fn method_not_allowed() -> Problem {
    Problem::new(405, "method_not_allowed", "The path does not take this method")
}

/// A body of the wrong type.
pub(crate) fn unsupported_media_type(detail: &str) -> Problem {
    Problem::new(415, "unsupported_media_type", "The body is of a type that is not taken here")
        .detail(detail)
}

/// More is going on than the host takes on.
pub(crate) fn overloaded() -> Problem {
    Problem::new(503, "overloaded", "The host is at its limit").retry_after(1)
}

/// The host ends, and takes nothing on that goes on for long.
pub(crate) fn draining() -> Problem {
    Problem::new(503, "draining", "The host is on its way down").retry_after(DRAINING_RETRY_SECONDS)
}

/// The host's own fault. What it was is in the log, under the request's id.
pub(crate) fn internal() -> Problem {
    Problem::new(500, "internal", "Something went wrong inside the host")
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
