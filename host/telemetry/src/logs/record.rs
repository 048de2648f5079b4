//! One record of the log, as it is kept and shown.

use std::borrow::Cow;
use std::fmt::{Debug, Write};
use std::sync::Arc;

use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;
use tracing::Metadata;
use tracing::field::{Field, Visit};

use super::level::Level;

/// The longest message, in bytes: twice the longest line of a guest.
pub(super) const MESSAGE_BYTES_MAX: usize = 8 << 10;

/// The longest text of one field, in bytes: a backtrace of some depth.
pub(super) const FIELD_BYTES_MAX: usize = 4 << 10;

/// Fields of one record.
pub(super) const FIELDS_MAX: usize = 24;

/// Fields that there is room for at first: those of a request.
const FIELDS_USUAL: usize = 6;

/// What a record takes besides its texts, in bytes, about.
const RECORD_BYTES: usize = 200;

/// What ends a text that was too long.
const CUT: &str = "…";

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// Its place in the log. Greater than that of every record before it, of an earlier start of the host as well.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// Which part of the host says it; `guest` for what services write, `access` for requests.
    pub target: &'static str,
    /// The service that it is about.
    #[serde(serialize_with = "as_text")]
    pub service: Option<Arc<str>>,
    /// And its revision.
    pub revision: Option<u64>,
    /// The request that it is about.
    pub request_id: Option<Box<str>>,
    /// The W3C trace of that request, 32 hexadecimal digits.
    pub trace_id: Option<Box<str>>,
    /// The text. It may hold any character; whoever prints it has to escape it.
    pub message: String,
    /// What else there is to say.
    #[serde(serialize_with = "as_map")]
    pub fields: Fields,
}

/// Names and values, in their order.
pub type Fields = Vec<(Cow<'static, str>, Value)>;

fn as_text<S: Serializer>(text: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_deref().serialize(serializer)
}

fn as_map<S: Serializer>(fields: &Fields, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(fields.len()))?;
    for (name, value) in fields {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

impl Record {
    pub(super) fn begin(metadata: &Metadata<'static>) -> Self {
        Self {
            seq: 0,
            at: Timestamp::now(),
            level: (*metadata.level()).into(),
            target: metadata.target(),
            service: None,
            revision: None,
            request_id: None,
            trace_id: None,
            message: String::new(),
            fields: Vec::new(),
        }
    }

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let length = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let fields = self.fields.iter().map(|(name, value)| {
            let text = value.as_str().map_or(0, str::len);
            size_of::<(Cow<'static, str>, Value)>() + name.len() + text
        });
        let ids = length(&self.request_id) + length(&self.trace_id);
        let service = self.service.as_ref().map_or(0, |name| name.len());
        RECORD_BYTES + self.message.len() + ids + service + fields.sum::<usize>()
    }

    pub(super) fn add(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        if self.fields.len() < FIELDS_MAX {
            if self.fields.capacity() == 0 {
                self.fields.reserve(FIELDS_USUAL);
            }
            self.fields.push((name.into(), value));
        }
    }

    fn text(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.message = text,
            "service" => self.service = Some(text.into()),
            "request_id" => self.request_id = Some(text.into()),
            "trace_id" => self.trace_id = Some(text.into()),
            name => self.add(name, Value::String(text)),
        }
    }
}

/// The longest text of a field of that name.
fn longest(name: &str) -> usize {
    if name == "message" { MESSAGE_BYTES_MAX } else { FIELD_BYTES_MAX }
}

/// Takes the values of an event.
impl Visit for Record {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = Bounded { text: String::new(), bytes_max: longest(field.name()) };
        // It ends with an error where it is cut.
        let _ = write!(text, "{value:?}");
        self.text(field, text.text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, cut(value, longest(field.name())));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "revision" => self.revision = Some(value),
            name => self.add(name, value.into()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        match field.name() {
            "revision" => self.revision = value.try_into().ok(),
            name => self.add(name, value.into()),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), value.into());
    }
}

/// The text, or its beginning when it is too long.
pub(super) fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes_max);
    [text.get(..end).unwrap_or_default(), CUT].concat()
}

/// Text that takes no more than fits.
struct Bounded {
    text: String,
    bytes_max: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> std::fmt::Result {
        let room = self.bytes_max.saturating_sub(self.text.len());
        if more.len() <= room {
            self.text.push_str(more);
            return Ok(());
        }
        self.text.push_str(&cut(more, room));
        Err(std::fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("äöü", 3), "ä…");
        let mut bounded = Bounded { text: String::new(), bytes_max: 4 };
        assert!(write!(bounded, "abc{}", String::from("def")).is_err());
        assert_eq!(bounded.text, "abcd…");
    }
}
