//! Schedules: functions that run by the clock.
//!
//! What runs when follows from the manifests of what is live ([`Schedules`]). One timer for the whole
//! host (`scheduler`) sleeps until the next run is due, or until something changes. A run goes through
//! the runtime like any other invocation, in the revision that is live at that moment. Two runs of one
//! schedule never overlap: one that is due while the one before still runs is passed over, and counted.
//!
//! What has happened is kept in the service's own database (`record`), so that a host that was down
//! knows what it missed. A run is stored before it begins: after a crash in the middle a schedule with
//! `missed = "once"` runs again, one with `skip` does not.
//!
//! What is absent on purpose: running on several nodes (there is one), retries (the next run is one),
//! and catching up run by run.

mod clock;
mod entry;
mod plan;
mod record;
mod runner;
mod scheduler;
mod status;
#[cfg(test)]
mod tests;
mod timetable;
mod turn;

pub use clock::{Clock, SystemClock};
pub use plan::{Schedule, Schedules};
pub use scheduler::{RunError, Scheduler};
pub use status::{LastRun, Outcome, ScheduleStatus};
pub use timetable::{Timetable, TimetableError};

/// Makes what is not there yet. Times are in milliseconds since 1970.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS _thali_schedules (
        name TEXT PRIMARY KEY,
        due_at INTEGER NOT NULL,
        started_at INTEGER,
        ended_at INTEGER,
        outcome TEXT,
        error TEXT,
        runs INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        skipped INTEGER NOT NULL
    ) WITHOUT ROWID;";
