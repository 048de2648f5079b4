//! One run of a schedule, from its beginning to its record.

use std::sync::Arc;

use jiff::Timestamp;
use tracing::{debug, warn};

use super::record::Record;
use super::runner::Id;
use super::scheduler::Desk;
use super::status::{LastRun, Outcome};

/// Passes over a run that nobody can begin now.
pub(super) async fn skip(id: Id, record: Arc<Record>, due: Timestamp) {
    record.change(|row| {
        row.skipped += 1;
        row.due_at = row.due_at.max(due);
    });
    debug!(service = %id.0, schedule = id.1, "a run is passed over");
    if let Err(error) = record.store().await {
        warn!(service = %id.0, schedule = id.1, "its record cannot be written: {error}");
    }
}

/// The right to run a schedule: nobody else does while it lives.
pub(super) struct Turn {
    pub(super) desk: Arc<Desk>,
    pub(super) id: Id,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.desk.over(&self.id);
    }
}

impl Turn {
    /// Runs it. The record is durable before and after.
    pub(super) async fn run(&self, record: &Record, due: Option<Timestamp>) -> Option<LastRun> {
        let started_at = self.desk.now();
        record.change(|row| {
            row.due_at = due.map_or(row.due_at, |due| row.due_at.max(due));
            row.started_at = Some(started_at);
            row.ended_at = None;
            row.outcome = Some(Outcome::Running);
            row.error = None;
            row.runs += 1;
        });
        let ended = match record.store().await {
            Ok(()) => self.desk.runner().run(&self.id).await,
            Err(error) => Err(format!("its record cannot be written: {error}")),
        };
        let ended_at = self.desk.now();
        record.change(|row| {
            row.ended_at = Some(ended_at);
            row.outcome = Some(if ended.is_ok() { Outcome::Ok } else { Outcome::Failed });
            row.failures += u64::from(ended.is_err());
            row.error = ended.as_ref().err().cloned();
        });
        let (service, schedule) = (&self.id.0, &self.id.1);
        match &ended {
            Ok(()) => debug!(%service, schedule, "a run has ended"),
            Err(error) => warn!(%service, schedule, "a run failed: {error}"),
        }
        if let Err(error) = record.store().await {
            warn!(%service, schedule, "its record cannot be written: {error}");
        }
        LastRun::of(&record.row())
    }
}
