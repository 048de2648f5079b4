//! Beginning a rollout: a deploy for a part of the requests.

use jiff::Timestamp;
use thali_contract::name::ServiceName;

use super::error::RolloutError;
use super::record::Percent;
use crate::control::Control;
use crate::error::DeployError;
use crate::live::Live;
use crate::record::{Arrival, ServiceRecord};
use crate::steps::Place;

/// What a deploy makes of the record.
pub(crate) struct Plan {
    pub(crate) place: Place,
    pub(crate) after: ServiceRecord,
    /// The number of the revision that is deployed.
    pub(crate) number: u32,
}

impl Control {
    /// Refuses every deploy of a service whose rollout runs: it would take the stable revision or the
    /// canaries away without anybody having said so. A rollout whose stable revision did not come back
    /// after a restart does not run, and a deploy is the way out.
    pub(crate) fn check_rollout(&self, live: &Live, name: &ServiceName) -> Result<(), DeployError> {
        let service = live.service(name).filter(|service| service.record.rollout.is_some());
        match service {
            None => Ok(()),
            Some(service) => Err(RolloutError::running(&service.record).into()),
        }
    }
}

impl Plan {
    /// What `arrival` becomes: the stable revision, or a canary with this share.
    pub(crate) fn of(before: &ServiceRecord, arrival: Arrival, canary: Option<Percent>) -> Self {
        let now = Timestamp::now();
        match canary {
            Some(percent) => {
                let (after, number) = before.with_canary(arrival, percent, now);
                Self { place: Place::Canary, after, number }
            }
            None => {
                let (after, number) = before.deployed(arrival, now);
                Self { place: Place::Stable, after, number }
            }
        }
    }
}

impl RolloutError {
    /// The rollout of this record is in the way.
    pub(crate) fn running(record: &ServiceRecord) -> Self {
        Self::Running { service: record.name.clone(), canaries: canaries(record) }
    }

    /// There are several canaries, and none was named.
    pub(crate) fn ambiguous(record: &ServiceRecord) -> Self {
        Self::Ambiguous { service: record.name.clone(), canaries: canaries(record) }
    }
}

/// `revision 8 gets 10 %`
fn canaries(record: &ServiceRecord) -> String {
    let canaries = record.rollout.iter().flat_map(|rollout| &rollout.canaries);
    let canaries =
        canaries.map(|share| format!("revision {} gets {} %", share.revision, share.percent.get()));
    canaries.collect::<Vec<_>>().join(", ")
}
