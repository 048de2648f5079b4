//! Changing the shares of the live revisions.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use thali_contract::name::ServiceName;
use thali_runtime::SHARES_TOTAL;

use super::error::RolloutError;
use super::journal::{Cause, ChangeKind};
use super::record::{Percent, Share, StickyBy};
use crate::compiling::{blocking, detached};
use crate::control::Control;
use crate::error::DeployError;
use crate::live::{Live, LiveService};
use crate::outcome::{Deployed, Outcome};
use crate::record::ServiceRecord;

/// What is to change in the traffic of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Percents by revision, the stable one among them; they add up to 100. `None` leaves them.
    pub shares: Option<BTreeMap<u32, u8>>,
    /// What clients keep their revision by; `Some(None)` draws every request anew. `None` leaves it.
    pub sticky: Option<Option<StickyBy>>,
}

impl Control {
    /// Shares the requests of a service out among its revisions. One that is not live becomes a canary;
    /// a canary that is not among them is let go. That the stable revision gets everything ends the
    /// rollout.
    ///
    /// # Errors
    ///
    /// When the shares cannot be, or a revision could not serve beside the others.
    pub async fn traffic(
        self: &Arc<Self>,
        name: &ServiceName,
        traffic: Traffic,
        cause: Cause,
    ) -> Result<Deployed, DeployError> {
        let (control, name) = (Arc::clone(self), name.clone());
        let changed =
            detached(async move { control.try_traffic(&name, traffic, &cause).await }).await;
        match &changed {
            Ok(deployed) => deployed.log("traffic"),
            Err(error) => error.log("traffic"),
        }
        changed
    }

    async fn try_traffic(
        self: &Arc<Self>,
        name: &ServiceName,
        traffic: Traffic,
        cause: &Cause,
    ) -> Result<Deployed, DeployError> {
        let _changes = self.right_to_change().await?;
        let live = self.live();
        let service = live.service(name).ok_or_else(|| DeployError::Unknown(name.clone()))?;
        let record = &service.record;
        let canaries = match &traffic.shares {
            Some(shares) => canaries(record, shares)?,
            None => record.rollout.as_ref().map_or_else(Vec::new, |all| all.canaries.clone()),
        };
        let mut after = record.with_shares(canaries, Timestamp::now());
        if let Some(sticky) = traffic.sticky {
            after.sticky = sticky;
        }
        let stable = record.live.unwrap_or_default();
        let after = Arc::new(after.noted(ChangeKind::Traffic, stable, cause));
        let warnings = self.share_out(&live, service, &after).await?;
        Ok(Deployed::new(&self.live(), name, Outcome::Traffic).with_warnings(warnings))
    }

    /// Puts the canaries of a record in place, those that are not live yet among them. Answers what
    /// should be looked at.
    async fn share_out(
        self: &Arc<Self>,
        live: &Live,
        service: &LiveService,
        after: &Arc<ServiceRecord>,
    ) -> Result<Vec<String>, DeployError> {
        let (mut canaries, mut brought, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        for share in after.rollout.iter().flat_map(|rollout| &rollout.canaries) {
            let mut here = service.canaries.iter().map(|canary| &canary.service);
            match here.find(|canary| canary.revision.number() == share.revision) {
                Some(canary) => canaries.push(canary.clone()),
                None => {
                    let (canary, look_at) = self.bring_beside(live, after, share.revision).await?;
                    canaries.push(canary);
                    brought.push(share.revision);
                    warnings.extend(look_at);
                }
            }
        }
        let next = live.with(service.clone().rolling(after, canaries)?)?;
        next.check_canaries(&after.name)?;
        for node in brought.into_iter().filter_map(|number| next.node(&after.name, number)) {
            self.smoke(&next, node).await?;
        }
        self.settle(live, next, after, None).await?;
        Ok(warnings)
    }

    /// An earlier revision, ready to be a canary.
    async fn bring_beside(
        self: &Arc<Self>,
        live: &Live,
        after: &Arc<ServiceRecord>,
        number: u32,
    ) -> Result<(LiveService, Vec<String>), DeployError> {
        let revision = after.revision(number).cloned().ok_or_else(|| unknown(after, number))?;
        let (control, service) = (Arc::clone(self), after.name.clone());
        let built = blocking(move || control.rebuild(&service, &revision)).await??;
        let check = self.check(live, &built.candidate, false)?;
        Ok((self.link(built, after, number).await?, check.warnings))
    }
}

impl Live {
    /// A canary that waits for a provider would answer nothing but 503.
    pub(crate) fn check_canaries(&self, name: &ServiceName) -> Result<(), RolloutError> {
        let canaries = self.service(name).map_or(&[][..], |service| &service.canaries);
        let waits = canaries.iter().find_map(|canary| {
            let revision = canary.service.revision.number();
            canary.service.waiting_for.clone().map(|interface| (revision, interface))
        });
        match waits {
            None => Ok(()),
            Some((revision, interface)) => {
                let interface = Box::new(interface);
                Err(RolloutError::Waits { service: name.clone(), revision, interface })
            }
        }
    }
}

/// The canaries that the operator asks for.
fn canaries(
    record: &ServiceRecord,
    shares: &BTreeMap<u32, u8>,
) -> Result<Vec<Share>, RolloutError> {
    let impossible = |why: String| Err(RolloutError::Shares(why));
    if let Some(number) = shares.keys().find(|number| record.revision(**number).is_none()) {
        return Err(unknown(record, *number));
    }
    let total: u32 = shares.values().map(|percent| u32::from(*percent)).sum();
    if total != u32::from(SHARES_TOTAL) {
        return impossible(format!("the shares add up to {total} %, not to {SHARES_TOTAL}"));
    }
    let stable = record.live.unwrap_or_default();
    if shares.get(&stable).is_none_or(|percent| *percent == 0) {
        return impossible(format!(
            "the stable revision {stable} must keep a share; `thali promote` makes another one stable"
        ));
    }
    let canaries = shares.iter().filter(|(number, _)| **number != stable);
    let share = |(revision, percent): (&u32, &u8)| {
        let percent = Percent::try_from(*percent).map_err(RolloutError::Shares)?;
        Ok(Share { revision: *revision, percent })
    };
    let canaries = canaries.map(share).collect::<Result<Vec<_>, RolloutError>>()?;
    if canaries.len() > super::CANARIES_MAX {
        let most = super::CANARIES_MAX;
        return impossible(format!("at most {most} revisions are live beside the stable one"));
    }
    Ok(canaries)
}

fn unknown(record: &ServiceRecord, revision: u32) -> RolloutError {
    RolloutError::UnknownRevision { service: record.name.clone(), what: "revision", revision }
}
