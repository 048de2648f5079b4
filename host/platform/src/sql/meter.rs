//! How long a statement may run, and whether anybody still waits for it.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::sql::error::SqlError;
use crate::sql::ticket::Ticket;

/// Instructions of SQLite's virtual machine between two looks at the clock: some tens of
/// microseconds.
const STEPS: i32 = 1000;

/// Interrupts the statement that runs on one connection when its time is over or its caller is gone.
#[derive(Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<Option<Run>>>);

struct Run {
    budget: Budget,
    passed: Option<Passed>,
}

/// Until when a statement may run, and for whom.
#[derive(Clone)]
pub(crate) struct Budget {
    /// When it is interrupted.
    pub(crate) until: Instant,
    /// Interrupted as well when this is abandoned. Writes of a group have none: an interrupted write
    /// undoes the whole group, and its neighbours would pay for it.
    pub(crate) ticket: Option<Arc<Ticket>>,
}

#[derive(Clone, Copy)]
enum Passed {
    Time,
    Caller,
}

/// Metering lasts as long as this.
pub(crate) struct Metering<'a>(&'a Meter);

impl Meter {
    /// Sets the meter on a connection.
    pub(crate) fn install(&self, connection: &mut rusqlite::Connection) -> rusqlite::Result<()> {
        let meter = self.clone();
        connection.progress_handler(STEPS, Some(move || meter.is_over()))
    }

    /// Meters what runs on the connection until the answer is dropped.
    pub(crate) fn start(&self, budget: Budget) -> Metering<'_> {
        *self.0.lock() = Some(Run { budget, passed: None });
        Metering(self)
    }

    /// Why the running statement was interrupted.
    pub(crate) fn explain(&self) -> Option<SqlError> {
        let run = self.0.lock();
        Some(match run.as_ref()?.passed? {
            Passed::Time => SqlError::too_large("the statement ran for too long"),
            Passed::Caller => SqlError::Busy,
        })
    }

    fn is_over(&self) -> bool {
        let mut run = self.0.lock();
        let Some(run) = run.as_mut() else { return false };
        run.passed = if run.budget.ticket.as_ref().is_some_and(|ticket| ticket.is_abandoned()) {
            Some(Passed::Caller)
        } else if Instant::now() >= run.budget.until {
            Some(Passed::Time)
        } else {
            None
        };
        run.passed.is_some()
    }
}

impl Drop for Metering<'_> {
    fn drop(&mut self) {
        *self.0.0.lock() = None;
    }
}
