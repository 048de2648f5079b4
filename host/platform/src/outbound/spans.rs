//! Requests in traces, by the semantic conventions for HTTP clients. Queries are left out: they may hold what nobody
//! should read. What went wrong is told by its kind.

use http::Response;
use thali_runtime::trace::{Failure, Span};

use super::client::OutboundRequest;
use super::error::OutboundError;
use super::invocation::Invocation;

/// The methods that HTTP itself knows. Others would make as many names of spans.
const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

/// Begins the span of a request that is about to be checked and sent.
pub(super) fn begin(request: &OutboundRequest, invocation: &Invocation) -> Span {
    let known = METHODS.into_iter().find(|method| *method == request.method.as_str());
    let mut span = invocation.span(|| known.unwrap_or("HTTP").into());
    if span.is_recorded() {
        let origin = &request.url.origin;
        let path = request.url.path.split('?').next().unwrap_or_default();
        span.set("http.request.method", known.unwrap_or("_OTHER"));
        span.set("url.full", format!("{origin}{path}"));
        span.set("server.address", origin.host().to_string());
        span.set("server.port", origin.port());
    }
    span
}

/// Ends it with the head of the answer, or why there is none.
pub(super) fn end<B>(mut span: Span, answer: &Result<Response<B>, OutboundError>) {
    match answer {
        Ok(response) => {
            let status = response.status();
            span.set("http.response.status_code", status.as_u16());
            if span.is_recorded() && (status.is_client_error() || status.is_server_error()) {
                span.fail_as(status.as_str().to_owned(), "the server refused, or failed");
            }
        }
        Err(error) => span.fail(failure(error)),
    }
    span.end();
}

fn failure(error: &OutboundError) -> Failure {
    let (kind, message) = match error {
        OutboundError::Denied(_) => ("denied", "the service may not send requests there"),
        OutboundError::Invalid(_) => ("invalid", "no request can be made of it"),
        OutboundError::Exhausted(_) => ("exhausted", "as many requests as may be are under way"),
        OutboundError::Dns(_) => ("dns", "there is no such host"),
        OutboundError::Connect(_) => ("connect", "nobody answers there"),
        OutboundError::Tls(_) => ("tls", "who answers cannot prove who it is"),
        OutboundError::Timeout(_) => ("timeout", "no answer came in time"),
        OutboundError::TooLarge(_) => ("too_large", "the answer is too large"),
        OutboundError::Protocol(_) => ("protocol", "what came is no HTTP answer"),
    };
    Failure { kind, message }
}
