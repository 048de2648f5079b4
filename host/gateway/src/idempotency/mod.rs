//! Routes with `idempotent = true`: a request with an `Idempotency-Key` is carried out once.
//!
//! Which answers are kept, and given again with `Idempotency-Replayed: true`:
//!
//! | what came of the request | kept | a repeated one |
//! |---|---|---|
//! | a result: 2xx | yes | gets it again |
//! | an error of the service that stays one: 4xx | yes | gets it again |
//! | an error that passes: 408, 425, 429, 5xx of the manifest | no | runs again |
//! | a trap (500), a result that cannot be sent (502), the deadline (504) | no | runs again |
//! | nothing ran: overload, a service missing (503), too deep (508) | no | runs again |
//! | an answer larger than what is kept | no | runs again |
//! | the host died | – | runs again |
//!
//! A request that runs again has the same `idempotency-id` in `thali:platform/context`: by it the service
//! can tell what an earlier run has done already. What is wrong with a request before it could run (400,
//! 413, 415) is told each time and has nothing to do with its key.

mod key;
mod sweep;

use std::time::SystemTime;

use http::header::{CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use thali_contract::name::ServiceName;
use thali_contract::problem::{PROBLEM_JSON, Problem};
use thali_contract::route::{self, AnswerBody, Route};
use thali_platform::idempotency::{Answer, Answers, Begun, Claim, Fingerprint, Kept};
use thali_platform::sql::SqlError;
use thali_runtime::Revision;
use uuid::Uuid;

use crate::body::Body;
use crate::{faults, reply};

pub(crate) use sweep::sweep;
pub(crate) use thali_platform::idempotency::Request as Name;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Seconds until a request that runs is worth asking about again.
const RUNNING_RETRY_SECONDS: u32 = 1;

/// What there is to do for a request with a key.
pub(crate) enum Entry {
    /// Run it.
    Run(Claim),
    /// Send this, which an earlier one was answered.
    Replay(Answer),
}

/// What a service made of a request.
pub(crate) enum Outcome {
    /// It answered.
    Answered(route::Answer),
    /// It did not.
    Failed(Box<Problem>),
}

/// The name of a request, on a route that keeps answers; `None` without a key. A key belongs to the
/// subject that sends it: nobody is given the answer to a request of somebody else.
pub(crate) fn name(
    head: &Parts,
    path: &str,
    body: &[u8],
    service: &ServiceName,
    route: &Route,
    subject: Option<&str>,
) -> Result<Option<Name>, Box<Problem>> {
    let Some(key) = key::read(&head.headers)? else { return Ok(None) };
    let query = head.uri.query().unwrap_or_default();
    let parts = [head.method.as_str(), path, query].map(str::as_bytes);
    let fingerprint = Fingerprint::of(parts.into_iter().chain([body]));
    Ok(Some(Name::new(service, &route.to_string(), subject, &key, fingerprint)))
}

/// Claims the right to run a request, or says what to do instead.
pub(crate) async fn enter(request: Name, revision: &Revision) -> Result<Entry, Box<Problem>> {
    let Some(answers) = revision.extensions().get::<Answers>() else {
        return Err(Box::new(reply::internal()));
    };
    match answers.begin(request, SystemTime::now()).await {
        Ok(Begun::Run(claim)) => Ok(Entry::Run(claim)),
        Ok(Begun::Replay(answer)) => Ok(Entry::Replay(answer)),
        Ok(Begun::InProgress) => Err(Box::new(in_progress())),
        Ok(Begun::OtherRequest) => Err(Box::new(key_reused())),
        Err(error) => {
            warn(&error, revision, "a request with an idempotency key cannot be claimed");
            Err(Box::new(faults::no_database(revision.service())))
        }
    }
}

/// Keeps what is to be kept of an outcome, and only then makes it a response.
pub(crate) async fn settle(
    claim: Claim,
    outcome: Outcome,
    revision: &Revision,
    id: Uuid,
) -> Response<Body> {
    let answer = match outcome {
        Outcome::Answered(answer) if lasts(answer.status) => kept(answer, revision, id),
        Outcome::Answered(answer) => {
            release(claim, revision).await;
            return reply::answer(answer, id);
        }
        Outcome::Failed(problem) => {
            release(claim, revision).await;
            return reply::problem(&problem, id);
        }
    };
    // The service has done its work: its client hears of it, even when that cannot be kept.
    match claim.keep(&answer).await {
        Ok(Kept::Stored) => {}
        Ok(Kept::TooLarge) => {
            let (service, bytes) = (revision.service(), answer.body.len());
            tracing::warn!(%service, bytes, "an answer is too large to be kept for its key");
        }
        Err(error) => warn(&error, revision, "an answer could not be kept for its key"),
    }
    response(answer)
}

async fn release(claim: Claim, revision: &Revision) {
    if let Err(error) = claim.release().await {
        warn(&error, revision, "a claim stays behind until its request is repeated");
    }
}

/// An answer that was given before.
pub(crate) fn replay(answer: Answer) -> Response<Body> {
    let revision = HeaderValue::try_from(answer.revision.as_str()).ok();
    let mut response = response(answer);
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    if let Some(revision) = revision {
        response.headers_mut().insert(reply::REVISION, revision);
    }
    response
}

/// Whether the same answer would be right the next time.
fn lasts(status: u16) -> bool {
    status < 500 && !matches!(status, 408 | 425 | 429)
}

fn kept(answer: route::Answer, revision: &Revision, id: Uuid) -> Answer {
    let (content_type, body) = match answer.body {
        AnswerBody::Empty => (None, Vec::new()),
        AnswerBody::Json(body) => (Some("application/json"), body),
        AnswerBody::Problem(problem) => (Some(PROBLEM_JSON), reply::document(&problem, id)),
    };
    Answer {
        status: answer.status,
        content_type: content_type.map(Into::into),
        location: answer.location,
        revision: revision.tag().into(),
        body,
    }
}

fn response(answer: Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    insert(headers, CONTENT_TYPE, answer.content_type);
    insert(headers, LOCATION, answer.location);
    response
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<String>) {
    if let Some(value) = value.and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(name, value);
    }
}

fn in_progress() -> Problem {
    Problem::new(
        409,
        "idempotency_in_progress",
        "A request with this idempotency key is still running",
    )
    .retry_after(RUNNING_RETRY_SECONDS)
}

fn key_reused() -> Problem {
    Problem::new(422, "idempotency_key_reused", "The idempotency key was used for another request")
        .detail("send another request with another key; to repeat one, send it exactly as before")
}

fn warn(error: &SqlError, revision: &Revision, what: &str) {
    let service = revision.service();
    tracing::warn!(%service, %error, "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_not_kept() {
        for kept in [200, 201, 202, 204, 400, 404, 409, 410, 422] {
            assert!(lasts(kept), "{kept}");
        }
        for passing in [408, 425, 429, 500, 502, 503, 504] {
            assert!(!lasts(passing), "{passing}");
        }
    }
}
