//! Whether the host wants requests: what `/health/ready` says.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use thali_control::{Control, ServiceState};

/// Where the host is between its start and its end.
#[derive(Default)]
pub(crate) struct Readiness(AtomicU8);

/// Why a host wants no requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotReady {
    /// It brings its services up.
    Starting,
    /// It is on its way down.
    Draining,
    /// It has services, and none of them can serve.
    NothingServes,
}

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// The services are up.
    pub(crate) fn is_up(&self) {
        // Not after it began to go down.
        let _ = self.0.compare_exchange(STARTING, READY, Relaxed, Relaxed);
    }

    /// The host begins to go down.
    pub(crate) fn goes_down(&self) {
        self.0.store(DRAINING, Relaxed);
    }

    /// Whether the host wants requests. One without services does: it waits for its first.
    pub(crate) fn check(&self, control: &Control) -> Result<(), NotReady> {
        match self.0.load(Relaxed) {
            STARTING => return Err(NotReady::Starting),
            DRAINING => return Err(NotReady::Draining),
            _ => {}
        }
        let services = control.services();
        let serves = services.iter().any(|service| service.state == ServiceState::Running);
        if serves || services.is_empty() { Ok(()) } else { Err(NotReady::NothingServes) }
    }
}

impl NotReady {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Draining => "draining",
            Self::NothingServes => "no_service_runs",
        }
    }
}
