//! What events may take.

use std::time::Duration;

/// What the events of one publisher, and their delivery, may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLimits {
    /// The largest payload, in bytes of JSON. Default: 256 KiB.
    pub payload_bytes_max: usize,
    /// The longest key, in bytes. Default: 1 KiB.
    pub key_bytes_max: usize,
    /// How long an event is kept that every live subscriber has got, unless the manifest says
    /// otherwise. Default: 24 h.
    pub retention: Duration,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self {
            payload_bytes_max: 256 << 10,
            key_bytes_max: 1 << 10,
            retention: Duration::from_secs(24 * 3600),
        }
    }
}
