//! What came of a change.

use semver::Version;
use serde::Serialize;
use thali_contract::name::{Digest, InterfaceName, ServiceName};
use tracing::{info, warn};

use crate::live::Live;
use crate::rollout::Share;
use crate::status::ServiceState;

/// What a deploy or a rollback did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// The service.
    pub service: ServiceName,
    /// What happened.
    pub outcome: Outcome,
    /// The revision that is live now, of several the stable one; for a removed service the last one it had.
    pub revision: u32,
    /// The version in its manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The digest of its component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Where a rollback would lead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<u32>,
    /// The other live revisions, with their shares.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub canaries: Vec<Share>,
    /// Whether the service serves.
    pub state: ServiceState,
    /// The interface it waits for, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<InterfaceName>,
    /// The migrations that ran.
    pub migrations: Vec<String>,
    /// What should be looked at.
    pub warnings: Vec<String>,
}

/// What a deploy or a rollback did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new revision is live.
    Created,
    /// A revision that was there before is live again.
    Restored,
    /// A revision is live beside the stable one.
    Canary,
    /// The shares of the live revisions have changed.
    Traffic,
    /// A canary is the stable revision now.
    Promoted,
    /// The revision that was live before is live again, or the rollout is called off.
    RolledBack,
    /// Nothing: it is as it was.
    Unchanged,
}

/// What a removal did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// The service.
    pub service: ServiceName,
    /// The revision that was live, if there was one.
    pub revision: Option<u32>,
    /// Its data stays and is found again when the service comes back.
    pub database_kept: bool,
    /// Who misses it now.
    pub warnings: Vec<String>,
}

impl Deployed {
    /// The HTTP status: 201 when what is live has changed by a deploy, else 200.
    pub fn status(&self) -> u16 {
        match self.outcome {
            Outcome::Created | Outcome::Restored | Outcome::Canary => 201,
            Outcome::Traffic | Outcome::Promoted | Outcome::RolledBack | Outcome::Unchanged => 200,
        }
    }

    /// The service as it is in `live`, after `outcome`.
    pub(crate) fn new(live: &Live, name: &ServiceName, outcome: Outcome) -> Self {
        let service = live.service(name);
        let record = live.record(name);
        let revision = record.and_then(|record| record.live_revision());
        let last = record.map_or(0, |record| record.next_number.saturating_sub(1));
        let waiting_for = service.and_then(|service| service.waiting_for.clone());
        Self {
            service: name.clone(),
            outcome,
            revision: revision.map_or(last, |revision| revision.number),
            version: revision.map(|revision| revision.version.clone()),
            digest: revision.map(|revision| revision.digest),
            previous: record.and_then(|record| record.previous()).map(|previous| previous.number),
            canaries: record
                .and_then(|record| record.rollout.as_ref())
                .map_or_else(Vec::new, |rollout| rollout.canaries.clone()),
            state: ServiceState::of(live, name),
            waiting_for,
            migrations: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(crate) fn unchanged(live: &Live, name: &ServiceName) -> Self {
        Self::new(live, name, Outcome::Unchanged)
    }

    pub(crate) fn with_migrations(self, migrations: Vec<String>) -> Self {
        Self { migrations, ..self }
    }

    pub(crate) fn with_warnings(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }

    /// Writes it to the log.
    pub(crate) fn log(&self, what: &str) {
        let (service, revision) = (&self.service, self.revision);
        info!(%service, revision, outcome = ?self.outcome, state = ?self.state, "{what}");
        for warning in &self.warnings {
            warn!(%service, revision, "{what}: {warning}");
        }
        if let Some(interface) = &self.waiting_for {
            warn!(%service, revision, "waiting until somebody provides {interface}");
        }
    }
}
