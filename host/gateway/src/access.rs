//! The access log: one event with the target `access` per request.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response};
use http_body::Body as _;
use thali_runtime::TraceContext;
use tracing::Level;
use uuid::Uuid;

use crate::body::Body;
use crate::listen::REQUEST_ID;

/// The target of the events, for filters.
const TARGET: &str = "access";

/// What the log says of a request, kept from its head until its answer.
pub(crate) struct AccessLine {
    method: Method,
    /// Without the query: it may hold what nobody should read in a log.
    path: String,
    /// What the client calls it.
    client_request_id: Option<String>,
    pub(crate) service: Option<Box<str>>,
    pub(crate) trace: Option<TraceContext>,
}

/// As the W3C writes it.
struct TraceId(u128);

impl Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Who talks.
pub(crate) struct Ends {
    /// The client, as the nearest trusted proxy knows it.
    pub(crate) client: IpAddr,
    /// The other end of the connection.
    pub(crate) peer: IpAddr,
}

impl AccessLine {
    /// `None` when nobody reads the log.
    pub(crate) fn begin<B>(request: &Request<B>) -> Option<Box<Self>> {
        tracing::enabled!(target: TARGET, Level::INFO).then(|| {
            Box::new(Self {
                method: request.method().clone(),
                path: request.uri().path().to_owned(),
                client_request_id: client_request_id(request.headers()),
                service: None,
                trace: None,
            })
        })
    }

    /// Writes the line.
    pub(crate) fn write(
        self,
        response: &Response<Body>,
        request_id: Uuid,
        duration: Duration,
        ends: Ends,
    ) {
        tracing::info!(
            target: TARGET,
            method = self.method.as_str(),
            path = self.path,
            status = response.status().as_u16(),
            service = self.service.as_deref(),
            duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            bytes = response.body().size_hint().exact(),
            %request_id,
            client_request_id = self.client_request_id,
            trace_id = self.trace.map(|trace| display(TraceId(trace.trace_id))),
            client = %ends.client,
            // A proxy.
            peer = (ends.peer != ends.client).then(|| display(ends.peer)),
        );
    }
}

fn client_request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    Some(id.chars().take(64).collect())
}
