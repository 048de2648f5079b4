//! One request's way through a listener.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CONNECTION, HeaderValue};
use http::{HeaderMap, HeaderName, Request, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use thali_contract::problem::Problem;
use thali_runtime::TraceContext;
use tokio::time::Instant;
use uuid::Uuid;

use super::Handler;
use super::connection::{Connection, InFlight};
use super::head;
use super::server::Server;
use crate::access::{AccessLine, Ends};
use crate::body::Body;
use crate::read::{self, BodyError};
use crate::reply;

/// The header that names a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that a client may give its request, in bytes.
const CLIENT_ID_BYTES_MAX: usize = 64;

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// A request that is being answered: its id, its place in the counts, its line in the access log.
pub struct Call {
    in_flight: InFlight,
    client: IpAddr,
    id: Uuid,
    client_id: Option<HeaderValue>,
    started: Instant,
    http1: bool,
    unread: bool,
    line: Option<Box<AccessLine>>,
}

impl Call {
    fn begin(connection: Arc<Connection>, request: &Request<Incoming>) -> (Self, bool) {
        let http1 = request.version() <= Version::HTTP_11;
        let client =
            connection.server().proxies().client(connection.peer().ip(), request.headers());
        let (in_flight, admitted) = InFlight::begin(connection, !http1);
        let call = Self {
            in_flight,
            client,
            id: Uuid::now_v7(),
            client_id: client_id(request),
            started: Instant::now(),
            http1,
            unread: !request.body().is_end_stream(),
            line: AccessLine::begin(request),
        };
        (call, admitted)
    }

    /// The request's id in logs and problem documents.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Whose it is: where it came from, or where a trusted proxy says so.
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// Whether a trusted proxy says that the client has come by TLS.
    pub(crate) fn came_by_tls(&self, headers: &HeaderMap) -> bool {
        self.server().proxies().came_by_tls(self.peer().ip(), headers)
    }

    /// Where it came from.
    pub fn peer(&self) -> SocketAddr {
        self.in_flight.connection().peer()
    }

    /// When its head had arrived.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The listener it came in by.
    pub fn server(&self) -> &Arc<Server> {
        self.in_flight.connection().server()
    }

    /// Says which service answers, for the access log.
    pub fn served_by(&mut self, service: &str) {
        if let Some(line) = &mut self.line {
            line.service = Some(service.into());
        }
    }

    /// Says which trace it belongs to, for the access log.
    pub(crate) fn traced(&mut self, trace: TraceContext) {
        if let Some(line) = &mut self.line {
            line.trace = Some(trace);
        }
    }

    /// Reads the whole body, within the listener's limits. Unless it is read to its end the connection
    /// ends with the answer: what is left of a body must not be taken for a request.
    ///
    /// # Errors
    ///
    /// When it is too large, comes too slowly, or breaks off.
    pub async fn read_body(&mut self, body: Incoming) -> Result<Bytes, BodyError> {
        let bytes = read::body(body, self.in_flight.connection().server()).await?;
        self.unread = false;
        Ok(bytes)
    }

    /// Answers with a problem document.
    pub fn refuse(self, problem: &Problem) -> Response<Body> {
        let response = reply::problem(problem, self.id);
        self.finish(response)
    }

    /// Completes an answer that goes on and on: it takes no place among the requests, and a drain does
    /// not wait for it.
    pub fn finish_stream(mut self, response: Response<Body>) -> Response<Body> {
        self.in_flight.leaves_count();
        self.finish(response)
    }

    /// Completes an answer: its id, its line in the log, and its place in the counts until it is sent.
    pub fn finish(mut self, mut response: Response<Body>) -> Response<Body> {
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, self.client_id.take().unwrap_or_else(|| reply::id(self.id)));
        if !self.unread {
            self.in_flight.connection().clear_unread();
        } else if self.http1 {
            headers.insert(CONNECTION, CLOSE);
        }
        if let Some(line) = self.line {
            let peer = self.in_flight.connection().peer().ip();
            line.write(
                &response,
                self.id,
                self.started.elapsed(),
                Ends { client: self.client, peer },
            );
        }
        self.in_flight.answers();
        response.body_mut().hold(self.in_flight);
        response
    }
}

/// Answers one request, whatever happens.
pub(crate) async fn answer<H: Handler>(
    handler: H,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Response<Body> {
    let (mut call, admitted) = Call::begin(connection, &request);
    if let Err(error) = head::check(&request, call.server().limits()) {
        // What is behind a head like this is anybody's guess.
        call.unread = true;
        return call.refuse(&error.problem());
    }
    if !admitted {
        return call.refuse(&reply::overloaded());
    }
    let (id, server) = (call.id, Arc::clone(call.server()));
    match AssertUnwindSafe(handler.handle(request, call)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            server.panics.fetch_add(1, Relaxed);
            panicked(id, reply::panic_message(&*panic))
        }
    }
}

/// The answer to a request whose handler panicked. Its place in the counts is free already.
pub(crate) fn panicked(id: Uuid, message: &str) -> Response<Body> {
    tracing::error!(request_id = %id, "a handler panicked: {message}");
    let mut response = reply::problem(&reply::internal(), id);
    response.headers_mut().insert(REQUEST_ID, reply::id(id));
    response.headers_mut().insert(CONNECTION, CLOSE);
    response
}

/// The id that the client gave, when it is one: up to 64 visible ASCII characters.
fn client_id(request: &Request<Incoming>) -> Option<HeaderValue> {
    let given = request.headers().get(REQUEST_ID)?;
    let bytes = given.as_bytes();
    let valid =
        (1..=CLIENT_ID_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    valid.then(|| given.clone())
}
