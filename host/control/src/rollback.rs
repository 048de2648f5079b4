//! Going back: from a rollout to the stable revision, else to the revision that was live before.

use std::sync::Arc;

use jiff::Timestamp;
use thali_contract::name::ServiceName;

use crate::compiling::{blocking, detached};
use crate::control::Control;
use crate::error::DeployError;
use crate::outcome::{Deployed, Outcome};
use crate::progress::Progress;
use crate::rollout::{Cause, ChangeKind};
use crate::steps::{Place, Switch};
use crate::tally::RolledBackBy;

/// Migrations only ever go forward.
const DATA_STAYS: &str =
    "the database stays as it is: migrations of the revision that was left are not undone";

impl Control {
    /// Makes the revision live again that was live before the live one. The contracts are checked as
    /// in a deploy; migrations are never undone. While a rollout runs, it is called off instead: the
    /// stable revision gets everything.
    ///
    /// # Errors
    ///
    /// When there is nothing to go back to, it would break calls, or its stored component is damaged.
    pub async fn rollback(
        self: &Arc<Self>,
        name: &ServiceName,
        cause: Cause,
    ) -> Result<Deployed, DeployError> {
        let (control, name) = (Arc::clone(self), name.clone());
        let rolled_back = detached(async move { control.try_rollback(&name, &cause).await }).await;
        match &rolled_back {
            Ok(deployed) => {
                self.tally.rolled_back(RolledBackBy::Operator);
                deployed.log("rollback");
            }
            Err(error) => error.log("rollback"),
        }
        rolled_back
    }

    async fn try_rollback(
        self: &Arc<Self>,
        name: &ServiceName,
        cause: &Cause,
    ) -> Result<Deployed, DeployError> {
        let _changes = self.right_to_change().await?;
        let live = self.live();
        if let Some(service) = live.service(name).filter(|service| service.record.rollout.is_some())
        {
            return self.call_off(&live, service, cause).await;
        }
        let record = live.record(name).filter(|record| record.live.is_some());
        let record = record.ok_or_else(|| DeployError::Unknown(name.clone()))?;
        let nothing_before = || DeployError::NothingBefore(name.clone());
        let after = record.rolled_back(Timestamp::now()).ok_or_else(nothing_before)?;
        let target = after.live_revision().cloned().ok_or_else(nothing_before)?;
        let number = target.number;
        let after = after.noted(ChangeKind::Rollback, number, cause);
        let (control, service) = (Arc::clone(self), name.clone());
        let built = blocking(move || control.rebuild(&service, &target)).await??;
        let check = self.check(&live, &built.candidate, false)?;
        let (place, is_new, smoke) = (Place::Stable, false, false);
        let progress = Progress::default();
        self.switch(&live, Switch { place, built, after, number, is_new, smoke, progress }).await?;
        let mut warnings = check.warnings;
        warnings.push(DATA_STAYS.into());
        let live = self.live();
        warnings.extend(live.setting_warnings(name));
        Ok(Deployed::new(&live, name, Outcome::RolledBack).with_warnings(warnings))
    }
}
