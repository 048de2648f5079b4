//! The facts about one connection, and until when its client may be silent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::server::Server;
use crate::limits::GatewayLimits;

/// What a connection's socket, its requests and their bodies know of each other. The requests of an
/// HTTP/2 connection run on other tasks, hence the atomics.
pub(crate) struct Connection {
    server: Arc<Server>,
    peer: SocketAddr,
    opened: Instant,
    h2: AtomicBool,
    /// Bytes came in that no request has used up.
    unread: AtomicBool,
    /// Requests that ever came.
    requests: AtomicU32,
    /// Requests that run, or whose answer is being sent.
    active: AtomicU32,
    /// Answers that are being sent.
    answering: AtomicU32,
    /// When the head that is being read began, and how many requests had come before it.
    head_since: Moment,
    head_after: AtomicU32,
    /// When the last request ended.
    idle_since: Moment,
    /// Since when the socket takes no more bytes.
    blocked_since: Moment,
    /// When the socket last took bytes again.
    unblocked: Moment,
    /// When a piece of an answer was last taken.
    progress: Moment,
    /// When the connection began to close for being idle.
    closing_since: Moment,
    /// Since when what the client still sends is only thrown away.
    lingering_since: Moment,
}

/// A moment in the life of a connection, or never: microseconds since it was opened, plus one.
#[derive(Default)]
struct Moment(AtomicU64);

/// What is to be done when a deadline passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Cut the connection.
    Cut,
    /// Close it as HTTP says: an HTTP/2 client is told with a GOAWAY.
    Close,
}

impl Connection {
    pub(crate) fn new(server: Arc<Server>, peer: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            server,
            peer,
            opened: Instant::now(),
            h2: AtomicBool::default(),
            unread: AtomicBool::default(),
            requests: AtomicU32::default(),
            active: AtomicU32::default(),
            answering: AtomicU32::default(),
            head_since: Moment::default(),
            head_after: AtomicU32::default(),
            idle_since: Moment::default(),
            blocked_since: Moment::default(),
            unblocked: Moment::default(),
            progress: Moment::default(),
            closing_since: Moment::default(),
            lingering_since: Moment::default(),
        })
    }

    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    pub(crate) fn limits(&self) -> &GatewayLimits {
        self.server.limits()
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Until when something has to happen, and what to do when it did not.
    pub(crate) fn deadline(&self) -> Option<(Instant, Expiry)> {
        let limits = self.limits();
        let cut = |since: Instant, limit: Duration| Some((since + limit, Expiry::Cut));
        if let Some(since) = self.at(&self.lingering_since) {
            return cut(since, limits.linger);
        }
        if let Some(since) = self.at(&self.blocked_since) {
            return cut(since, limits.write_stall);
        }
        if let Some(since) = self.at(&self.closing_since) {
            return cut(since, limits.write_stall);
        }
        if self.active.load(Relaxed) > 0 {
            return self.stalled_since().and_then(|since| cut(since, limits.write_stall));
        }
        if let Some(since) = self.head_began() {
            return cut(since, limits.head);
        }
        let Some(idle_since) = self.at(&self.idle_since) else {
            return cut(self.opened, limits.first_byte);
        };
        let since = self.at(&self.unblocked).map_or(idle_since, |at| at.max(idle_since));
        Some((since + limits.idle, Expiry::Close))
    }

    /// Since when an HTTP/2 client has taken nothing of the answers that wait for it. An HTTP/1 client
    /// that takes nothing blocks the socket.
    fn stalled_since(&self) -> Option<Instant> {
        let waits = self.h2.load(Relaxed) && self.answering.load(Relaxed) > 0;
        if waits { self.at(&self.progress) } else { None }
    }

    /// When the head began that is being read. Not for HTTP/2, where a PING is not a head either.
    fn head_began(&self) -> Option<Instant> {
        let read_now = self.head_after.load(Relaxed) == self.requests.load(Relaxed);
        if read_now && !self.h2.load(Relaxed) { self.at(&self.head_since) } else { None }
    }

    /// Bytes came in.
    pub(crate) fn received(&self) {
        self.unread.store(true, Relaxed);
        if self.active.load(Relaxed) > 0 || self.h2.load(Relaxed) {
            return;
        }
        let requests = self.requests.load(Relaxed);
        if self.head_after.swap(requests, Relaxed) != requests || !self.head_since.is_set() {
            self.note(&self.head_since);
        }
    }

    /// The socket took bytes, or did not.
    pub(crate) fn wrote(&self, taken: bool) {
        if taken == self.blocked_since.is_set() {
            if taken {
                self.blocked_since.clear();
                self.note(&self.unblocked);
            } else {
                self.note(&self.blocked_since);
            }
        }
    }

    pub(crate) fn has_unread(&self) -> bool {
        self.unread.load(Relaxed)
    }

    /// Whatever came in was used up.
    pub(crate) fn clear_unread(&self) {
        self.unread.store(false, Relaxed);
    }

    /// It begins to close for being idle.
    pub(crate) fn closes(&self) {
        self.note(&self.closing_since);
    }

    /// What still comes in is thrown away from now on.
    pub(crate) fn lingers(&self) {
        if !self.lingering_since.is_set() {
            self.blocked_since.clear();
            self.note(&self.lingering_since);
        }
    }

    fn note(&self, moment: &Moment) {
        let micros = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX - 1);
        moment.0.store(micros + 1, Relaxed);
    }

    fn at(&self, moment: &Moment) -> Option<Instant> {
        let micros = moment.0.load(Relaxed).checked_sub(1)?;
        Some(self.opened + Duration::from_micros(micros))
    }
}

impl Moment {
    fn is_set(&self) -> bool {
        self.0.load(Relaxed) != 0
    }

    fn clear(&self) {
        self.0.store(0, Relaxed);
    }
}

/// A request's place in the counts, from its head to the last byte of its answer.
pub(crate) struct InFlight {
    connection: Arc<Connection>,
    answering: bool,
    /// Whether the listener counts it among its requests.
    counted: bool,
}

impl InFlight {
    /// Counts a request. `false`: there are as many as may run.
    pub(crate) fn begin(connection: Arc<Connection>, h2: bool) -> (Self, bool) {
        if h2 {
            connection.h2.store(true, Relaxed);
        }
        connection.requests.fetch_add(1, Relaxed);
        connection.active.fetch_add(1, Relaxed);
        let admitted = connection.server.request_begins();
        (Self { connection, answering: false, counted: true }, admitted)
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// It is not one of the listener's requests any more, but still keeps its connection busy.
    pub(crate) fn leaves_count(&mut self) {
        if std::mem::take(&mut self.counted) {
            self.connection.server.request_ends();
        }
    }

    /// The answer's head is on its way.
    pub(crate) fn answers(&mut self) {
        self.answering = true;
        self.connection.answering.fetch_add(1, Relaxed);
        self.progresses();
    }

    /// A piece of the answer was taken.
    pub(crate) fn progresses(&self) {
        if self.connection.h2.load(Relaxed) {
            self.connection.note(&self.connection.progress);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let connection = Arc::clone(&self.connection);
        connection.note(&connection.idle_since);
        if self.answering {
            connection.answering.fetch_sub(1, Relaxed);
        } else if !std::thread::panicking() {
            connection.server.aborted.fetch_add(1, Relaxed);
        }
        connection.active.fetch_sub(1, Relaxed);
        self.leaves_count();
    }
}
