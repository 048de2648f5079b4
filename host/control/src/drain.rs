//! What becomes of a revision after another took its place: it serves the requests it has, and is
//! freed when the last of them lets go of it.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use parking_lot::Mutex;
use thali_contract::name::ServiceName;
use thali_runtime::Revision;
use tracing::info;

use crate::progress::Running;

/// Travels with a revision and notices when it is freed.
pub(crate) struct Tenure {
    service: ServiceName,
    number: u32,
    replaced: OnceLock<Instant>,
    /// Told when it is over.
    draining: Mutex<Option<Running>>,
}

/// The revisions that were replaced and still serve.
#[derive(Default)]
pub(crate) struct Drains(Mutex<Vec<Weak<Revision>>>);

impl Tenure {
    pub(crate) fn new(service: ServiceName, number: u32) -> Self {
        Self { service, number, replaced: OnceLock::new(), draining: Mutex::default() }
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        if let Some(replaced) = self.replaced.get() {
            let (service, revision) = (&self.service, self.number);
            let ms = u64::try_from(replaced.elapsed().as_millis()).unwrap_or(u64::MAX);
            info!(%service, revision, ms, "revision drained and freed");
            if let Some(draining) = self.draining.get_mut().take() {
                draining.done(Some(format!("revision {revision}")));
            }
        }
    }
}

impl Drains {
    /// Notes that a revision is not live any more.
    pub(crate) fn replaced(&self, revision: &Arc<Revision>, draining: Running) {
        if let Some(tenure) = revision.extensions().get::<Tenure>() {
            // Set once: a revision is replaced once.
            let _ = tenure.replaced.set(Instant::now());
            *tenure.draining.lock() = Some(draining);
        }
        let mut drains = self.0.lock();
        drains.retain(|drain| drain.strong_count() > 0);
        drains.push(Arc::downgrade(revision));
    }

    /// The revisions of a service that are replaced and not freed yet.
    pub(crate) fn of(&self, service: &ServiceName) -> Vec<Arc<Revision>> {
        let drains = self.0.lock();
        let alive = drains.iter().filter_map(Weak::upgrade);
        alive.filter(|revision| revision.service() == service).collect()
    }
}
