//! A trace as people see it: a line in a list, and all its spans in order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use thali_runtime::trace::{SharedTrace, SpanData, Status, Value};

/// A line in the list of traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The trace.
    pub trace_id: u128,
    /// What it began with here: a route, a schedule, a function.
    pub name: String,
    /// The template of the route, when it began with one.
    pub route: Option<String>,
    /// The service that it came to first.
    pub service: Option<Arc<str>>,
    /// When it began, in nanoseconds since 1970.
    pub start_unix_ns: u64,
    /// How long what it began with took, in nanoseconds. Deliveries may come long after.
    pub duration_ns: u64,
    /// The HTTP status of its answer.
    pub status: Option<i64>,
    /// Whether any of its spans failed.
    pub error: bool,
    /// How many there are.
    pub spans: usize,
    /// Whom it passed through, in the order in which they began.
    pub services: Vec<Arc<str>>,
}

/// All spans of a trace.
#[derive(Debug)]
pub struct Waterfall {
    /// The trace.
    pub trace_id: u128,
    /// When the first of them began, in nanoseconds since 1970.
    pub start_unix_ns: u64,
    /// From there to the end of the last, in nanoseconds.
    pub duration_ns: u64,
    /// Spans that were too many.
    pub dropped_spans: u64,
    parts: Vec<SharedTrace>,
    /// Part and position of each span: parents before their children, and those by their time.
    order: Vec<(usize, usize)>,
}

impl Summary {
    pub(super) fn new(trace_id: u128, parts: &[SharedTrace]) -> Option<Self> {
        let mut spans: Vec<&SpanData> = parts.iter().flat_map(|part| &part.spans).collect();
        spans.sort_by_key(|span| span.start_unix_ns);
        let root = first(&spans)?;
        let mut services: Vec<Arc<str>> = Vec::new();
        for service in spans.iter().filter_map(|span| Some(&span.source.as_ref()?.service)) {
            if !services.contains(service) {
                services.push(Arc::clone(service));
            }
        }
        Some(Self {
            trace_id,
            name: root.name.as_str().to_owned(),
            route: text(root, "http.route"),
            service: text(root, "thali.service")
                .map(Arc::from)
                .or_else(|| services.first().cloned()),
            start_unix_ns: root.start_unix_ns,
            duration_ns: root.duration_ns,
            status: integer(root, "http.response.status_code"),
            error: spans.iter().any(|span| span.status != Status::Unset),
            spans: spans.len(),
            services,
        })
    }
}

/// What a trace begins with: the first span whose parent is not here. The spans are by time.
fn first<'s>(spans: &[&'s SpanData]) -> Option<&'s SpanData> {
    let ids: HashSet<u64> = spans.iter().map(|span| span.span_id).collect();
    let is_root = |span: &&&SpanData| span.parent_id.is_none_or(|parent| !ids.contains(&parent));
    spans.iter().find(is_root).or(spans.first()).copied()
}

fn attribute<'s>(span: &'s SpanData, key: &str) -> Option<&'s Value> {
    span.attributes.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
}

fn text(span: &SpanData, key: &str) -> Option<String> {
    match attribute(span, key)? {
        Value::Text(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

fn integer(span: &SpanData, key: &str) -> Option<i64> {
    match attribute(span, key)? {
        Value::Integer(integer) => Some(*integer),
        _ => None,
    }
}

impl Waterfall {
    pub(super) fn new(trace_id: u128, parts: Vec<SharedTrace>, dropped_spans: u64) -> Self {
        let dropped = parts.iter().map(|part| u64::from(part.dropped_spans)).sum::<u64>();
        let spans = || parts.iter().flat_map(|part| &part.spans);
        let start_unix_ns = spans().map(|span| span.start_unix_ns).min().unwrap_or_default();
        let end = spans().map(|span| span.start_unix_ns.saturating_add(span.duration_ns)).max();
        Self {
            trace_id,
            start_unix_ns,
            duration_ns: end.unwrap_or_default().saturating_sub(start_unix_ns),
            dropped_spans: dropped_spans + dropped,
            order: order(&parts),
            parts,
        }
    }

    /// The spans, parents before their children.
    pub fn spans(&self) -> Vec<&SpanData> {
        let at = |(part, position): &(usize, usize)| self.parts.get(*part)?.spans.get(*position);
        self.order.iter().filter_map(at).collect()
    }
}

/// Which part of a trace a span is in, and where there.
type Place = (usize, usize);

/// Depth first from what has no parent here, brothers by their time.
fn order(parts: &[SharedTrace]) -> Vec<(usize, usize)> {
    let mut all: Vec<(Place, &SpanData)> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        all.extend(part.spans.iter().enumerate().map(|(position, span)| ((at, position), span)));
    }
    all.sort_by_key(|(_, span)| span.start_unix_ns);
    let ids: HashSet<u64> = all.iter().map(|(_, span)| span.span_id).collect();
    let mut children: HashMap<Option<u64>, Vec<(Place, u64)>> = HashMap::new();
    for (place, span) in all {
        let parent = span.parent_id.filter(|parent| ids.contains(parent));
        children.entry(parent).or_default().push((place, span.span_id));
    }
    let mut order = Vec::new();
    let mut next = children.remove(&None).unwrap_or_default();
    next.reverse();
    while let Some((place, id)) = next.pop() {
        order.push(place);
        // Taken away, so that ids that go in a circle end.
        let mut below = children.remove(&Some(id)).unwrap_or_default();
        below.reverse();
        next.append(&mut below);
    }
    order
}
