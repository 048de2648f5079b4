//! One hop: a span that is open, and what is kept of one that has ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::recording::Recording;
use super::value::{Text, Value};
use crate::fault::Fault;

/// Attributes of one span. The host sets about ten.
const ATTRIBUTES_MAX: usize = 24;

/// Which side of what a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Answers a request or a call.
    Server,
    /// Asks somebody else: a service, a database, a server.
    Client,
    /// Neither.
    Internal,
    /// Publishes an event.
    Producer,
    /// Handles one.
    Consumer,
}

/// How a span ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing is known to be wrong.
    Unset,
    /// It failed; the text says how, and nothing of anybody's data.
    Error(Text),
}

/// The revision that a span is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The service.
    pub service: Arc<str>,
    /// The version in its manifest.
    pub version: Box<str>,
    /// The revision's number.
    pub revision: u32,
}

/// Another span that a span has to do with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its trace.
    pub trace_id: u128,
    /// The span.
    pub span_id: u64,
}

/// A span that has ended.
#[derive(Debug)]
pub struct SpanData {
    /// Not zero.
    pub span_id: u64,
    /// The span that caused it; it may be somebody else's.
    pub parent_id: Option<u64>,
    /// One of few: a function, a route, a kind of statement.
    pub name: Text,
    /// Which side of what.
    pub kind: SpanKind,
    /// The revision it is about; `None` for the host itself.
    pub source: Option<Arc<Source>>,
    /// When it began, in nanoseconds since 1970.
    pub start_unix_ns: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
    /// How it ended.
    pub status: Status,
    /// What else is known, by the semantic conventions of OpenTelemetry.
    pub attributes: Vec<(&'static str, Value)>,
    /// What it has to do with.
    pub link: Option<Link>,
}

/// What a failure is called, and how it is told: never with words of a service or a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `error.type`
    pub kind: &'static str,
    /// For people.
    pub message: &'static str,
}

/// What ends a span that nobody ended.
const CUT_OFF: Failure =
    Failure { kind: "cancelled", message: "cut off: nobody waited for it any more" };

/// A span that is open, or nothing at all for a request that is not recorded.
///
/// It ends with [`Span::end`]. One that is dropped before was cut off: the future that it belonged to was.
#[derive(Default)]
pub struct Span(Option<Box<Open>>);

struct Open {
    recording: Arc<Recording>,
    started: Instant,
    data: SpanData,
    ended: bool,
}

impl Span {
    /// The span of a request that is not recorded.
    pub const NONE: Self = Self(None);

    pub(super) fn open(recording: &Arc<Recording>, started: Instant, data: SpanData) -> Self {
        let recording = Arc::clone(recording);
        Self(Some(Box::new(Open { recording, started, data, ended: false })))
    }

    /// Whether anybody will see it. What it takes work to find out need not be found out otherwise.
    pub fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// Its id, when it is recorded.
    pub fn id(&self) -> Option<u64> {
        self.0.as_ref().map(|open| open.data.span_id)
    }

    /// Calls it something else.
    pub fn rename(&mut self, name: impl FnOnce() -> Text) {
        if let Some(open) = &mut self.0 {
            open.data.name = name();
        }
    }

    /// Says something about it; a key that is said again has its last value.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        self.set_with(key, || value.into());
    }

    /// Says something that takes work to say.
    pub fn set_with(&mut self, key: &'static str, value: impl FnOnce() -> Value) {
        let Some(open) = &mut self.0 else { return };
        let attributes = &mut open.data.attributes;
        if let Some((_, known)) = attributes.iter_mut().find(|(known, _)| *known == key) {
            *known = value();
        } else if attributes.len() < ATTRIBUTES_MAX {
            attributes.push((key, value()));
        }
    }

    /// Says which span it has to do with.
    pub fn link(&mut self, link: Link) {
        if let Some(open) = &mut self.0 {
            open.data.link = Some(link);
        }
    }

    /// It failed.
    pub fn fail(&mut self, failure: Failure) {
        self.fail_as(failure.kind, failure.message);
    }

    /// It failed in a way that is not one of the host's own.
    pub fn fail_as(&mut self, kind: impl Into<Text>, message: impl Into<Text>) {
        if let Some(open) = &mut self.0 {
            open.data.status = Status::Error(message.into());
            self.set("error.type", kind.into());
        }
    }

    /// It ends now.
    pub fn end(mut self) {
        if let Some(open) = &mut self.0 {
            open.ended = true;
        }
    }

    /// It ends now, with this outcome of an invocation.
    pub fn end_with<T>(mut self, outcome: &Result<T, Fault>) {
        if let Err(fault) = outcome {
            self.fail(fault.failure());
        }
        self.end();
    }

    /// It ends now, and is forgotten when it took no longer than `least`.
    pub fn end_if_longer(mut self, least: Duration) {
        if self.0.as_ref().is_some_and(|open| open.started.elapsed() <= least) {
            self.forget();
        }
        self.end();
    }

    /// It never was.
    pub fn forget(&mut self) {
        self.0 = None;
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(open) = &self.0 else { return };
        if !open.ended && open.data.status == Status::Unset {
            self.fail(CUT_OFF);
        }
        let Some(open) = self.0.take() else { return };
        let Open { recording, started, mut data, .. } = *open;
        data.duration_ns = nanos(started.elapsed());
        recording.push(data);
    }
}

impl SpanData {
    /// What it takes of memory, in bytes: itself, and what it does not share.
    pub(super) fn bytes(&self) -> usize {
        let message = match &self.status {
            Status::Unset => 0,
            Status::Error(message) => message.own_bytes(),
        };
        let attributes = self.attributes.iter().map(|(_, value)| value.own_bytes()).sum::<usize>();
        let slots = self.attributes.capacity() * size_of::<(&'static str, Value)>();
        size_of::<Self>() + self.name.own_bytes() + message + attributes + slots
    }
}

/// Nanoseconds; 584 years are enough.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
