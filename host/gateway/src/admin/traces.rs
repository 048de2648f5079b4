//! The latest traces: a list, and one with all its spans.

use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use thali_contract::problem::{Mistake, Problem};
use thali_runtime::trace::{Link, SpanData, SpanKind, Status, Text, Value};
use thali_telemetry::traces::{Filter, Summary, TRACES_MAX, Waterfall};

use super::Host;
use crate::faults;
use crate::web::{self, Answer, Items, None, Params, Segments};

/// Traces in one answer.
const LIMIT_DEFAULT: usize = 50;

/// `?service=orders&errors=true&min_ms=5`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    service: Option<String>,
    route: Option<String>,
    #[serde(default)]
    errors: bool,
    min_ms: Option<f64>,
    limit: Option<usize>,
    before: Option<Timestamp>,
}

/// A line of the list.
#[derive(Serialize)]
struct Line {
    trace_id: String,
    name: String,
    service: Option<String>,
    started_at: String,
    duration_ms: f64,
    status: Option<i64>,
    error: bool,
    spans: usize,
    services: Vec<String>,
}

/// A whole trace.
#[derive(Serialize)]
struct Details<'t> {
    trace_id: String,
    started_at: String,
    duration_ms: f64,
    dropped_spans: u64,
    spans: Vec<Span<'t>>,
}

#[derive(Serialize)]
struct Span<'t> {
    span_id: String,
    parent_id: Option<String>,
    name: &'t str,
    kind: &'static str,
    service: Option<&'t str>,
    revision: Option<u32>,
    start_us: u64,
    duration_us: u64,
    status: &'static str,
    message: Option<&'t str>,
    #[serde(serialize_with = "members")]
    attributes: &'t [(&'static str, Value)],
    links: Vec<LinkTo>,
}

#[derive(Serialize)]
struct LinkTo {
    trace_id: String,
    span_id: String,
}

pub(super) async fn list(State(host): State<Host>, Params(listing): Params<Listing>) -> Answer {
    let Listing { service, route, errors, min_ms, limit, before } = listing;
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=TRACES_MAX).contains(&limit) {
        let detail = format!("expected 1 to {TRACES_MAX}, got {limit}");
        return Err(faults::mistakes(vec![Mistake::new("?limit", detail)]).into());
    }
    let filter = Filter {
        service,
        route,
        errors,
        // A float that is too large or none at all becomes the nearest number there is.
        duration_ns_min: (min_ms.unwrap_or(0.0) * 1e6) as u64,
        before_unix_ns: before.map(|at| u64::try_from(at.as_nanosecond()).unwrap_or(0)),
    };
    let items = host.telemetry.traces.list(&filter, limit).into_iter().map(Line::from).collect();
    Ok(web::json(StatusCode::OK, Items { items }))
}

pub(super) async fn show(
    State(host): State<Host>,
    Segments(id): Segments<String>,
    Params(None {}): Params<None>,
) -> Answer {
    let found = u128::from_str_radix(&id, 16).ok().and_then(|id| host.telemetry.traces.get(id));
    let Some(waterfall) = found else {
        let detail = format!(
            "the last {TRACES_MAX} that were recorded are kept: GET /admin/v1/traces lists them"
        );
        let problem = Problem::new(404, "unknown_trace", "There is no such trace");
        return Err(problem.detail(detail).into());
    };
    Ok(web::json(StatusCode::OK, Details::of(&waterfall)))
}

impl From<Summary> for Line {
    fn from(summary: Summary) -> Self {
        Self {
            trace_id: format!("{:032x}", summary.trace_id),
            name: summary.name,
            service: summary.service.as_deref().map(str::to_owned),
            started_at: time(summary.start_unix_ns),
            duration_ms: ms(summary.duration_ns),
            status: summary.status,
            error: summary.error,
            spans: summary.spans,
            services: summary.services.iter().map(ToString::to_string).collect(),
        }
    }
}

impl<'t> Details<'t> {
    fn of(waterfall: &'t Waterfall) -> Self {
        let begun = waterfall.start_unix_ns;
        Self {
            trace_id: format!("{:032x}", waterfall.trace_id),
            started_at: time(begun),
            duration_ms: ms(waterfall.duration_ns),
            dropped_spans: waterfall.dropped_spans,
            spans: waterfall.spans().into_iter().map(|span| Span::of(span, begun)).collect(),
        }
    }
}

impl<'t> Span<'t> {
    fn of(span: &'t SpanData, begun_unix_ns: u64) -> Self {
        let (status, message) = match &span.status {
            Status::Unset => ("unset", Option::None),
            Status::Error(message) => ("error", Some(Text::as_str(message))),
        };
        let source = span.source.as_deref();
        Self {
            span_id: hex(span.span_id),
            parent_id: span.parent_id.map(hex),
            name: span.name.as_str(),
            kind: kind(span.kind),
            service: source.map(|source| &*source.service),
            revision: source.map(|source| source.revision),
            start_us: span.start_unix_ns.saturating_sub(begun_unix_ns) / 1000,
            duration_us: span.duration_ns / 1000,
            status,
            message,
            attributes: &span.attributes,
            links: span.link.into_iter().map(LinkTo::from).collect(),
        }
    }
}

impl From<Link> for LinkTo {
    fn from(link: Link) -> Self {
        Self { trace_id: format!("{:032x}", link.trace_id), span_id: hex(link.span_id) }
    }
}

fn members<S: Serializer>(
    attributes: &[(&'static str, Value)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(attributes.iter().map(|(key, value)| (key, json(value))))
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Integer(integer) => (*integer).into(),
        Value::Bool(value) => (*value).into(),
    }
}

fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Internal => "internal",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    }
}

fn hex(id: u64) -> String {
    format!("{id:016x}")
}

/// Milliseconds, to the microsecond.
fn ms(nanos: u64) -> f64 {
    (nanos / 1000) as f64 / 1e3
}

fn time(unix_ns: u64) -> String {
    let at = Timestamp::from_nanosecond(unix_ns.into()).unwrap_or_default();
    format!("{at:.6}")
}
