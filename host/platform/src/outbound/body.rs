//! The body of an answer, guarded while it is read.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

use super::counts::Counts;
use super::error::OutboundError;
use super::invocation::Place;

/// The body of an answer. It ends with an error when it is too large or too slow, and holds the places
/// of its request until it is dropped.
pub struct ResponseBody {
    body: Incoming,
    bytes_max: u64,
    bytes_left: u64,
    between_bytes: Duration,
    deadline: Instant,
    /// Rings at the deadline, or when nothing has come for too long.
    alarm: Pin<Box<Sleep>>,
    counts: Arc<Counts>,
    _places: Places,
}

/// The places that a request takes, in its invocation and in its service.
pub(super) type Places = (Place, OwnedSemaphorePermit);

impl ResponseBody {
    /// # Errors
    ///
    /// When the server says that the body is larger than it may be.
    pub(super) fn new(
        body: Incoming,
        bytes_max: u64,
        between_bytes: Duration,
        deadline: Instant,
        counts: &Arc<Counts>,
        places: Places,
    ) -> Result<Self, OutboundError> {
        if body.size_hint().lower() > bytes_max {
            return Err(too_large(bytes_max));
        }
        let first = deadline.min(Instant::now() + between_bytes);
        Ok(Self {
            body,
            bytes_max,
            bytes_left: bytes_max,
            between_bytes,
            deadline,
            alarm: Box::pin(sleep_until(first)),
            counts: Arc::clone(counts),
            _places: places,
        })
    }

    fn fail(&self, error: OutboundError) -> Poll<Option<Result<Frame<Bytes>, OutboundError>>> {
        let outcome = Err(error);
        self.counts.ended(&outcome);
        Poll::Ready(Some(outcome))
    }

    /// What the alarm means when it rings.
    fn late(&self) -> OutboundError {
        if Instant::now() >= self.deadline {
            return OutboundError::Timeout("the answer did not end in time".into());
        }
        let detail = format!("nothing more of the answer came for {:?}", self.between_bytes);
        OutboundError::Timeout(detail)
    }

    fn count(&mut self, bytes: usize) -> Result<(), OutboundError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes_left =
            self.bytes_left.checked_sub(bytes).ok_or_else(|| too_large(self.bytes_max))?;
        Ok(())
    }
}

fn too_large(bytes_max: u64) -> OutboundError {
    OutboundError::TooLarge(format!("the answer's body has more than {bytes_max} bytes"))
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = OutboundError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, OutboundError>>> {
        // Looked at first: a server that always has one more byte must not outrun the deadline.
        if Instant::now() >= self.deadline {
            return self.fail(self.late());
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => match self.alarm.as_mut().poll(cx) {
                Poll::Ready(()) => self.fail(self.late()),
                Poll::Pending => Poll::Pending,
            },
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => self.fail(OutboundError::protocol(&error)),
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Buf::remaining);
                if let Err(error) = self.count(bytes) {
                    return self.fail(error);
                }
                let next = self.deadline.min(Instant::now() + self.between_bytes);
                self.alarm.as_mut().reset(next);
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
