//! The requests of one revision of a service.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use thali_contract::name::ServiceName;
use thali_contract::origin::{HttpOrigin, HttpUrl};
use thali_runtime::trace::Span;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::Outbound;
use super::body::ResponseBody;
use super::connect::{Connector, Shared};
use super::counts::{Counts, OutboundCounts};
use super::error::OutboundError;
use super::grants::{Grant, Grants};
use super::invocation::{Invocation, Place};
use super::{head, hops, spans};

/// Look-ups of names of one service at the same time, a fraction of those of the host.
const LOOKUPS_MAX: usize = 4;

/// The smallest buffer that the HTTP client takes, in bytes.
const HEAD_BYTES_MIN: usize = 8 << 10;

/// Headers of one answer.
const ANSWER_HEADERS_MAX: usize = 100;

/// What an HTTP/2 server may send of one body before the service has read it, in bytes.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;

/// What goes wrong in the body of a request.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request.
pub type RequestBody = UnsyncBoxBody<Bytes, BodyError>;

type Http = legacy::Client<Connector, RequestBody>;

/// A request, before it is checked.
pub struct OutboundRequest {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: HttpUrl,
    /// What the service writes into the head.
    pub headers: HeaderMap,
    /// The body.
    pub body: RequestBody,
    /// What the service allows where that is less than the host does.
    pub timeouts: Timeouts,
}

/// How long a service wants to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// For everything, until the end of the answer.
    pub whole: Option<Duration>,
    /// For the head of the answer.
    pub first_byte: Option<Duration>,
    /// For the next part of the body.
    pub between_bytes: Option<Duration>,
}

/// Sends the requests of one revision of a service, over connections of its own.
pub struct Client {
    service: ServiceName,
    host: Arc<Outbound>,
    grants: Grants,
    upstreams: HashMap<HttpOrigin, Http>,
    open: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    connections_max: usize,
    counts: Arc<Counts>,
}

impl Client {
    /// A client for the origins that a service was granted. It connects when there is something to
    /// send. The first one that wants TLS reads files, so keep it off the async threads.
    pub fn new(service: ServiceName, host: &Arc<Outbound>, grants: Grants) -> Self {
        let counts = Arc::new(Counts::default());
        let connections_max = connections_max(host, grants.granted.len());
        let connections = Arc::new(Semaphore::new(connections_max));
        let shared = Shared {
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            connections: Arc::clone(&connections),
            counts: Arc::clone(&counts),
        };
        let upstream = |grant: &Grant| {
            let connector = Connector::new(host, grant, &shared);
            (grant.origin.clone(), http_client(host, connector))
        };
        let upstreams = grants.granted.iter().map(upstream).collect();
        let open = Arc::new(Semaphore::new(host.limits().service_open_max as usize));
        let host = Arc::clone(host);
        Self { service, host, grants, upstreams, open, connections, connections_max, counts }
    }

    /// Where the service may send requests to.
    pub fn grants(&self) -> &[Grant] {
        &self.grants.granted
    }

    /// What became of its requests.
    pub fn snapshot(&self) -> OutboundCounts {
        let taken = |places: &Semaphore, all: usize| {
            let taken = all.saturating_sub(places.available_permits());
            u64::try_from(taken).unwrap_or(u64::MAX)
        };
        let open = taken(&self.open, self.host.limits().service_open_max as usize);
        self.counts.snapshot(open, taken(&self.connections, self.connections_max))
    }

    /// The host that it belongs to.
    pub fn host(&self) -> &Outbound {
        &self.host
    }

    /// Sends a request and waits for the head of its answer. Redirects are answers like any other. What
    /// is refused counts as well: a service that only guesses is stopped, too.
    ///
    /// # Errors
    ///
    /// [`OutboundError`] says why there is no answer, and whether the request may have arrived.
    pub async fn send(
        &self,
        request: OutboundRequest,
        invocation: &Invocation,
    ) -> Result<Response<ResponseBody>, OutboundError> {
        self.send_from(request, invocation, invocation.begin()).await
    }

