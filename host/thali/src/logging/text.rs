//! A record as a line of text.

use std::fmt::{self, Display, Write};

use serde_json::Value;
use thali_telemetry::logs::{Level, Record};

use super::escape::Escaped;

/// Writes the record as a line: time, level, where it comes from, the message, and `name=value` of the rest. None of them
/// can begin a line of its own: services choose what is in them, and so do clients.
pub(super) fn line(record: &Record, color: bool, text: &mut String) {
    // Nothing fails that is written into memory.
    let _ = try_line(record, color, text);
}

fn try_line(record: &Record, color: bool, text: &mut String) -> fmt::Result {
    let level = record.level;
    let painted = |code, plain| Painted { code: color.then_some(code), plain };
    let level = painted(color_of(level), name_of(level));
    write!(
        text,
        "{} {level} {}",
        Dim(color, format_args!("{:.6}", record.at)),
        Dim(color, format_args!("{}:", record.target))
    )?;
    if !record.message.is_empty() {
        write!(text, " {}", Escaped(&record.message))?;
    }
    for (name, value) in &record.fields {
        key(text, color, name)?;
        match value {
            Value::String(said) => word(text, said)?,
            other => write!(text, "{other}")?,
        }
    }
    if let Some(revision) = record.revision {
        key(text, color, "revision")?;
        write!(text, "{revision}")?;
    }
    let ids = [
        ("service", record.service.as_deref()),
        ("request_id", record.request_id.as_deref()),
        ("trace_id", record.trace_id.as_deref()),
    ];
    for (name, said) in ids {
        if let Some(said) = said {
            key(text, color, name)?;
            word(text, said)?;
        }
    }
    text.push('\n');
    Ok(())
}

/// As wide as the widest.
fn name_of(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warn => " WARN",
        Level::Info => " INFO",
        Level::Debug => "DEBUG",
        Level::Trace => "TRACE",
    }
}

/// The code of the terminal: red, yellow, green, blue, magenta.
fn color_of(level: Level) -> u8 {
    match level {
        Level::Error => 31,
        Level::Warn => 33,
        Level::Info => 32,
        Level::Debug => 34,
        Level::Trace => 35,
    }
}

struct Painted {
    code: Option<u8>,
    plain: &'static str,
}

impl Display for Painted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "\u{1b}[{code}m{}\u{1b}[0m", self.plain),
            None => f.write_str(self.plain),
        }
    }
}

/// What is less important, where there are colors.
struct Dim<T>(bool, T);

impl<T: Display> Display for Dim<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            true => write!(f, "\u{1b}[2m{}\u{1b}[0m", self.1),
            false => self.1.fmt(f),
        }
    }
}

fn key(text: &mut String, color: bool, name: &str) -> fmt::Result {
    text.push(' ');
    if color {
        return write!(text, "{}", Dim(true, format_args!("{}=", Escaped(name))));
    }
    match is_word(name) {
        true => text.push_str(name),
        false => write!(text, "{}", Escaped(name))?,
    }
    text.push('=');
    Ok(())
}

/// A text as it is when it is one word, else between quotes.
fn word(text: &mut String, said: &str) -> fmt::Result {
    if is_word(said) {
        text.push_str(said);
        return Ok(());
    }
    write!(text, "{}", Escaped(format_args!("{said:?}")))
}

fn is_word(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=' | b'\\');
    !text.is_empty() && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            seq: 1,
            at: "2026-11-22T18:30:00.5Z".parse().unwrap(),
            level: Level::Info,
            target: "guest",
            service: Some("orders".into()),
            revision: Some(3),
            request_id: None,
            trace_id: Some("00ff".into()),
            message: "a\r\n ERROR host: \u{1b}[31mforged".into(),
            fields: vec![
                ("plain".into(), "b\nc".into()),
                ("path".into(), "/a?x".into()),
                ("n\n".into(), 7.into()),
                ("none".into(), "".into()),
            ],
        }
    }

    #[test]
    fn what_a_service_writes_stays_on_its_line() {
        let mut text = String::new();
        line(&record(), false, &mut text);
        assert_eq!(
            text,
            "2026-11-22T18:30:00.500000Z  INFO guest: a\\r\\n ERROR host: \\u{1b}[31mforged \
             plain=\"b\\nc\" path=/a?x n\\n=7 none=\"\" revision=3 service=orders trace_id=00ff\n"
        );
    }

    #[test]
    fn colors_are_the_hosts_own() {
        let mut text = String::new();
        line(&Record { level: Level::Error, ..record() }, true, &mut text);
        assert!(text.contains("\u{1b}[31mERROR\u{1b}[0m"), "{text:?}");
        assert!(!text.contains("\u{1b}[31mforged"), "{text:?}");
    }
}
