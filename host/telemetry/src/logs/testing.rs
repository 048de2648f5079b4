//! What the tests of several modules need.

use jiff::Timestamp;

use super::level::Level;
use super::record::Record;

/// A line of a service.
pub(super) fn record(service: &str) -> Record {
    Record {
        seq: 0,
        at: Timestamp::from_second(1).unwrap(),
        level: Level::Info,
        target: "guest",
        service: Some(service.into()),
        revision: Some(1),
        request_id: None,
        trace_id: None,
        message: "a line".into(),
        fields: Vec::new(),
    }
}
