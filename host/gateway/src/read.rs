//! Reading a request's body, within its limits.

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use thali_contract::problem::Problem;
use thiserror::Error;
use tokio::time::timeout;

use crate::limits::GatewayLimits;
use crate::listen::{BodyRoom, Server};
use crate::reply;

/// A buffer is never made larger than this because of what a client announces.
const TRUST_BYTES_MAX: usize = 64 << 10;

/// A body that could not be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BodyError {
    /// It has more bytes than this.
    #[error("it has more than {0} bytes")]
    TooLarge(usize),
    /// It took longer than this many seconds.
    #[error("it did not arrive within {0} seconds")]
    TooSlow(u64),
    /// It ended early, or its chunks make no sense.
    #[error("it broke off, or is not encoded as its head says")]
    Broken,
    /// All bodies that are being read take too much memory together.
    #[error("too many bodies are being read")]
    Busy,
}

impl BodyError {
    /// What the client is told.
    pub fn problem(self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::TooLarge(_) => {
                Problem::new(413, "body_too_large", "The body is too large").detail(detail)
            }
            Self::TooSlow(_) => {
                Problem::new(408, "body_too_slow", "The body came too slowly").detail(detail)
            }
            Self::Broken => Problem::new(400, "bad_request", "The request is malformed")
                .detail("the body broke off, or is not encoded as its head says"),
            Self::Busy => reply::overloaded(),
        }
    }
}

/// Reads a whole body. One that announces too much is refused before a byte of it is read, and before
/// the client is told to go on (`100 Continue`).
pub(crate) async fn body<B>(body: B, server: &Server) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let limits = server.limits();
    if body.size_hint().lower() > limits.body_bytes_max as u64 {
        return Err(BodyError::TooLarge(limits.body_bytes_max));
    }
    match timeout(limits.body, collect(body, limits, server.hold_body())).await {
        Ok(read) => read,
        Err(_) => Err(BodyError::TooSlow(limits.body.as_secs())),
    }
}

async fn collect<B>(
    mut body: B,
    limits: &GatewayLimits,
    mut room: BodyRoom<'_>,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        length += piece.len();
        if length > limits.body_bytes_max {
            return Err(BodyError::TooLarge(limits.body_bytes_max));
        }
        if !room.grow(piece.len()) {
            return Err(BodyError::Busy);
        }
        if first.is_empty() {
            first = piece;
            continue;
        }
        if rest.is_empty() {
            let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
            rest.reserve(length + announced.min(TRUST_BYTES_MAX));
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&piece);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
