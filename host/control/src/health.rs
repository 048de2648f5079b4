//! What a live service says of its own health, to whoever asks.
//!
//! Anybody may ask, so a check runs once a second at most, and once at a time: who asks meanwhile is told
//! what that one says.

use std::time::Duration;

use thali_contract::name::ServiceName;
use thali_runtime::{Context, Fault};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::warn;

use crate::control::Control;
use crate::smoke::{bounded, check_of, complaint};

/// How long a check may take.
const CHECK_TIME: Duration = Duration::from_secs(2);

/// How long what it said is believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// What the last check of one revision said, and when.
#[derive(Debug, Default)]
pub(crate) struct LastCheck(Mutex<Option<(Instant, bool)>>);

impl Control {
    /// Whether the stable revision of a service says that it is well. `None` when it exports no
    /// `thali:platform/health`, or does not serve. What it complains of is in the log.
    pub async fn is_healthy(&self, name: &ServiceName) -> Option<bool> {
        let live = self.live();
        let service = live.service(name).filter(|service| service.waiting_for.is_none())?;
        let check = check_of(service.revision.contract())?;
        let node = live.topology.node(name.as_str())?;
        let last = service.revision.extensions().get::<LastCheck>()?;
        let mut last = last.0.lock().await;
        if let Some((at, healthy)) = *last
            && at.elapsed() < BELIEVED
        {
            return Some(healthy);
        }
        // Before it is known: whoever asks and leaves must not make the next one ask the service again.
        let before = *last;
        *last = Some((Instant::now(), before.is_none_or(|(_, was_healthy)| was_healthy)));
        let context = Context::root(CHECK_TIME);
        let said = self.runtime.invoke(&live.topology, node, check, &[], context).await;
        let complaint = match said {
            Ok(answer) => complaint(answer),
            // Who has no room for the check is busy, and not ill.
            Err(Fault::Overloaded(_)) => None,
            Err(fault) => Some(bounded(&fault.to_string())),
        };
        if let Some(complaint) = &complaint
            && before.is_none_or(|(_, was_healthy)| was_healthy)
        {
            warn!(service = %name, "its health check says: {complaint}");
        }
        *last = Some((Instant::now(), complaint.is_none()));
        Some(complaint.is_none())
    }
}
