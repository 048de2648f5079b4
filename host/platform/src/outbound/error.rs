//! Why a request was not sent, or not answered.

use std::error::Error;
use std::fmt;

use http_body_util::LengthLimitError;
use thiserror::Error;

use crate::messaging::shown;

/// Why a request was not sent, or not answered. The texts are for the service.
///
/// What is denied, invalid, exhausted, or failed by name, connection or TLS never reached the server. The
/// others may have: trying again needs a request that may come twice.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum OutboundError {
    /// It may not go there.
    #[error("denied: {0}")]
    Denied(String),
    /// No request can be made of it.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// As many were sent, or are under way, as may be.
    #[error("exhausted: {0}")]
    Exhausted(String),
    /// The name leads nowhere.
    #[error("no such host: {0}")]
    Dns(String),
    /// Nobody answers there.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// TLS failed: who answers there cannot prove who it is.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The answer, or its next part, did not come in time.
    #[error("timed out: {0}")]
    Timeout(String),
    /// The answer is too large.
    #[error("too large: {0}")]
    TooLarge(String),
    /// What came is no HTTP answer, or the connection broke.
    #[error("broken answer: {0}")]
    Protocol(String),
}

impl OutboundError {
    pub(super) fn dns(detail: impl fmt::Display) -> Self {
        Self::Dns(shown(&detail.to_string()))
    }

    pub(super) fn connect(detail: impl fmt::Display) -> Self {
        Self::Connect(shown(&detail.to_string()))
    }

    pub(super) fn tls(detail: impl fmt::Display) -> Self {
        Self::Tls(shown(&detail.to_string()))
    }

    pub(super) fn protocol(error: &dyn Error) -> Self {
        Self::Protocol(shown(&Chain(error).to_string()))
    }

    /// What the connector says, or the client itself, which wraps it several times over.
    pub(super) fn of_client(error: &hyper_util::client::legacy::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(found) = cause {
            if let Some(own) = found.downcast_ref::<Self>() {
                return own.clone();
            }
            if let Some(http) = found.downcast_ref::<hyper::Error>()
                && http.is_parse_too_large()
            {
                return Self::TooLarge(
                    "the head of the answer has too many or too long headers".into(),
                );
            }
            if found.is::<LengthLimitError>() {
                return Self::Invalid("the request's body is larger than it may be".into());
            }
            cause = found.source();
        }
        Self::protocol(error)
    }
}

/// An error with what caused it: the client's own says little.
struct Chain<'e>(&'e dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
