//! Taking a service away.

use std::sync::Arc;

use thali_contract::name::ServiceName;
use tracing::{info, warn};

use crate::compiling::{blocking, detached};
use crate::contracts::{self, Dependent};
use crate::control::Control;
use crate::error::DeployError;
use crate::live::{Absent, Live, LiveService};
use crate::outcome::Removed;
use crate::progress::Progress;
use crate::rollout::{Cause, ChangeKind};
use crate::steps::distinct;

impl Control {
    /// Takes a service away, with its revisions. Its database stays: a service of the same name that
    /// comes later finds it, and its revision numbers go on.
    ///
    /// # Errors
    ///
    /// When there is no such service, or a live service cannot do without it and `force` is not set.
    pub async fn remove(
        self: &Arc<Self>,
        name: &ServiceName,
        force: bool,
        cause: Cause,
    ) -> Result<Removed, DeployError> {
        let (control, service) = (Arc::clone(self), name.clone());
        let removed =
            detached(async move { control.try_remove(&service, force, &cause).await }).await;
        match &removed {
            Ok(removed) => removed.log(),
            Err(error) => error.log("removal"),
        }
        removed
    }

    async fn try_remove(
        &self,
        name: &ServiceName,
        force: bool,
        cause: &Cause,
    ) -> Result<Removed, DeployError> {
        let _changes = self.right_to_change().await?;
        let live = self.live();
        if !live.is_known(name) {
            return Err(DeployError::Unknown(name.clone()));
        }
        let dependents = dependents(&live, name);
        let needed: Vec<_> = dependents.iter().filter(|who| !who.optional).cloned().collect();
        if !needed.is_empty() && !force {
            return Err(DeployError::has_dependents(name, &needed));
        }
        let before = live.record(name).cloned();
        let after = before.as_ref().map(|before| {
            let revision = before.live.unwrap_or_default();
            Arc::new(before.removed().noted(ChangeKind::Remove, revision, cause))
        });
        let next = live.without(name, Absent { record: after.clone(), failure: None })?;
        match &after {
            Some(after) => self.persist(before.clone(), Arc::clone(after), None).await?,
            None => self.delete_record(name).await?,
        }
        self.swap(next);
        self.retire(&live, name, &Progress::default());
        if let Some(after) = after {
            self.forget(before.clone(), after).await;
        }
        Ok(Removed {
            service: name.clone(),
            revision: before.and_then(|before| before.live),
            database_kept: true,
            warnings: dependents.iter().map(Dependent::warning).collect(),
        })
    }

    /// What cannot be read cannot be updated either.
    async fn delete_record(&self, name: &ServiceName) -> Result<(), DeployError> {
        let (store, name) = (Arc::clone(&self.store), name.clone());
        blocking(move || store.delete_record(&name))
            .await?
            .map_err(DeployError::storage("deleting the record"))
    }
}

/// Of a service with several live revisions, each may be the one that needs it.
fn dependents(live: &Live, name: &ServiceName) -> Vec<Dependent> {
    match live.service(name).map(LiveService::party) {
        Some(service) => distinct(contracts::dependents(service, &live.others(name))),
        None => Vec::new(),
    }
}

impl Removed {
    fn log(&self) {
        let service = &self.service;
        info!(%service, revision = self.revision, "removed; its database is kept");
        for warning in &self.warnings {
            warn!(%service, "removed: {warning}");
        }
    }
}
