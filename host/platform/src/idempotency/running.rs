//! The requests with a name that run in this process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;

use super::{Fingerprint, Request};

/// The requests with a name that run in this process, of all services.
///
/// It answers repeated requests without a look at the database, and it is how a claim that somebody works
/// on is told from one that was left behind: one process serves a data folder.
#[derive(Debug, Default)]
pub struct Running(Mutex<HashMap<Uuid, Fingerprint>>);

/// The only one who may work on a request, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Turn {
    id: Uuid,
    running: Arc<Running>,
}

/// Somebody works under this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Busy {
    SameRequest,
    OtherRequest,
}

impl Running {
    pub(crate) fn enter(self: &Arc<Self>, request: Request) -> Result<Turn, Busy> {
        match self.0.lock().entry(request.id) {
            Entry::Occupied(other) if *other.get() == request.fingerprint => Err(Busy::SameRequest),
            Entry::Occupied(_) => Err(Busy::OtherRequest),
            Entry::Vacant(free) => {
                free.insert(request.fingerprint);
                Ok(Turn { id: request.id, running: Arc::clone(self) })
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.running.0.lock().remove(&self.id);
    }
}
