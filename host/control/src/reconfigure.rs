//! New words of operators for services that are live: settings, secrets, and how they call each other.

use std::sync::Arc;

use thali_contract::name::ServiceName;
use thali_platform::config::Overrides;

use crate::compiling::{blocking, detached};
use crate::control::Control;
use crate::error::DeployError;
use crate::live::{Live, LiveService};
use crate::policies::Policies;
use crate::progress::Progress;

/// What operators say of services. It is taken when a revision is linked.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// Settings and secrets.
    pub overrides: Arc<Overrides>,
    /// How services call each other.
    pub policies: Policies,
}

/// What came of new words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconfigured {
    /// The services that live with them now.
    pub services: Vec<ServiceName>,
    /// What operators should look at.
    pub warnings: Vec<String>,
}

impl Control {
    /// Lets services live with new words. A service that they change is linked again, at the same revision, and takes
    /// the place of itself as a deploy would: requests that run keep the words that they began with. A service that is
    /// not live gets them when it is.
    ///
    /// # Errors
    ///
    /// When a service could not live with them: then nothing has changed.
    pub async fn reconfigure(self: &Arc<Self>, words: Words) -> Result<Reconfigured, DeployError> {
        let control = Arc::clone(self);
        detached(async move {
            let _changes = control.right_to_change().await?;
            let before = control.words.swap(Arc::new(words));
            let changed = control.relink(&before).await;
            if changed.is_err() {
                control.words.store(before);
            }
            changed
        })
        .await
    }

    /// Links every service again that the words change. Only the holder of the right to change what is live may do
    /// this.
    async fn relink(self: &Arc<Self>, before: &Arc<Words>) -> Result<Reconfigured, DeployError> {
        let live = self.live();
        let (control, words, at) = (Arc::clone(self), Arc::clone(before), Arc::clone(&live));
        let renewed = blocking(move || control.renew_all(&at, &words)).await??;
        if renewed.is_empty() {
            return Ok(Reconfigured::default());
        }
        let next = live.following(renewed.iter().cloned())?;
        let mut done = Reconfigured::default();
        for service in &renewed {
            let name = service.name();
            for one in service.revisions() {
                let node = next.node(name, one.revision.number());
                if let Some(node) = node.filter(|_| one.waiting_for.is_none()) {
                    self.smoke(&next, node).await?;
                }
            }
            done.warnings.extend(service.settings.warnings().iter().cloned());
            done.services.push(name.clone());
        }
        self.swap(next);
        for name in &done.services {
            self.retire(&live, name, &Progress::default());
        }
        Ok(done)
    }

    /// The services that the words change, linked again. Blocks.
    fn renew_all(&self, live: &Live, before: &Words) -> Result<Vec<LiveService>, DeployError> {
        let changed = live
            .services
            .iter()
            .filter(|service| service.revisions().any(|one| self.means_another(one, before)));
        changed.map(|service| self.renew(service)).collect()
    }

    /// Whether a revision would be another one with the words of now.
    fn means_another(&self, one: &LiveService, before: &Words) -> bool {
        let (now, contract) = (self.words.load(), one.revision.contract());
        let policies = |words: &Words| {
            let policies = words.policies.of(&one.manifest, contract);
            let imports = contract.service_imports().map(|(_, import)| &import.name);
            imports.map(|import| policies.of(import).clone()).collect::<Vec<_>>()
        };
        *one.settings != now.overrides.settings(&one.manifest) || policies(&now) != policies(before)
    }

    /// A service, linked again at its live revisions.
    fn renew(&self, service: &LiveService) -> Result<LiveService, DeployError> {
        let stable = self.renew_one(service)?;
        let canaries = service.canaries.iter().map(|canary| self.renew_one(&canary.service));
        let canaries = canaries.collect::<Result<Vec<_>, _>>()?;
        Ok(stable.rolling(&service.record, canaries)?)
    }

    fn renew_one(&self, one: &LiveService) -> Result<LiveService, DeployError> {
        let (record, number) = (&one.record, one.revision.number());
        let revision = record.revision(number).ok_or_else(|| {
            DeployError::Internal(format!("{} has no revision {number}", record.name))
        })?;
        let built = self.rebuild(&record.name, revision)?;
        let policies = &self.words.load().policies;
        policies.check(&built.candidate.manifest).map_err(DeployError::InvalidManifest)?;
        self.check_outbound(&built.candidate)?;
        self.link_now(&built, Arc::clone(record), number)
    }
}
