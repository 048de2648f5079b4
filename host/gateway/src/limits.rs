//! Every limit of a listener in one place.

use std::time::Duration;

/// What one listener allows. The two listeners of a host have one each.
///
/// ```
/// use std::time::Duration;
/// use thali_gateway::GatewayLimits;
///
/// let limits = GatewayLimits::default().with(|l| l.idle = Duration::from_secs(20));
/// assert_eq!(limits.url_bytes_max, 8192);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayLimits {
    /// Open connections. One more is answered 503 and closed: a client that is told at once can go
    /// elsewhere, one that waits in the kernel's queue cannot. Each costs a file descriptor, so keep it
    /// below the process's limit. Default 16,384.
    pub connections_max: usize,
    /// Requests between their head and the last byte of their answer, over all connections. One more is
    /// answered 503 `overloaded`. Default 1,024: each may hold a body and its decoded arguments while it
    /// waits for its turn.
    pub requests_max: usize,
    /// From accepting a connection to its first byte. Default 5 s.
    pub first_byte: Duration,
    /// From the first byte of a request to the end of its head. Default 10 s.
    pub head: Duration,
    /// For a request's body, from the moment it is asked for. Default 30 s.
    pub body: Duration,
    /// How long a client may take none of what is written to it. Default 30 s.
    pub write_stall: Duration,
    /// How long a connection may stay without a request. Default 75 s: longer than the 60 s after which
    /// most load balancers drop an idle connection, so that they do, and not we while they send.
    pub idle: Duration,
    /// How long a connection that is closed while its client still sends is read from, so that the
    /// answer is not lost to a TCP reset. Default 1 s.
    pub linger: Duration,
    /// Bytes of a request's head: request line and headers. At least 8,192. Default 32 KiB; above it 431.
    /// An HTTP/1.1 request has at most 100 headers besides.
    pub head_bytes_max: usize,
    /// Bytes of a request's path and query. Default 8 KiB; above it 414.
    pub url_bytes_max: usize,
    /// Bytes of a request's body. Default 1 MiB; above it 413.
    pub body_bytes_max: usize,
    /// Bytes of all bodies that are being read, over all connections. Default 256 MiB; above it 503.
    pub bodies_bytes_max: usize,
    /// Requests at the same time on one HTTP/2 connection. Default 128.
    pub h2_streams_max: u32,
    /// Event streams that are open. One more is answered 503. They take no place among the requests, but
    /// each a connection, or a part of one: at most three quarters of the connections are for streams.
    /// Default 10,000.
    pub streams_max: usize,
    /// Event streams that are open to one client, which is an IPv4 address or an IPv6 /64. One more is
    /// answered 429. Default 1,000: many clients may share an address behind a proxy.
    pub streams_per_client_max: usize,
    /// HTTP/2 requests that a client may reset before they were even looked at, until its connection is
    /// closed. Default 20.
    pub h2_pending_resets_max: usize,
    /// The pause after the first failed accept (the process is out of file descriptors, say); it doubles
    /// with every further one. Default 50 ms.
    pub accept_pause_min: Duration,
    /// The longest pause between failed accepts. Default 1 s.
    pub accept_pause_max: Duration,
}

/// The smallest [`GatewayLimits::head_bytes_max`]: hyper's read buffer is no smaller.
pub(crate) const HEAD_BYTES_FLOOR: usize = 8192;

impl Default for GatewayLimits {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            requests_max: 1024,
            first_byte: Duration::from_secs(5),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            write_stall: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            linger: Duration::from_secs(1),
            head_bytes_max: 32 << 10,
            url_bytes_max: 8 << 10,
            body_bytes_max: 1 << 20,
            bodies_bytes_max: 256 << 20,
            h2_streams_max: 128,
            streams_max: 10_000,
            streams_per_client_max: 1000,
            h2_pending_resets_max: 20,
            accept_pause_min: Duration::from_millis(50),
            accept_pause_max: Duration::from_secs(1),
        }
    }
}

impl GatewayLimits {
    /// What the admin listener allows: few connections, large and slow uploads.
    pub fn admin() -> Self {
        Self {
            connections_max: 256,
            requests_max: 16,
            body: Duration::from_secs(120),
            body_bytes_max: 64 << 20,
            bodies_bytes_max: 512 << 20,
            ..Self::default()
        }
    }

    /// These limits with some changed.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}
