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
    /// Events that one subscription reads at once. It has less than twice as many in memory.
    /// Default: 256.
    pub window_events: u32,
    /// Events of one subscription that are parked; with more it reads on only once they are fewer.
    /// Default: 1,000.
    pub parked_max: usize,
    /// How far a subscription runs ahead of the first event that is not done with, in places. A crash
    /// delivers at most so many again. Default: 4,096.
    pub span_max: i64,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self {
            payload_bytes_max: 256 << 10,
            key_bytes_max: 1 << 10,
            retention: Duration::from_secs(24 * 3600),
            window_events: 256,
            parked_max: 1000,
            span_max: 4096,
        }
    }
}
