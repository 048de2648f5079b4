//! What the connections of a listener share, and how they end together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::client::Proxies;
use crate::limits::{GatewayLimits, HEAD_BYTES_FLOOR};

/// The largest [`GatewayLimits::connections_max`]: more than a process can have file descriptors.
const CONNECTIONS_CEILING: usize = 1 << 24;

/// How long connections that were cut may take to notice.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// What the connections of a listener share.
pub struct Server {
    limits: GatewayLimits,
    proxies: ArcSwap<Proxies>,
    phase: AtomicU8,
    phase_changed: Notify,
    connections: Arc<Semaphore>,
    pub(crate) refusals: Arc<Semaphore>,
    requests: AtomicUsize,
    waits_for_requests: AtomicBool,
    no_requests: Notify,
    body_bytes: AtomicUsize,
    pub(crate) aborted: AtomicU64,
    pub(crate) panics: AtomicU64,
}

/// The life of a listener. It only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    Draining,
    Cut,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Requests that were still running when the time was up.
    pub cut: usize,
}

impl Server {
    /// A listener's shared part, with nothing accepted yet.
    pub fn new(limits: GatewayLimits) -> Arc<Self> {
        Self::behind(Proxies::default(), limits)
    }

    /// A listener's shared part, which believes these proxies about their clients.
    pub fn behind(proxies: Proxies, limits: GatewayLimits) -> Arc<Self> {
        let limits = GatewayLimits {
            connections_max: limits.connections_max.clamp(1, CONNECTIONS_CEILING),
            head_bytes_max: limits.head_bytes_max.max(HEAD_BYTES_FLOOR),
            // The rest is for requests.
            streams_max: limits.streams_max.min((limits.connections_max / 4 * 3).max(1)),
            ..limits
        };
        Arc::new(Self {
            connections: Arc::new(Semaphore::new(limits.connections_max)),
            refusals: Arc::new(Semaphore::new(super::refuse::REFUSALS_MAX)),
            limits,
            proxies: ArcSwap::from_pointee(proxies),
            phase: AtomicU8::new(Phase::Serving as u8),
            phase_changed: Notify::new(),
            requests: AtomicUsize::new(0),
            waits_for_requests: AtomicBool::new(false),
            no_requests: Notify::new(),
            body_bytes: AtomicUsize::new(0),
            aborted: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        })
    }

    /// What it allows.
    pub fn limits(&self) -> &GatewayLimits {
        &self.limits
    }

    /// The proxies that it believes.
    pub(crate) fn proxies(&self) -> Guard<Arc<Proxies>> {
        self.proxies.load()
    }

    /// Believes these proxies from now on.
    pub(crate) fn believe(&self, proxies: Proxies) {
        self.proxies.store(Arc::new(proxies));
    }

    /// Requests whose clients left before their answer had begun.
    pub fn aborted(&self) -> u64 {
        self.aborted.load(Ordering::Relaxed)
    }

    /// Requests whose handlers panicked.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Whether it is on its way down: no new connection is accepted.
    pub fn is_draining(&self) -> bool {
        self.phase() != Phase::Serving
    }

    /// Requests that run now.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Connections that are open now.
    pub fn connections(&self) -> usize {
        self.limits.connections_max - self.connections.available_permits()
    }

    /// Stops accepting, closes idle connections, waits for running requests at most `grace`, and cuts
    /// the rest.
    pub async fn drain(&self, grace: Duration) -> Drained {
        let deadline = Instant::now() + grace;
        self.enter(Phase::Draining);
        let in_time = timeout_at(deadline, async {
            self.requests_end().await;
            self.connections_end().await;
        });
        let cut = if in_time.await.is_ok() { 0 } else { self.requests() };
        self.enter(Phase::Cut);
        let _ = timeout_at(Instant::now() + CUT_GRACE, self.connections_end()).await;
        Drained { cut }
    }

    pub(crate) fn connection_slots(&self) -> &Arc<Semaphore> {
        &self.connections
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Serving,
            1 => Phase::Draining,
            _ => Phase::Cut,
        }
    }

    /// Is notified whenever the phase changes. Look at the phase *after* enabling it.
    pub(crate) fn phase_changed(&self) -> &Notify {
        &self.phase_changed
    }

    fn enter(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::SeqCst);
        self.phase_changed.notify_waiters();
    }

    /// Counts a request; `false` when there are as many as may run. It is counted either way.
    pub(crate) fn request_begins(&self) -> bool {
        self.requests.fetch_add(1, Ordering::SeqCst) < self.limits.requests_max
    }

    pub(crate) fn request_ends(&self) {
        let before = self.requests.fetch_sub(1, Ordering::SeqCst);
        if before == 1 && self.waits_for_requests.load(Ordering::SeqCst) {
            self.no_requests.notify_waiters();
        }
    }

    async fn requests_end(&self) {
        self.waits_for_requests.store(true, Ordering::SeqCst);
        loop {
            let ended = self.no_requests.notified();
            if self.requests.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    async fn connections_end(&self) {
        let all = u32::try_from(self.limits.connections_max).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = self.connections.acquire_many(all).await;
    }

    /// Sets aside room for bytes of a body; `None` when all of it is taken.
    pub(crate) fn hold_body(&self) -> BodyRoom<'_> {
        BodyRoom { server: self, held: 0 }
    }
}

/// The room that one body takes of [`GatewayLimits::bodies_bytes_max`].
pub(crate) struct BodyRoom<'a> {
    server: &'a Server,
    held: usize,
}

impl BodyRoom<'_> {
    /// Takes room for `bytes` more; `false` when there is none.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let before = self.server.body_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.held += bytes;
        before.saturating_add(bytes) <= self.server.limits.bodies_bytes_max
    }
}

impl Drop for BodyRoom<'_> {
    fn drop(&mut self) {
        self.server.body_bytes.fetch_sub(self.held, Ordering::Relaxed);
    }
}
