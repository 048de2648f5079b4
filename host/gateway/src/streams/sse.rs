//! A stream as server-sent events (WHATWG HTML, section 9.2).

use bytes::Bytes;
use futures_util::stream;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use super::session::{Item, Session};
use crate::body::Body;
use crate::sse::{BEAT, BUFFERING};

/// What a client that was cut off waits before it comes back, in milliseconds.
const RETRY: &str = "retry: 2000\n";

/// Says that events are missing. It has no id, so that a client that comes back asks for them.
pub(crate) const GAP: &str = "event: gap\ndata: {}\n\n";

/// The answer that begins with `first` and goes on with the session.
pub(crate) fn response(first: &str, session: Session) -> Response<Body> {
    let first = Bytes::from([RETRY, first, if first.is_empty() { "\n" } else { "" }].concat());
    let body = stream::unfold((Some(first), session), |(first, mut session)| async move {
        let bytes = match first {
            Some(first) => first,
            None => bytes(session.next().await.ok()?),
        };
        Some((bytes, (None, session)))
    });
    let mut response = Response::new(Body::stream(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    response
}

fn bytes(item: Item) -> Bytes {
    match item {
        Item::Event(notice) => notice.sse.clone(),
        Item::Gap => Bytes::from_static(GAP.as_bytes()),
        Item::Beat => BEAT,
    }
}
