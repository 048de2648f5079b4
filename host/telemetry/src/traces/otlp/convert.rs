//! Spans and their origin in the words of OpenTelemetry.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    Link as OtelLink, SpanContext, SpanId, SpanKind as OtelKind, Status as OtelStatus, TraceFlags,
    TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value as OtelValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData as OtelSpan, SpanEvents, SpanLinks};
use thali_runtime::trace::{Source, SpanData, SpanKind, Status, Text, Trace, Value};

use super::env::OtlpConfig;

/// What the host's own spans are called, unless `OTEL_SERVICE_NAME` says otherwise.
const HOST_NAME: &str = "thali-gateway";

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where spans come from: this host, and whatever its operator says of it.
pub(super) struct Origin {
    host_name: String,
    /// Of `OTEL_RESOURCE_ATTRIBUTES`.
    given: Vec<KeyValue>,
    instance: String,
}

impl Origin {
    pub(super) fn new(config: &OtlpConfig) -> Self {
        let pair = |(key, value): &(String, String)| KeyValue::new(key.clone(), value.clone());
        Self {
            host_name: config.service_name.clone().unwrap_or_else(|| HOST_NAME.to_owned()),
            given: config.resource.iter().map(pair).collect(),
            instance: config.instance_id.clone(),
        }
    }

    /// The resource of a revision, or of the host itself.
    pub(super) fn resource(&self, source: Option<&Source>) -> Resource {
        let mut attributes = vec![
            KeyValue::new("service.namespace", "thali"),
            KeyValue::new("service.instance.id", self.instance.clone()),
        ];
        // What the operator says comes before these, but a service's name and version are its own.
        attributes.extend(self.given.iter().cloned());
        match source {
            Some(source) => attributes.extend([
                KeyValue::new("service.name", source.service.clone()),
                KeyValue::new("service.version", source.version.to_string()),
                KeyValue::new("thali.revision", i64::from(source.revision)),
            ]),
            None => attributes.extend([
                KeyValue::new("service.name", self.host_name.clone()),
                KeyValue::new("service.version", VERSION),
            ]),
        }
        attributes.push(KeyValue::new("telemetry.sdk.name", "opentelemetry"));
        attributes.push(KeyValue::new("telemetry.sdk.language", "rust"));
        Resource::builder_empty().with_attributes(attributes).build()
    }
}

/// What makes the spans.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("thali").with_version(VERSION).build()
}

pub(super) fn span(trace: &Trace, span: &SpanData, scope: &InstrumentationScope) -> OtelSpan {
    let trace_id = TraceId::from(trace.trace_id);
    let start = UNIX_EPOCH + Duration::from_nanos(span.start_unix_ns);
    let mut links = SpanLinks::default();
    links.links.extend(span.link.map(|link| {
        let context = context(TraceId::from(link.trace_id), link.span_id);
        OtelLink::new(context, Vec::new(), 0)
    }));
    OtelSpan {
        span_context: context(trace_id, span.span_id),
        parent_span_id: span.parent_id.map_or(SpanId::INVALID, SpanId::from),
        parent_span_is_remote: span.kind == SpanKind::Server && span.source.is_none(),
        span_kind: kind(span.kind),
        name: name(&span.name),
        start_time: start,
        end_time: end(start, span.duration_ns),
        attributes: span.attributes.iter().map(attribute).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links,
        status: match &span.status {
            Status::Unset => OtelStatus::Unset,
            Status::Error(message) => OtelStatus::Error { description: name(message) },
        },
        instrumentation_scope: scope.clone(),
    }
}

fn context(trace_id: TraceId, span_id: u64) -> SpanContext {
    let (flags, state) = (TraceFlags::SAMPLED, TraceState::default());
    SpanContext::new(trace_id, SpanId::from(span_id), flags, false, state)
}

fn end(start: SystemTime, duration_ns: u64) -> SystemTime {
    start.checked_add(Duration::from_nanos(duration_ns)).unwrap_or(start)
}

fn name(text: &Text) -> Cow<'static, str> {
    match text {
        Text::Static(text) => Cow::Borrowed(text),
        Text::Shared(_) | Text::Owned(_) => Cow::Owned(text.as_str().to_owned()),
    }
}

fn attribute((key, value): &(&'static str, Value)) -> KeyValue {
    let value: OtelValue = match value {
        Value::Text(Text::Static(text)) => (*text).into(),
        Value::Text(Text::Shared(text)) => OtelValue::String(text.clone().into()),
        Value::Text(Text::Owned(text)) => text.to_string().into(),
        Value::Integer(integer) => (*integer).into(),
        Value::Bool(value) => (*value).into(),
    };
    KeyValue::new(*key, value)
}

fn kind(kind: SpanKind) -> OtelKind {
    match kind {
        SpanKind::Server => OtelKind::Server,
        SpanKind::Client => OtelKind::Client,
        SpanKind::Internal => OtelKind::Internal,
        SpanKind::Producer => OtelKind::Producer,
        SpanKind::Consumer => OtelKind::Consumer,
    }
}
