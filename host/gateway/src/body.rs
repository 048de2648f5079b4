//! The body of an answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Frame, SizeHint};
use thali_runtime::Admission;

use crate::listen::InFlight;

/// Bytes that are handed to the connection at once. A client that does not read is noticed between two
/// such pieces.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// The body of an answer. It keeps its request counted, and the request's places taken, until its last piece was.
pub struct Body {
    content: Content,
    in_flight: Option<InFlight>,
    admission: Option<Admission>,
}

enum Content {
    Bytes(Bytes),
    Axum(axum::body::Body),
    Stream(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

impl Body {
    /// A body of no bytes.
    pub fn empty() -> Self {
        Bytes::new().into()
    }

    /// A body that goes on for as long as there is something to say.
    pub(crate) fn stream(stream: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Content::Stream(Box::pin(stream)).into()
    }

    /// Keeps the request counted for as long as this body lives.
    pub(crate) fn hold(&mut self, in_flight: InFlight) {
        self.in_flight = Some(in_flight);
    }

    /// Keeps the request's places among those that run for as long as this body lives.
    pub(crate) fn keep(&mut self, admission: Option<Admission>) {
        self.admission = admission;
    }
}

impl From<Content> for Body {
    fn from(content: Content) -> Self {
        Self { content, in_flight: None, admission: None }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Content::Bytes(bytes).into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<axum::body::Body> for Body {
    fn from(body: axum::body::Body) -> Self {
        Content::Axum(body).into()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let me = self.get_mut();
        let frame = match &mut me.content {
            Content::Bytes(rest) if rest.is_empty() => None,
            Content::Bytes(rest) => {
                Some(Ok(Frame::data(rest.split_to(rest.len().min(PIECE_BYTES_MAX)))))
            }
            Content::Axum(body) => ready!(Pin::new(body).poll_frame(cx)),
            Content::Stream(stream) => {
                ready!(stream.as_mut().poll_next(cx)).map(|bytes| Ok(Frame::data(bytes)))
            }
        };
        if let Some(in_flight) = &me.in_flight {
            in_flight.progresses();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Bytes(rest) => rest.is_empty(),
            Content::Axum(body) => body.is_end_stream(),
            Content::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Bytes(rest) => SizeHint::with_exact(rest.len() as u64),
            Content::Axum(body) => body.size_hint(),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}
