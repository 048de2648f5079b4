//! Server-sent events (WHATWG HTML, section 9.2) that a handler of a router answers with.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::IntoResponse;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use tokio::sync::watch;

/// Keeps nginx and its kind from holding events back.
pub(crate) const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How long a stream may be silent: shorter than the minute after which proxies take it for dead.
pub(crate) const BEAT_TIME: Duration = Duration::from_secs(15);

/// Keeps proxies, and the client, from taking silence for death.
pub(crate) const BEAT: Bytes = Bytes::from_static(b":\n\n");

/// Says in an answer's extensions that it goes on and on: a drain does not wait for it.
#[derive(Clone, Copy)]
pub(crate) struct Endless;

/// Whether the host is on its way down, for streams that have to end then.
#[derive(Clone, Default)]
pub(crate) struct Closing(watch::Sender<bool>);

impl Closing {
    /// Ends the streams that wait for it.
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether no stream should begin any more.
    pub(crate) fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it begins, or has begun.
    pub(crate) async fn begun(&self) {
        let mut closing = self.0.subscribe();
        // The sender is this.
        let _ = closing.wait_for(|begun| *begun).await;
    }
}

/// One event.
pub(crate) fn event(name: &str, data: &impl Serialize) -> Bytes {
    // What is sent here can be written: names and numbers.
    let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// The answer that goes on with these pieces, until they or the host come to an end.
pub(crate) fn response(
    pieces: impl Stream<Item = Bytes> + Send + 'static,
    closing: &Closing,
) -> axum::response::Response {
    let closing = closing.clone();
    let closed = Box::pin(async move { closing.begun().await });
    let pieces = pieces.take_until(closed).map(Ok::<_, Infallible>);
    let head = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (BUFFERING, HeaderValue::from_static("no")),
    ];
    let mut response = (head, axum::body::Body::from_stream(pieces)).into_response();
    response.extensions_mut().insert(Endless);
    response
}
