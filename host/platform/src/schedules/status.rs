//! What the admin API and the command line show of schedules.

use jiff::Timestamp;
use serde::Serialize;
use thali_contract::name::ServiceName;

/// A schedule of a live service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScheduleStatus {
    /// The service.
    pub service: ServiceName,
    /// Its name within the service.
    pub name: String,
    /// When it is due.
    pub cron: String,
    /// The time zone of that.
    pub timezone: String,
    /// What runs.
    pub call: String,
    /// When it begins next, jitter included; `None` while its record cannot be read, with why in
    /// `trouble`.
    pub next_run: Option<Timestamp>,
    /// Why it is not running by the clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The last run, or the one that runs now.
    pub last_run: Option<LastRun>,
    /// How many runs have begun since the service was first deployed.
    pub runs: u64,
    /// How many of them failed.
    pub failures: u64,
    /// How many were due and passed over.
    pub skipped: u64,
}

/// A run of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It runs now.
    Running,
    /// It returned.
    Ok,
    /// It returned an error, trapped, or could not begin.
    Failed,
    /// The host ended before it did.
    Cut,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Running, Self::Ok, Self::Failed, Self::Cut];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Cut => "cut",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}