    /// Sends a request whose place was taken, or was not to be had.
    pub(super) async fn send_from(
        &self,
        request: OutboundRequest,
        invocation: &Invocation,
        place: Result<Place, OutboundError>,
    ) -> Result<Response<ResponseBody>, OutboundError> {
        let origin = request.url.origin.clone();
        let span = spans::begin(&request, invocation);
        let answer = match place {
            Ok(place) => self.exchange(request, invocation, place, &span).await,
            Err(error) => Err(error),
        };
        spans::end(span, &answer);
        self.note(&origin, invocation, &answer);
        answer
    }

    async fn exchange(
        &self,
        request: OutboundRequest,
        invocation: &Invocation,
        place: Place,
        span: &Span,
    ) -> Result<Response<ResponseBody>, OutboundError> {
        let OutboundRequest { method, url, headers, body, timeouts } = request;
        let upstream = self.upstreams.get(&url.origin).ok_or_else(|| self.denied(&url.origin))?;
        // Whoever answers is told of the request's own span.
        let trace = invocation.trace.within(span);
        let trace = (&trace, invocation.tracestate.as_deref());
        let mut request = head::request(method, &url, headers, trace, body)?;
        request.headers_mut().insert(hops::DEPTH, hops::header(invocation.depth));
        let service_place = Arc::clone(&self.open).try_acquire_owned().map_err(|_| {
            let open_max = self.host.limits().service_open_max;
            OutboundError::Exhausted(format!("the service has {open_max} requests under way"))
        })?;
        let limits = self.host.limits();
        let now = Instant::now();
        let deadline = within(invocation.request_deadline(now), now, timeouts.whole);
        let head_deadline = within(now + limits.first_byte_timeout, now, timeouts.first_byte);
        let head_deadline = head_deadline.min(deadline);
        let answer = timeout_at(head_deadline, upstream.request(request)).await;
        let answer = answer.map_err(|_| late(head_deadline - now))?;
        let answer = answer.map_err(|error| OutboundError::of_client(&error))?;
        let between_bytes = limits.between_bytes_timeout;
        let between_bytes =
            timeouts.between_bytes.map_or(between_bytes, |own| own.min(between_bytes));
        let (head, body) = answer.into_parts();
        let places = (place, service_place);
        let bytes_max = limits.response_bytes_max;
        let body =
            ResponseBody::new(body, bytes_max, between_bytes, deadline, &self.counts, places)?;
        Ok(Response::from_parts(head, body))
    }

    fn denied(&self, origin: &HttpOrigin) -> OutboundError {
        let asked = self.grants.ungranted.iter().find(|asked| asked.origin == *origin);
        OutboundError::Denied(match asked {
            Some(asked) => asked.detail(),
            None => format!(
                "{origin} is not allowed: it has to be in service.toml: [outbound] allow = [\"{origin}\"]"
            ),
        })
    }

    fn note<T>(
        &self,
        origin: &HttpOrigin,
        invocation: &Invocation,
        answer: &Result<T, OutboundError>,
    ) {
        self.counts.ended(answer);
        if let Err(error) = answer {
            let (service, request_id) = (&self.service, invocation.request_id);
            tracing::warn!(target: "thali::outbound", %service, %request_id, %origin, "{error}");
        }
    }
}

/// Connections of one revision: those of its requests, as many that were begun for requests which then
/// went over another one, and those that wait for the next request. More are there only when servers
/// do not let go of them.
fn connections_max(host: &Outbound, origins: usize) -> usize {
    let limits = host.limits();
    let busy = (limits.service_open_max as usize).saturating_mul(2);
    busy.saturating_add(limits.idle_max.saturating_mul(origins)).min(Semaphore::MAX_PERMITS)
}

fn within(limit: Instant, now: Instant, own: Option<Duration>) -> Instant {
    own.and_then(|own| now.checked_add(own)).map_or(limit, |own| own.min(limit))
}

fn late(waited: Duration) -> OutboundError {
    OutboundError::Timeout(format!("no answer came for {waited:?}"))
}

fn http_client(host: &Outbound, connector: Connector) -> Http {
    let limits = host.limits();
    let head_bytes = u32::try_from(limits.response_head_bytes_max).unwrap_or(u32::MAX);
    legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(limits.idle_timeout)
        .pool_max_idle_per_host(limits.idle_max)
        .http1_max_buf_size(limits.response_head_bytes_max.max(HEAD_BYTES_MIN))
        .http1_max_headers(ANSWER_HEADERS_MAX)
        .http2_max_header_list_size(head_bytes)
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .build(connector)
}
