//! How much a service may do with HTTP requests of its own.

use std::time::Duration;

/// How much services may do with HTTP requests of their own: `[outbound]` of the host's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundLimits {
    /// How long the name, the connection and TLS may take together. Default 3 s.
    pub connect_timeout: Duration,
    /// How long the head of the answer may take, from the beginning of the request. Default 10 s.
    pub first_byte_timeout: Duration,
    /// How long nothing may come of a body that has begun. Default 5 s.
    pub between_bytes_timeout: Duration,
    /// How long a server may read nothing of what is being sent to it, before the connection is closed. It
    /// counts after the end of the answer as well. Default 10 s.
    pub write_stall_timeout: Duration,
    /// The body of an answer, in bytes, as it comes over the wire. Default 2 MiB.
    pub response_bytes_max: u64,
    /// The body of a request, in bytes. Default 2 MiB.
    pub request_bytes_max: u64,
    /// The head of an answer, in bytes. Default 32 KiB.
    pub response_head_bytes_max: usize,
    /// Requests of one invocation. Default 16.
    pub requests_max: u32,
    /// Requests of one invocation that are under way at the same time. Default 4.
    pub open_max: u32,
    /// Requests of one revision of a service that are under way at the same time. Default 64.
    pub service_open_max: u32,
    /// Connections per origin that wait for the next request. Default 16.
    pub idle_max: usize,
    /// How long a connection waits for the next request. Default 30 s: shorter than what servers
    /// usually allow, so that few are closed at the moment of use.
    pub idle_timeout: Duration,
}

impl Default for OutboundLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            first_byte_timeout: Duration::from_secs(10),
            between_bytes_timeout: Duration::from_secs(5),
            write_stall_timeout: Duration::from_secs(10),
            response_bytes_max: 2 << 20,
            request_bytes_max: 2 << 20,
            response_head_bytes_max: 32 << 10,
            requests_max: 16,
            open_max: 4,
            service_open_max: 64,
            idle_max: 16,
            idle_timeout: Duration::from_secs(30),
        }
    }
}
