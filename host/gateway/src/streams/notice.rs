//! An event as it goes out.

use bytes::Bytes;
use thali_platform::events::{Seq, StoredEvent};

/// An event as it goes out. It is made once, and shared by everybody who gets it.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) seq: Seq,
    /// The function, kebab-case.
    pub(crate) event: String,
    /// One JSON object in one line.
    pub(crate) data: String,
    /// As a server-sent event.
    pub(crate) sse: Bytes,
}

impl Notice {
    pub(crate) fn new(event: StoredEvent) -> Self {
        let StoredEvent { seq, function, payload, .. } = event;
        let sse = sse(seq, &function, &payload).into();
        Self { seq, event: function, data: payload, sse }
    }

    /// As a message of a WebSocket.
    pub(crate) fn message(&self) -> String {
        message(self.seq, &self.event, &self.data)
    }
}

/// A server-sent event. `event` and `data` hold no line break: one is a name, the other JSON as the host
/// writes it.
pub(crate) fn sse(id: Seq, event: &str, data: &str) -> String {
    format!("id: {id}\nevent: {event}\ndata: {data}\n\n")
}

/// A message of a WebSocket. `event` is a name, and `data` JSON.
pub(crate) fn message(id: Seq, event: &str, data: &str) -> String {
    format!("{{\"id\":{id},\"event\":\"{event}\",\"data\":{data}}}")
}
