//! Bringing every service back after the host was restarted.

use std::collections::HashSet;
use std::sync::Arc;

use thali_contract::name::ServiceName;
use thali_platform::Backends;
use thali_runtime::Runtime;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::compiling::blocking;
use crate::control::{Control, ControlConfig};
use crate::data::DataFolder;
use crate::error::DeployError;
use crate::inspect::inspect;
use crate::live::{Absent, Line, Live, LiveService};
use crate::record::{RevisionRecord, ServiceRecord};
use crate::rollout::watch_forever;
use crate::steps::Built;
use crate::store::Found;

/// Why a host does not come up. A service that does not come up is no reason.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The data folder cannot be read.
    #[error("the services in the data folder cannot be listed")]
    Storage(#[from] std::io::Error),
    /// The host's own fault.
    #[error(transparent)]
    Host(#[from] DeployError),
}

/// A service after an attempt to bring it back.
enum Returned {
    Live(LiveService),
    Absent(ServiceName, Absent),
}

impl Control {
    /// Brings every service back at its live revision, as many at a time as there are cores. One that
    /// cannot be brought back is `failed`, says why, and keeps nobody else from coming.
    ///
    /// # Errors
    ///
    /// When the data folder cannot be read.
    pub async fn open(
        config: ControlConfig,
        data: DataFolder,
        runtime: Arc<Runtime>,
        backends: impl Into<Backends>,
    ) -> Result<Arc<Self>, OpenError> {
        let control = Arc::new(Self::new(config, data, runtime, backends.into()));
        let store = Arc::clone(&control.store);
        let found = blocking(move || store.records()).await??;
        control.sweep(&found).await?;
        let mut line = Line::default();
        for returned in control.bring_back_all(found).await? {
            line.add(returned);
        }
        control.swap(Live::without_conflicts(line));
        tokio::spawn(watch_forever(Arc::downgrade(&control), control.changes()));
        Ok(control)
    }

    /// Deletes what deploys that were cut off have left. Not when a record cannot be read: who knows
    /// which components it needs.
    async fn sweep(&self, found: &[Found]) -> Result<(), DeployError> {
        let records: Result<Vec<_>, _> = found.iter().map(|found| found.record.as_ref()).collect();
        let Ok(records) = records else { return Ok(()) };
        let revisions = records.iter().flat_map(|record| &record.revisions);
        let needed: HashSet<_> = revisions.map(|revision| revision.digest).collect();
        let store = Arc::clone(&self.store);
        let swept = blocking(move || store.sweep_components(&needed)).await?;
        if let Err(error) = swept {
            error!("components that no revision uses could not be deleted: {error}");
        }
        Ok(())
    }

    async fn bring_back_all(
        self: &Arc<Self>,
        found: Vec<Found>,
    ) -> Result<Vec<Returned>, DeployError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let cores = Arc::new(Semaphore::new(cores));
        let mut services = JoinSet::new();
        for found in found {
            let (control, cores) = (Arc::clone(self), Arc::clone(&cores));
            services.spawn(async move {
                let _core = cores.acquire().await;
                control.bring_back(found).await
            });
        }
        let mut returned = Vec::with_capacity(services.len());
        while let Some(service) = services.join_next().await {
            returned.push(service.map_err(|error| DeployError::Internal(error.to_string()))?);
        }
        Ok(returned)
    }

    async fn bring_back(self: Arc<Self>, found: Found) -> Returned {
        let Found { name, record } = found;
        let record = match record {
            Ok(record) => Arc::new(record),
            Err(reason) => {
                return Returned::failed(name, None, format!("its record is damaged: {reason}"));
            }
        };
        let Some(revision) = record.live_revision().cloned() else {
            return Returned::Absent(name, Absent { record: Some(record), failure: None });
        };
        match self.bring_up(Arc::clone(&record), revision).await {
            Ok(service) => {
                info!(service = %name, revision = service.revision.number(), "back");
                Returned::Live(service)
            }
            Err(error) => Returned::failed(name, Some(record), error.to_string()),
        }
    }

    /// The stable revision, and the canaries beside it.
    async fn bring_up(
        self: &Arc<Self>,
        record: Arc<ServiceRecord>,
        revision: RevisionRecord,
    ) -> Result<LiveService, DeployError> {
        let stable = self.bring_up_one(&record, revision).await?;
        let mut canaries = Vec::new();
        for share in record.rollout.iter().flat_map(|rollout| &rollout.canaries) {
            let Some(revision) = record.revision(share.revision).cloned() else { continue };
            match self.bring_up_one(&record, revision).await {
                Ok(canary) => canaries.push(canary),
                // Its share goes to the stable revision, and the record still has it for the next start.
                Err(error) => {
                    let (service, revision) = (&record.name, share.revision);
                    error!(%service, revision, "a canary does not come back: {error}");
                }
            }
        }
        Ok(stable.rolling(&record, canaries)?)
    }

    async fn bring_up_one(
        self: &Arc<Self>,
        record: &Arc<ServiceRecord>,
        revision: RevisionRecord,
    ) -> Result<LiveService, DeployError> {
        let (control, record) = (Arc::clone(self), Arc::clone(record));
        let (service, candidate) = blocking(move || {
            let built = control.rebuild(&record.name, &revision)?;
            let service = control.link_now(&built, record, revision.number)?;
            Ok::<_, DeployError>((service, built.candidate))
        })
        .await??;
        for warning in service.settings.warnings() {
            warn!(service = %candidate.name(), "{warning}");
        }
        if let Some(care) = &service.care {
            care.check().await;
            if care.trouble().is_some() {
                return Ok(service);
            }
        }
        if let Err(reason) = self.seed(&candidate).await {
            error!(service = %candidate.name(), "the seed data was not loaded: {reason}");
        }
        Ok(service)
    }

    /// Reads and compiles a revision that was deployed before. Blocks.
    pub(crate) fn rebuild(
        &self,
        name: &ServiceName,
        revision: &RevisionRecord,
    ) -> Result<Built, DeployError> {
        let damaged = |reason: String| DeployError::DamagedRevision {
            service: name.clone(),
            number: revision.number,
            reason,
        };
        let bytes =
            self.store.component(revision.digest).map_err(|error| damaged(error.to_string()))?;
        let candidate = inspect(bytes, revision.digest, self.config.implied_routes)?;
        if candidate.name() != name {
            return Err(damaged(format!("the stored component is {}", candidate.name())));
        }
        self.compile(candidate)
    }
}

impl Returned {
    fn failed(name: ServiceName, record: Option<Arc<ServiceRecord>>, reason: String) -> Self {
        error!(service = %name, "failed to come back: {reason}");
        Self::Absent(name, Absent { record, failure: Some(reason) })
    }
}

impl Line {
    fn add(&mut self, returned: Returned) {
        match returned {
            Returned::Live(service) => {
                self.services.insert(service.name().clone(), service);
            }
            Returned::Absent(name, absent) => {
                self.absent.insert(name, absent);
            }
        }
    }
}

impl Live {
    /// The first value of a host. Of two services with the same route, which a change of the host's
    /// own settings can bring about, the later one stays out.
    fn without_conflicts(mut line: Line) -> Self {
        loop {
            let conflict = match Self::build(1, line.clone()) {
                Ok(live) => return live,
                Err(conflict) => conflict,
            };
            let Some(service) = line.services.remove(&conflict.second) else {
                return Self::empty();
            };
            let record = Some(Arc::clone(&service.record));
            line.add(Returned::failed(conflict.second.clone(), record, conflict.to_string()));
        }
    }
}
