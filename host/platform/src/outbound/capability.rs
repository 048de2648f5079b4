//! `thali:platform/http` as components import it: a whole request, a whole answer.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http_body::Body;
use http_body_util::{BodyExt, Full};
use thali_contract::name::InterfaceName;
use thali_runtime::{Capability, State};
use wasmtime::component::{HasSelf, Linker};

use super::bindings::thali::platform::http as wit;
use super::client::{Client, OutboundRequest, RequestBody, Timeouts};
use super::error::OutboundError;
use super::head;
use super::invocation::Invocation;

/// Lends a service its [`Client`], which is among the extensions of its revision.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpCapability;

impl Capability for HttpCapability {
    fn interface(&self) -> InterfaceName {
        crate::interface("http")
    }

    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wit::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
    }
}

impl wit::Host for State {
    async fn send(&mut self, request: wit::Request) -> Result<wit::Response, wit::Error> {
        let Some(client) = self.extension::<Client>() else {
            // A deploy refuses such a service; this is for hosts that are put together otherwise.
            return Err(wit::Error::Denied("the service has no [outbound] in service.toml".into()));
        };
        let invocation = Invocation::of(self, client.host().limits());
        Ok(send(&client, request, &invocation).await?)
    }
}

async fn send(
    client: &Arc<Client>,
    request: wit::Request,
    invocation: &Invocation,
) -> Result<wit::Response, OutboundError> {
    let request = read(request, client.host().limits().request_bytes_max)?;
    let (head, body) = client.send(request, invocation).await?.into_parts();
    let body = gathered(body).await?;
    Ok(wit::Response { status: head.status.as_u16(), headers: pairs(&head.headers), body })
}

/// A whole body. Each part is copied and let go of at once: kept as they come, parts of one byte each
/// would take a hundred times their size. How many bytes may come is the body's own limit.
async fn gathered<B>(body: B) -> Result<Vec<u8>, OutboundError>
where
    B: Body<Data = Bytes, Error = OutboundError>,
{
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(part) = frame?.into_data() {
            bytes.extend_from_slice(&part);
        }
    }
    Ok(bytes)
}

fn read(request: wit::Request, bytes_max: u64) -> Result<OutboundRequest, OutboundError> {
    let wit::Request { method, url, headers, body, timeout_ms } = request;
    let method = method.parse();
    let method = method.map_err(|_| OutboundError::Invalid("the method is none".into()))?;
    let url = url.parse().map_err(|error| OutboundError::Invalid(format!("the URL {error}")))?;
    let body = body.unwrap_or_default();
    if u64::try_from(body.len()).is_ok_and(|bytes| bytes > bytes_max) {
        let detail = format!("the request's body has more than {bytes_max} bytes");
        return Err(OutboundError::Invalid(detail));
    }
    let whole = timeout_ms.map(|ms| Duration::from_millis(ms.into()));
    Ok(OutboundRequest {
        method,
        url,
        headers: head::headers(&headers)?,
        body: RequestBody::new(Full::new(Bytes::from(body)).map_err(|never| match never {})),
        timeouts: Timeouts { whole, ..Timeouts::default() },
    })
}

/// Values that are not UTF-8 have their stray bytes replaced.
fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}

impl From<OutboundError> for wit::Error {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::Denied(detail) => Self::Denied(detail),
            OutboundError::Invalid(detail) => Self::Invalid(detail),
            OutboundError::Exhausted(detail) => Self::Exhausted(detail),
            OutboundError::Dns(detail) => Self::Dns(detail),
            OutboundError::Connect(detail) => Self::Connect(detail),
            OutboundError::Tls(detail) => Self::Tls(detail),
            OutboundError::Timeout(detail) => Self::Timeout(detail),
            OutboundError::TooLarge(detail) => Self::TooLarge(detail),
            OutboundError::Protocol(detail) => Self::Protocol(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    use http_body::Frame;

    use super::*;

    /// Sends its text one byte at a time, and sees how many of the parts are kept.
    struct Drip {
        text: &'static [u8],
        kept: Arc<AtomicUsize>,
        kept_most: Arc<AtomicUsize>,
    }

    struct Part(u8, Arc<AtomicUsize>);

    impl AsRef<[u8]> for Part {
        fn as_ref(&self) -> &[u8] {
            std::slice::from_ref(&self.0)
        }
    }

    impl Drop for Part {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Ordering::SeqCst);
        }
    }

    impl Body for Drip {
        type Data = Bytes;
        type Error = OutboundError;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, OutboundError>>> {
            let Some((byte, rest)) = self.text.split_first() else { return Poll::Ready(None) };
            self.text = rest;
            let kept = self.kept.fetch_add(1, Ordering::SeqCst) + 1;
            self.kept_most.fetch_max(kept, Ordering::SeqCst);
            let part = Part(*byte, Arc::clone(&self.kept));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(part)))))
        }
    }

    #[tokio::test]
    async fn parts_of_a_body_are_not_kept_until_its_end() {
        let kept_most = Arc::default();
        let drip = Drip {
            text: b"one byte each",
            kept: Arc::default(),
            kept_most: Arc::clone(&kept_most),
        };
        assert_eq!(gathered(drip).await.unwrap(), b"one byte each");
        assert_eq!(kept_most.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_body_that_breaks_is_no_body() {
        let broken = Full::new(Bytes::from("x")).map_err(|never: Infallible| match never {});
        let broken = broken.with_trailers(async {
            Some(Err::<HeaderMap, _>(OutboundError::Protocol("broken".into())))
        });
        assert!(matches!(gathered(broken).await, Err(OutboundError::Protocol(_))));
    }
}
