//! Reading on, over and over: a host that was started again, or a connection that broke, loses no line and doubles none,
//! for as long as the host keeps them in memory.

use std::io::{BufRead, BufReader};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::Printer;
use crate::client::Admin;
use crate::error::CliError;
use crate::output::note;

/// The first wait before coming back, and the longest.
const WAIT_MIN: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Follows until nobody reads any more.
pub(super) fn follow(admin: &Admin, query: &str, printer: &mut Printer) -> Result<(), CliError> {
    let path = format!("/logs/stream{query}");
    let mut place: Option<String> = None;
    let (mut wait, mut is_told) = (WAIT_MIN, false);
    loop {
        match admin.follow(&path, place.as_deref()) {
            Ok(stream) => {
                if std::mem::take(&mut is_told) {
                    note!("the host is back");
                }
                let (before, mut stream) = (place.clone(), BufReader::new(stream));
                while let Some(frame) = Frame::read(&mut stream) {
                    place = frame.id.clone().or(place);
                    show(&frame, printer);
                    // Whoever reads along sees whole lines at once.
                    let has_more = !stream.buffer().is_empty();
                    if printer.reading.is_ended() || (!has_more && printer.flush().is_ended()) {
                        return Ok(());
                    }
                }
                if place != before {
                    wait = WAIT_MIN;
                }
            }
            Err(error) if place.is_some() && may_come_back(&error) => {
                if !std::mem::replace(&mut is_told, true) {
                    note!("{error}; waiting for it");
                }
            }
            Err(error) => return Err(error),
        }
        sleep(wait);
        wait = (wait * 2).min(WAIT_MAX);
    }
}

/// Not what will be the same the next time.
fn may_come_back(error: &CliError) -> bool {
    match error {
        CliError::Unreachable { .. } => true,
        CliError::Refused(refusal) => {
            refusal.0.get("status").and_then(Value::as_u64).is_some_and(|status| status >= 500)
        }
        _ => false,
    }
}

fn show(frame: &Frame, printer: &mut Printer) {
    let Ok(data) = serde_json::from_str::<Value>(&frame.data) else { return };
    match frame.event.as_str() {
        "log" => {
            printer.print(&data);
        }
        "lost" => {
            printer.flush();
            let lines = data.get("lines").and_then(Value::as_u64).unwrap_or_default();
            note!("up to {lines} lines are missing here: the host had to forget them");
        }
        _ => {}
    }
}

/// One server-sent event.
#[derive(Debug, Default, PartialEq, Eq)]
struct Frame {
    event: String,
    id: Option<String>,
    data: String,
}

impl Frame {
    /// The next one; `None` when the stream has ended, or broke.
    fn read(stream: &mut impl BufRead) -> Option<Self> {
        let mut frame = Self::default();
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let text = line.trim_end_matches(['\n', '\r']);
            if text.is_empty() {
                return Some(frame);
            }
            let (field, value) = text.split_once(':').unwrap_or((text, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => frame.event = value.to_owned(),
                "id" => frame.id = Some(value.to_owned()),
                "data" => frame.data.push_str(value),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_one_by_one_and_a_broken_one_is_none() {
        let mut text =
            ":\nid: 6\n\nevent: log\nid: 7\ndata: {\"a\":1}\n\nevent: log\nid: 8".as_bytes();
        let place = Frame::read(&mut text).unwrap();
        assert_eq!((place.id.as_deref(), place.data.as_str()), (Some("6"), ""));
        let frame = Frame::read(&mut text).unwrap();
        assert_eq!(
            frame,
            Frame { event: "log".into(), id: Some("7".into()), data: "{\"a\":1}".into() }
        );
        assert_eq!(Frame::read(&mut text), None, "it broke off before its end");
    }
}
