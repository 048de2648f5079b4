//! What the timer knows of one schedule.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use thali_contract::manifest::Missed;
use tracing::info;
use uuid::Uuid;

use super::plan::Schedule;
use super::record::{Record, Row};
use super::runner::Id;
use super::status::{LastRun, Outcome, ScheduleStatus};

/// How many missed runs are counted one by one.
const MISSED_COUNTED_MAX: u64 = 1000;

/// A schedule of a live service.
pub(super) struct Entry {
    pub(super) schedule: Arc<Schedule>,
    pub(super) phase: Phase,
}

/// How far it is.
pub(super) enum Phase {
    /// Its record is being read.
    Opening { trouble: Option<String> },
    /// It runs by the clock.
    Open { record: Arc<Record>, next: Option<Next> },
}

/// A run that is to come.
#[derive(Clone, Copy)]
pub(super) struct Next {
    pub(super) due: Timestamp,
    /// When it begins: later than it is due, by chance.
    pub(super) at: Timestamp,
}

impl Next {
    /// The next run after `time`.
    pub(super) fn after(schedule: &Schedule, time: Timestamp) -> Option<Self> {
        schedule.timetable.after(time).map(|due| Self::with_jitter(schedule, due))
    }

    fn with_jitter(schedule: &Schedule, due: Timestamp) -> Self {
        let most_ms = schedule.jitter.as_millis();
        // The lower half of a new id is random but for its two highest bits.
        let chance = Uuid::now_v7().as_u128() & u128::from(u64::MAX >> 2);
        let ms = i64::try_from(chance.checked_rem(most_ms).unwrap_or_default()).unwrap_or_default();
        let at = due.checked_add(SignedDuration::from_millis(ms)).unwrap_or(due);
        Self { due, at }
    }
}

impl Entry {
    /// The same schedule, as another revision has it.
    pub(super) fn with(self, schedule: Arc<Schedule>, now: Timestamp) -> Self {
        let as_before = self.schedule.timetable.cron() == schedule.timetable.cron()
            && self.schedule.timetable.zone() == schedule.timetable.zone()
            && self.schedule.jitter == schedule.jitter;
        let phase = match self.phase {
            Phase::Open { record, .. } if !as_before => {
                Phase::Open { record, next: Next::after(&schedule, now) }
            }
            phase => phase,
        };
        Self { schedule, phase }
    }

    /// The first run of a schedule that has come, or come back.
    pub(super) fn first(
        &self,
        (service, name): &Id,
        record: &Record,
        now: Timestamp,
    ) -> Option<Next> {
        let row = record.row();
        let missed = self.missed(row.due_at, now);
        let cut = row.outcome == Some(Outcome::Cut);
        if missed > 0 || cut {
            info!(%service, schedule = name, missed, cut, "runs were missed");
        }
        if self.schedule.missed == Missed::Once && (missed > 0 || cut) {
            record.change(|row| row.skipped += missed.saturating_sub(1));
            return Some(Next::with_jitter(&self.schedule, now));
        }
        record.change(|row| row.skipped += missed);
        Next::after(&self.schedule, now)
    }

    /// How many runs were due between two times.
    fn missed(&self, from: Timestamp, now: Timestamp) -> u64 {
        let mut time = from;
        let due = std::iter::from_fn(|| {
            time = self.schedule.timetable.after(time)?;
            (time <= now).then_some(())
        });
        (0..MISSED_COUNTED_MAX).zip(due).map(|_| 1).sum()
    }

    pub(super) fn status(&self, (service, name): &Id) -> ScheduleStatus {
        let (record, next, trouble) = match &self.phase {
            Phase::Opening { trouble } => (None, None, trouble.clone()),
            Phase::Open { record, next } => (Some(record.row()), *next, None),
        };
        let count = |count: fn(&Row) -> u64| record.as_ref().map_or(0, count);
        ScheduleStatus {
            service: service.clone(),
            name: name.clone(),
            cron: self.schedule.timetable.cron().to_owned(),
            timezone: self.schedule.timetable.zone().to_owned(),
            call: self.schedule.call.clone(),
            next_run: next.map(|next| next.at),
            trouble,
            last_run: record.as_ref().and_then(LastRun::of),
            runs: count(|row| row.runs),
            failures: count(|row| row.failures),
            skipped: count(|row| row.skipped),
        }
    }
}

impl LastRun {
    pub(super) fn of(row: &Row) -> Option<Self> {
        Some(Self {
            started_at: row.started_at?,
            ended_at: row.ended_at,
            outcome: row.outcome?,
            error: row.error.clone(),
        })
    }
}
