//! Reading on, over and over: a host that was started again, or a connection that broke, loses no line and doubles none,
//! for as long as the host keeps them in memory.

use std::io::BufReader;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::Printer;
use crate::client::Admin;
use crate::error::CliError;
use crate::output::note;
use crate::sse::Frame;

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
