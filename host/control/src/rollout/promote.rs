//! Ending a rollout: with the canary as the stable revision, or with everything as it was.

use std::sync::Arc;

use jiff::Timestamp;
use thali_contract::name::ServiceName;

use super::error::RolloutError;
use super::journal::{Cause, ChangeKind};
use crate::compiling::detached;
use crate::control::Control;
use crate::error::DeployError;
use crate::live::{Live, LiveService};
use crate::outcome::{Deployed, Outcome};
use crate::record::ServiceRecord;

impl Control {
    /// Makes a canary the stable revision, with all the requests. The others are let go. Without a
    /// number it is the one canary there is.
    ///
    /// The contracts were checked when it became a canary, and by every change since.
    ///
    /// # Errors
    ///
    /// When there is no rollout, or no such canary, or its routes are taken.
    pub async fn promote(
        self: &Arc<Self>,
        name: &ServiceName,
        number: Option<u32>,
        cause: Cause,
    ) -> Result<Deployed, DeployError> {
        let (control, name) = (Arc::clone(self), name.clone());
        let promoted =
            detached(async move { control.try_promote(&name, number, &cause).await }).await;
        match &promoted {
            Ok(deployed) => deployed.log("promotion"),
            Err(error) => error.log("promotion"),
        }
        promoted
    }

    async fn try_promote(
        &self,
        name: &ServiceName,
        number: Option<u32>,
        cause: &Cause,
    ) -> Result<Deployed, DeployError> {
        let _changes = self.right_to_change().await?;
        let live = self.live();
        let service = live.service(name).ok_or_else(|| DeployError::Unknown(name.clone()))?;
        let canary = canary(service, number)?;
        let number = canary.revision.number();
        let after = service.record.promoted(number, Timestamp::now());
        let after = Arc::new(after.noted(ChangeKind::Promote, number, cause));
        let next = live.with(canary.clone().rolling(&after, [])?)?;
        self.settle(&live, next, &after, None).await?;
        Ok(Deployed::new(&self.live(), name, Outcome::Promoted))
    }

    /// Lets go of all canaries. Only the holder of the right to change what is live may do this.
    pub(crate) async fn call_off(
        &self,
        live: &Live,
        service: &LiveService,
        cause: &Cause,
    ) -> Result<Deployed, DeployError> {
        let stable = service.revision.number();
        let after = service.record.with_shares(Vec::new(), Timestamp::now());
        let after = after.noted(ChangeKind::Rollback, stable, cause);
        self.leave(live, service, after, []).await?;
        Ok(Deployed::new(&self.live(), service.name(), Outcome::RolledBack))
    }

    /// Goes on with these canaries and no others.
    pub(crate) async fn leave(
        &self,
        live: &Live,
        service: &LiveService,
        after: ServiceRecord,
        canaries: impl IntoIterator<Item = LiveService>,
    ) -> Result<(), DeployError> {
        let after = Arc::new(after);
        let next = live.with(service.clone().rolling(&after, canaries)?)?;
        self.settle(live, next, &after, None).await
    }
}

/// The canary that is meant.
fn canary(service: &LiveService, number: Option<u32>) -> Result<&LiveService, RolloutError> {
    let mut canaries = service.canaries.iter().map(|canary| &canary.service);
    match (number, &*service.canaries) {
        (_, []) => Err(RolloutError::None(service.name().clone())),
        (None, [only]) => Ok(&only.service),
        (None, _) => Err(RolloutError::ambiguous(&service.record)),
        (Some(number), _) => {
            canaries.find(|canary| canary.revision.number() == number).ok_or_else(|| {
                RolloutError::UnknownRevision {
                    service: service.name().clone(),
                    what: "canary",
                    revision: number,
                }
            })
        }
    }
}
