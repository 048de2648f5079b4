//! A record as one line for people.

use std::fmt::{self, Display};

use serde_json::Value;

use crate::logging::Escaped;

/// What services and clients say cannot begin a line of its own or tell the terminal what to do.
pub(super) struct Line<'r> {
    pub(super) record: &'r Value,
    pub(super) color: bool,
}

const DIM: &str = "2";

impl Line<'_> {
    fn text(&self, member: &str) -> Option<&str> {
        self.record.get(member)?.as_str()
    }

    /// Something in a color, or as it is.
    fn painted(&self, f: &mut fmt::Formatter<'_>, code: &str, what: impl Display) -> fmt::Result {
        if self.color { write!(f, "\x1b[{code}m{what}\x1b[0m") } else { write!(f, "{what}") }
    }

    /// `orders/3`, or the part of the host that speaks.
    fn speaker(&self) -> String {
        let revision = self.record.get("revision").and_then(Value::as_u64);
        let target = self.text("target").unwrap_or_default();
        match (self.text("service"), revision) {
            (Some(service), Some(revision)) => format!("{service}/{revision}"),
            (Some(service), None) => service.to_owned(),
            (None, _) => target.to_owned(),
        }
    }
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.painted(f, DIM, Escaped(milliseconds(self.text("at").unwrap_or_default())))?;
        let level = self.text("level").unwrap_or_default();
        f.write_str(" ")?;
        self.painted(f, color_of(level), format_args!("{:<5}", level.to_uppercase()))?;
        write!(f, " {}", Escaped(self.speaker()))?;
        if let Some(message) = self.text("message").filter(|message| !message.is_empty()) {
            write!(f, " {}", Escaped(message.trim_end()))?;
        }
        let fields = self.record.get("fields").and_then(Value::as_object);
        for (name, value) in fields.into_iter().flatten() {
            f.write_str(" ")?;
            self.painted(f, DIM, format_args!("{}=", Escaped(name)))?;
            match value {
                Value::String(text) => write!(f, "{}", Escaped(text))?,
                other => write!(f, "{}", Escaped(other))?,
            }
        }
        match self.text("request_id") {
            Some(id) => {
                f.write_str(" ")?;
                self.painted(f, DIM, format_args!("request_id={}", Escaped(id)))
            }
            None => Ok(()),
        }
    }
}

/// `2026-11-22T18:30:00.123Z` of a time with more digits.
fn milliseconds(at: &str) -> String {
    match at.split_once('.') {
        Some((seconds, rest)) => {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).take(3).collect();
            format!("{seconds}.{digits:0<3}Z")
        }
        None => at.replacen('Z', ".000Z", 1),
    }
}

fn color_of(level: &str) -> &'static str {
    match level {
        "error" => "31",
        "warn" => "33",
        "info" => "32",
        _ => DIM,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_one_line_whatever_is_in_it() {
        let record = json!({
            "at": "2026-11-22T18:30:00.1Z", "level": "warn", "target": "guest", "service": "orders",
            "revision": 3, "request_id": "r-1", "message": "late\n\u{1b}[2Jforged",
            "fields": {"order": 7, "stream": "stderr\r"}
        });
        let line = |color| Line { record: &record, color }.to_string();
        assert_eq!(
            line(false),
            "2026-11-22T18:30:00.100Z WARN  orders/3 late\\n\\u{1b}[2Jforged order=7 stream=stderr\\r request_id=r-1"
        );
        assert!(line(true).contains("\x1b[33mWARN \x1b[0m"));
        let host = json!({"at": "2026-11-22T18:30:00Z", "level": "info", "target": "thali::up",
                          "service": null, "message": "ready", "fields": {}});
        let line = Line { record: &host, color: false }.to_string();
        assert_eq!(line, "2026-11-22T18:30:00.000Z INFO  thali::up ready");
    }
}
