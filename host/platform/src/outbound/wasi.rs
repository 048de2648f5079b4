//! `wasi:http/outgoing-handler`: what HTTP libraries of any language send requests through.
//!
//! Requests take the same way as those of `thali:platform/http`, under the same limits; their bodies
//! are streams.

use std::future::Future;
use std::sync::Arc;

use http::{HeaderName, Request, Response};
use http_body_util::{BodyExt, Limited};
use thali_contract::name::InterfaceName;
use thali_contract::origin::HttpUrl;
use thali_runtime::{Capability, State};
use wasmtime::component::Linker;
use wasmtime_wasi_http::p2::bindings::{LinkOptions, http as wit};
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttp, WasiHttpCtxView,
    WasiHttpHooks,
};

use super::client::{Client, OutboundRequest, RequestBody, Timeouts};
use super::error::OutboundError;
use super::head;
use super::invocation::{Invocation, Place};

/// The version of WASI that the engine implements. Components of any `0.2` fit.
const VERSION: semver::Version = semver::Version::new(0, 2, 12);

/// What a body that nobody reads may hold, in bytes: one write.
const WRITE_BYTES_MAX: usize = 16 << 10;

/// `wasi:http/types`: requests, answers, headers and bodies.
#[derive(Clone, Copy, Debug, Default)]
pub struct WasiHttpTypes;

/// `wasi:http/outgoing-handler`: sends requests through a service's [`Client`].
#[derive(Clone, Copy, Debug, Default)]
pub struct WasiOutgoingHandler;

impl Capability for WasiHttpTypes {
    fn interface(&self) -> InterfaceName {
        interface("types")
    }

    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        let options = LinkOptions::default();
        wit::types::add_to_linker::<State, WasiHttp>(linker, &(&options).into(), view)
    }
}

impl Capability for WasiOutgoingHandler {
    fn interface(&self) -> InterfaceName {
        interface("outgoing-handler")
    }

    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wit::outgoing_handler::add_to_linker::<State, WasiHttp>(linker, view)
    }
}

fn interface(name: &str) -> InterfaceName {
    InterfaceName {
        namespace: "wasi".to_owned(),
        package: "http".to_owned(),
        interface: name.to_owned(),
        version: Some(VERSION),
    }
}

fn view(state: &mut State) -> WasiHttpCtxView<'_> {
    state.http(|state| Box::new(Hooks { sender: Sender::of(state) }))
}

/// What the requests of one invocation go through.
struct Hooks {
    /// `None` when the service may send none.
    sender: Option<Sender>,
}

#[derive(Clone)]
struct Sender {
    client: Arc<Client>,
    invocation: Invocation,
}

/// What becomes of a request: the answer, and what goes on beside it.
type Sent = Result<(Response<WasiBody>, Beside), Error>;
type Beside = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        head::is_forbidden(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(head::is_forbidden)
    }

    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        WRITE_BYTES_MAX
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Beside,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let Some(sender) = self.sender.clone() else {
            return Box::new(async { Err(Error::HttpRequestDenied) });
        };
        // Taken now and not when the request is first polled, which may be after the function returned.
        let place = sender.invocation.begin();
        Box::new(async move {
            let answer = sender.send(request, options.unwrap_or_default(), place).await?;
            let beside: Beside = Box::new(std::future::ready(Ok(())));
            Ok((answer, beside))
        })
    }
}

impl Sender {
    fn of(state: &mut State) -> Option<Self> {
        let client = state.extension::<Client>()?;
        let invocation = Invocation::of(state, client.host().limits());
        Some(Self { client, invocation })
    }

    async fn send(
        self,
        request: Request<WasiBody>,
        options: RequestOptions,
        place: Result<Place, OutboundError>,
    ) -> Result<Response<WasiBody>, Error> {
        let Self { client, invocation } = self;
        let request = read(request, options, client.host().limits().request_bytes_max)?;
        let answer = client.send_from(request, &invocation, place).await.map_err(told)?;
        Ok(answer.map(|body| WasiBody::new(body.map_err(told))))
    }
}

fn read(
    request: Request<WasiBody>,
    options: RequestOptions,
    bytes_max: u64,
) -> Result<OutboundRequest, Error> {
    let (head, body) = request.into_parts();
    let url = head.uri.to_string().parse::<HttpUrl>();
    let url = url.map_err(|_| Error::HttpRequestUriInvalid)?;
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    Ok(OutboundRequest {
        method: head.method,
        url,
        headers: head.headers,
        body: RequestBody::new(Limited::new(body, bytes_max)),
        timeouts: Timeouts {
            whole: None,
            first_byte: options.first_byte_timeout,
            between_bytes: options.between_bytes_timeout,
        },
    })
}

/// An error in the words of `wasi:http`. Most have no room for a detail: the log has it.
fn told(error: OutboundError) -> Error {
    match error {
        OutboundError::Denied(_) => Error::HttpRequestDenied,
        OutboundError::Invalid(detail) => Error::InternalError(Some(detail)),
        OutboundError::Exhausted(_) => Error::ConnectionLimitReached,
        OutboundError::Dns(detail) => Error::DnsError { rcode: Some(detail), info_code: None },
        OutboundError::Connect(_) => Error::ConnectionRefused,
        OutboundError::Tls(_) => Error::TlsCertificateError,
        OutboundError::Timeout(_) => Error::HttpResponseTimeout,
        OutboundError::TooLarge(_) => Error::HttpResponseBodySize(None),
        OutboundError::Protocol(_) => Error::HttpProtocolError,
    }
}
