//! What the revisions of a service have in common: its gate, who of its requests is busy, and what it uses. A rollout does not
//! let a service run twice as much, nor compute twice as much.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use thali_contract::name::ServiceName;

use super::gate::{Gate, Room};
use crate::turns::Crowd;
use crate::usage::Usage;

/// What all services of a host have, as long as some revision holds it.
#[derive(Default)]
pub(crate) struct AllShared(Mutex<HashMap<ServiceName, Weak<Shared>>>);

/// What the revisions of one service share.
pub(crate) struct Shared {
    pub(crate) gate: Arc<Gate>,
    pub(crate) crowd: Crowd,
    pub(crate) usage: Arc<Usage>,
}

impl AllShared {
    /// What another revision of the service has, or something new with a gate of this room.
    pub(crate) fn of(&self, service: &ServiceName, room: Room) -> Arc<Shared> {
        let mut all = self.0.lock();
        if let Some(shared) = all.get(service).and_then(Weak::upgrade) {
            return shared;
        }
        // Revisions are prepared rarely: the time to forget what nobody holds.
        all.retain(|_, shared| shared.strong_count() > 0);
        let shared =
            Arc::new(Shared { gate: Gate::new(room), crowd: Crowd::new(), usage: Arc::default() });
        all.insert(service.clone(), Arc::downgrade(&shared));
        shared
    }
}
