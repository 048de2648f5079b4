//! Spans: what a request did, hop by hop, and how long each took.
//!
//! Whether a request is recorded is decided once, when it begins ([`Tracer`]). One that is carries a [`Recording`] in
//! its [`Context`](crate::Context), which every [`Span`] goes into when it ends; the last holder of the recording hands
//! all of them to the host's [`TraceSink`]. One that is not carries `None`, and then nothing is allocated and no clock
//! is read: a span of such a request is an empty option.
//!
//! What is absent on purpose: spans that services make (their calls, statements and events are all seen from here), and
//! any text of a client or a service in a span but templates of routes, statements with their placeholders, and paths.

mod budget;
mod recording;
mod sampler;
mod span;
mod tracer;
mod value;

#[cfg(test)]
mod tests;

pub use recording::Recording;
pub use sampler::{Rule, Sampler};
pub use span::{Failure, Link, Source, Span, SpanData, SpanKind, Status};
pub use tracer::{TRACES_PER_SECOND, TraceCounts, TraceSink, TraceSpec, Tracer};
pub use value::{TEXT_BYTES_MAX, Text, Value};

use std::sync::Arc;

/// What the spans of one request came to, or those of one delivery of an event.
#[derive(Debug)]
pub struct Trace {
    /// The trace that they belong to. Deliveries belong to the trace of their publisher.
    pub trace_id: u128,
    /// In the order in which they ended.
    pub spans: Vec<SpanData>,
    /// Spans that were too many.
    pub dropped_spans: u32,
    /// It is kept for who looks at this host.
    pub kept: bool,
    /// It is sent on to a collector.
    pub exported: bool,
    /// What the spans weigh, in bytes.
    pub bytes: usize,
}

/// A trace that has ended, as sinks share it.
pub type SharedTrace = Arc<Trace>;
