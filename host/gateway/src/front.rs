//! What a route is surrounded by: the request's trace and span, CORS, rate limits, and the headers that tell of them.
//!
//! Whatever becomes of a request, [`Front::complete`] sees its answer: a page may read that it was refused, and a client
//! learns from a refusal what is left of its limits.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::header::{HeaderName, HeaderValue, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Response, Version};
use thali_contract::manifest::edge::CorsSpec;
use thali_contract::name::ServiceName;
use thali_contract::problem::Problem;
use thali_contract::route::{Found, Route, RouteTable};
use thali_runtime::trace::{Recording, Source, Span, SpanKind, Text, Tracer};
use thali_runtime::{Revision, TraceContext, TraceState};
use tokio::time::Instant;

use crate::body::Body;
use crate::cors;
use crate::listen::Call;
use crate::metrics::{Counts, Traffic};
use crate::public::PREFIX;
use crate::rate::{Caller, RateConfig, Rates, Stamp};

/// The W3C trace that a request belongs to.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A request that took so long is worth a trace, whether it was recorded or not.
const SLOW: Duration = Duration::from_secs(1);

/// The methods that HTTP itself knows. Others would make as many values of an attribute.
const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

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
    cors: ArcSwapOption<CorsSpec>,
    tracer: Arc<Tracer>,
}

/// What is in front of one request.
pub(crate) struct Front<'f> {
    fronts: &'f Fronts,
    pub(crate) trace: TraceContext,
    pub(crate) tracestate: Option<Arc<TraceState>>,
    pub(crate) recording: Option<Arc<Recording>>,
    span: Span,
    /// What caused the request, when whoever sent it says so.
    parent_id: Option<u64>,
    served: Option<Served>,
    origin: Option<HeaderValue>,
    cors: Option<Arc<CorsSpec>>,
    stamp: Option<Stamp>,
    started: Instant,
    counts: Option<Arc<Counts>>,
}

/// Who answers a request.
struct Served {
    route: Arc<Route>,
    source: Arc<Source>,
}

impl Fronts {
    pub(crate) fn new(config: FrontConfig, tracer: &Arc<Tracer>) -> Self {
        Self {
            rates: Rates::new(config.rate),
            traffic: Traffic::default(),
            cors: ArcSwapOption::new(config.cors),
            tracer: Arc::clone(tracer),
        }
    }

    /// Says something else of all routes from now on.
    pub(crate) fn change(&self, config: FrontConfig) {
        self.rates.change(config.rate);
        self.cors.store(config.cors);
    }

    /// Begins a request: it has a span of its own in the trace that the client gave, or in a new one.
    pub(crate) fn begin(&self, head: &Parts, call: &mut Call) -> Front<'_> {
        let headers = &head.headers;
        let given: Option<TraceContext> =
            headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()?.parse().ok());
        let (trace, recording) = self.tracer.begin(call.id(), given, call.started().into_std());
        let parent_id = given.map(|given| given.parent_id);
        let span = recording.as_ref().map(|recording| begun(recording, parent_id, head, call));
        let tracestate = given.and_then(|_| tracestate(headers));
        call.traced(trace);
        let origin = headers.get(ORIGIN).cloned();
        Front {
            fronts: self,
            trace,
            tracestate,
            recording,
            span: span.unwrap_or_default(),
            parent_id,
            served: None,
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
        let usual = self.cors.load();
        let spec = cors::rule(route, usual.as_ref())?;
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
    pub(crate) fn routed(&mut self, revision: &Revision, route: &Arc<Route>) {
        self.counts = Some(self.fronts.traffic.of(revision.service(), route));
        self.cors = cors::rule(route, self.fronts.cors.load().as_ref()).cloned();
        let served = Served { route: Arc::clone(route), source: Arc::clone(revision.source()) };
        served.describe(&mut self.span);
        self.served = Some(served);
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
    pub(crate) fn complete(mut self, mut response: Response<Body>) -> Response<Body> {
        let (status, took) = (response.status().as_u16(), self.started.elapsed());
        if !self.span.is_recorded() && (status >= 500 || took >= SLOW) {
            self.record_late();
        }
        let counts = self.counts.as_ref().unwrap_or(self.fronts.traffic.unrouted());
        counts.answered(status, took, self.span.is_recorded().then_some(self.trace.trace_id));
        ended(std::mem::take(&mut self.span), status);
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

    /// Makes the span of a request that nobody recorded, from what is known at its end.
    fn record_late(&mut self) {
        let started = self.started.into_std();
        let Some(recording) = self.fronts.tracer.late(self.trace, started) else { return };
        let name = "HTTP".into();
        self.span = recording.begin_at(started, SpanKind::Server, None, self.parent_id, name);
        if let Some(served) = &self.served {
            self.span.set("http.request.method", served.route.method().as_str());
            served.describe(&mut self.span);
        }
    }
}

impl Served {
    fn describe(&self, span: &mut Span) {
        if !span.is_recorded() {
            return;
        }
        let Self { route, source } = self;
        span.rename(|| format!("{} {PREFIX}{}", route.method(), route.path()).into());
        span.set("http.route", format!("{PREFIX}{}", route.path()));
        span.set("thali.service", Arc::clone(&source.service));
        span.set("thali.revision", source.revision);
    }
}

/// The span of a request, by the semantic conventions for HTTP servers. The query is left out: it may hold what nobody
/// should read. So is who the client is.
fn begun(recording: &Arc<Recording>, parent_id: Option<u64>, head: &Parts, call: &Call) -> Span {
    let method = METHODS.into_iter().find(|method| *method == head.method.as_str());
    let started = call.started().into_std();
    let name = method.unwrap_or("HTTP").into();
    let mut span = recording.begin_at(started, SpanKind::Server, None, parent_id, name);
    span.set("http.request.method", method.unwrap_or("_OTHER"));
    span.set("url.path", Text::copied(head.uri.path()));
    span.set("url.scheme", if call.came_by_tls(&head.headers) { "https" } else { "http" });
    let version = match head.version {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    span.set("network.protocol.version", version);
    span.set("thali.request_id", call.id().to_string());
    span
}

/// The span of a request that was answered with this status. What the client did wrong is no error of the server's.
fn ended(mut span: Span, status: u16) {
    span.set("http.response.status_code", status);
    if status >= 500 && span.is_recorded() {
        span.fail_as(status.to_string(), "the request failed");
    }
    span.end();
}
