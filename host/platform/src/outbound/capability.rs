//! `thali:platform/http` as components import it: a whole request, a whole answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
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
    let body = body.collect().await?.to_bytes();
    Ok(wit::Response {
        status: head.status.as_u16(),
        headers: pairs(&head.headers),
        body: body.into(),
    })
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
