//! What a route is surrounded by: the request's trace, CORS, rate limits, and the headers that tell of them.
//!
//! Whatever becomes of a request, [`Front::complete`] sees its answer: a page may read that it was refused, and a client
//! learns from a refusal what is left of its limits.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Response};
use thali_contract::manifest::edge::CorsSpec;
use thali_contract::name::ServiceName;
use thali_contract::problem::Problem;
use thali_contract::route::{Found, Route, RouteTable};
use thali_runtime::{TraceContext, TraceState};
use tokio::time::Instant;

use crate::body::Body;
use crate::cors;
use crate::listen::Call;
use crate::metrics::{Counts, Traffic};
use crate::rate::{Caller, RateConfig, Rates, Stamp};

/// The W3C trace that a request belongs to.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What the host says of all routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrontConfig {
    /// Rate limits besides those of the manifests.
    pub rate: RateConfig,
    /// Which pages may call routes whose manifest does not say it. Default none.
    pub cors: Option<Arc<CorsSpec>>,
}

/// What is in front of all routes.
pub(crate) struct Fronts {
    pub(crate) rates: Rates,
    pub(crate) traffic: Traffic,
    cors: Option<Arc<CorsSpec>>,
}

/// What is in front of one request.
pub(crate) struct Front<'f> {
    fronts: &'f Fronts,
    pub(crate) trace: TraceContext,
    pub(crate) tracestate: Option<Arc<TraceState>>,
    origin: Option<HeaderValue>,
    cors: Option<Arc<CorsSpec>>,
    stamp: Option<Stamp>,
    started: Instant,
    counts: Option<Arc<Counts>>,
}

impl Fronts {
    pub(crate) fn new(config: FrontConfig) -> Self {
        Self { rates: Rates::new(config.rate), traffic: Traffic::default(), cors: config.cors }
    }

    /// Begins a request: it has a span of its own in the trace that the client gave, or in a new one.
    pub(crate) fn begin(&self, headers: &HeaderMap, call: &mut Call) -> Front<'_> {
        let given = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()?.parse().ok());
        let trace = match given {
            Some(given) => TraceContext::continued(given, call.id()),
            None => TraceContext::begin(call.id()),
        };
        let tracestate = given.and_then(|_| tracestate(headers));
        call.traced(trace);
        let origin = headers.get(ORIGIN).cloned();
        Front {
            fronts: self,
            trace,
            tracestate,
            origin,
            cors: None,
            stamp: None,
            started: call.started(),
            counts: None,
        }
    }

    /// The headers of the answer to a preflight; `None` when the request is none, or about a route that no page may call.
    pub(crate) fn preflight(
        &self,
        routes: &RouteTable,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<HeaderMap> {
        let method = cors::asked_method(headers)?;
        let Found::Route { route, .. } = routes.find(method, path) else { return None };
        let spec = cors::rule(route, self.cors.as_ref())?;
        let mut answer = HeaderMap::new();
        cors::preflight(spec, headers, method, &mut answer);
        Some(answer)
    }
}

/// What came with the trace of a request. Without a trace it means nothing.
fn tracestate(headers: &HeaderMap) -> Option<Arc<TraceState>> {
    let given: Result<Vec<_>, _> =
        headers.get_all(TRACESTATE).iter().map(HeaderValue::to_str).collect();
    TraceState::read(given.ok()?).map(Arc::new)
}

impl Front<'_> {
    /// The request goes to this route.
    pub(crate) fn routed(&mut self, service: &ServiceName, route: &Arc<Route>) {
        self.counts = Some(self.fronts.traffic.of(service, route));
        self.cors = cors::rule(route, self.fronts.cors.as_ref()).cloned();
    }

    /// Counts the request against the limits of its route.
    pub(crate) fn limit(
        &mut self,
        service: &ServiceName,
        route: &Route,
        subject: Option<&str>,
        head: &Parts,
        call: &Call,
    ) -> Result<(), Box<Problem>> {
        let caller = Caller { subject, address: call.client(), headers: &head.headers };
        let Some((stamp, refused)) = self.fronts.rates.take(service, route, &caller) else {
            return Ok(());
        };
        self.stamp = Some(stamp);
        refused.map_or(Ok(()), |problem| Err(Box::new(problem)))
    }

    /// Says in an answer what there is to say, whatever it is.
    pub(crate) fn complete(&self, mut response: Response<Body>) -> Response<Body> {
        let counts = self.counts.as_ref().unwrap_or(self.fronts.traffic.unrouted());
        counts.answered(response.status().as_u16(), self.started.elapsed());
        let headers = response.headers_mut();
        if let Ok(trace) = HeaderValue::try_from(self.trace.to_string()) {
            headers.insert(TRACEPARENT, trace);
        }
        if let Some(spec) = &self.cors {
            cors::complete(spec, self.origin.as_ref(), headers);
        }
        if let Some(stamp) = &self.stamp {
            stamp.complete(headers);
        }
        response
    }
}
