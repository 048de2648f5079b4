//! What a client is told whose request goes no further.

use http::header::{HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, Response};
use thali_contract::access::Scope;
use thali_contract::problem::Problem;
use thiserror::Error;

use crate::body::Body;

/// Why a request goes no further. None says what is wrong with a token: who guesses learns nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The route needs a token and there is none.
    #[error("the request has no token")]
    NoToken,
    /// There is a token, and it is not good.
    #[error("the token is not valid")]
    BadToken,
    /// There is more than one.
    #[error("the request has more than one Authorization header")]
    TwoTokens,
    /// The token does not allow it.
    #[error("the token does not have the scope {0}")]
    Scope(Scope),
    /// The host has no keys, so no token can be good.
    #[error("this host has no keys to check tokens by")]
    NotConfigured,
    /// Too many bad ones came from the address.
    #[error("too many bad tokens came from this address")]
    TooManyFailures { retry_s: u32 },
}

impl Denied {
    /// The problem document.
    pub(crate) fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::NoToken => Problem::new(401, "unauthenticated", "A token is needed")
                .detail("send `Authorization: Bearer TOKEN`"),
            Self::BadToken => Problem::new(401, "invalid_token", "The token is not valid"),
            Self::TwoTokens => {
                Problem::new(400, "bad_request", "The request is malformed").detail(detail)
            }
            Self::Scope(_) => {
                Problem::new(403, "insufficient_scope", "The token does not allow this")
                    .detail(detail)
            }
            Self::NotConfigured => {
                Problem::new(401, "auth_not_configured", "This host cannot check tokens")
                    .detail("whoever runs it can give it keys; its log says how")
            }
            Self::TooManyFailures { retry_s } => {
                Problem::new(429, "too_many_failures", "Too many requests with bad tokens")
                    .retry_after(*retry_s)
            }
        }
    }

    /// The challenge that goes with it (RFC 6750, section 3).
    pub(crate) fn challenge(&self, headers: &mut HeaderMap) {
        let value = match self {
            Self::NoToken | Self::NotConfigured => {
                HeaderValue::from_static("Bearer realm=\"thali\"")
            }
            Self::BadToken => {
                HeaderValue::from_static("Bearer realm=\"thali\", error=\"invalid_token\"")
            }
            Self::TwoTokens => {
                HeaderValue::from_static("Bearer realm=\"thali\", error=\"invalid_request\"")
            }
            Self::Scope(scope) => {
                let text = format!(
                    "Bearer realm=\"thali\", error=\"insufficient_scope\", scope=\"{scope}\""
                );
                HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"))
            }
            Self::TooManyFailures { .. } => return,
        };
        headers.insert(WWW_AUTHENTICATE, value);
    }

    /// The whole answer.
    pub(crate) fn response(&self, id: uuid::Uuid) -> Response<Body> {
        let mut response = crate::reply::problem(&self.problem(), id);
        self.challenge(response.headers_mut());
        response
    }
}
