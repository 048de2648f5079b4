//! Heads that are refused because HTTP implementations disagree about what they mean.
//!
//! hyper refuses most of it before it gets here, with an empty answer and a closed connection: more than
//! one or a malformed `Content-Length`, a `Transfer-Encoding` that does not end in `chunked` or comes
//! with HTTP/1.0, a folded header, a space before a colon. A `Content-Length` beside a
//! `Transfer-Encoding` it drops and closes the connection after the answer, so that what a proxy may
//! have taken for a second request is never read.

use http::header::{HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Version};
use thali_contract::problem::Problem;
use thiserror::Error;

use crate::limits::GatewayLimits;

/// A head that is refused. The connection must be closed after the answer.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum HeadError {
    #[error("it has {bytes} bytes, {max} are allowed")]
    UrlTooLong { bytes: usize, max: usize },
    #[error("the Host header is missing")]
    NoHost,
    #[error("there is more than one Host header")]
    ManyHosts,
    #[error("the only Transfer-Encoding served is one \"chunked\"")]
    Encoding,
}

impl HeadError {
    pub(crate) fn problem(self) -> Problem {
        let problem = match self {
            Self::UrlTooLong { .. } => Problem::new(414, "url_too_long", "The URL is too long"),
            _ => Problem::new(400, "bad_request", "The request is malformed"),
        };
        problem.detail(self.to_string())
    }
}

/// Checks the head of a request.
pub(crate) fn check<B>(request: &Request<B>, limits: &GatewayLimits) -> Result<(), HeadError> {
    let bytes = request.uri().path_and_query().map_or(0, |url| url.as_str().len());
    if bytes > limits.url_bytes_max {
        return Err(HeadError::UrlTooLong { bytes, max: limits.url_bytes_max });
    }
    if request.version() > Version::HTTP_11 {
        return Ok(());
    }
    check_host(request)?;
    check_encoding(request.headers())
}

/// RFC 9112, 3.2: exactly one, except that HTTP/1.0 may have none.
fn check_host<B>(request: &Request<B>) -> Result<(), HeadError> {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), None) => Ok(()),
        (None, _) if request.version() < Version::HTTP_11 => Ok(()),
        (None, _) => Err(HeadError::NoHost),
        (Some(_), Some(_)) => Err(HeadError::ManyHosts),
    }
}

/// Only `chunked`, once: `gzip, chunked` would need a decoder, and lists and repetitions are what
/// request smuggling is made from.
fn check_encoding(headers: &HeaderMap) -> Result<(), HeadError> {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    match (encodings.next(), encodings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(HeadError::Encoding),
    }
}
