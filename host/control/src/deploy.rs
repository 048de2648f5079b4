//! Deploying a component, from its bytes to the swap.
//!
//! Read [`Control::deploy`] from top to bottom: one line per step. Whatever a step refuses, nothing was
//! changed; the steps that change something come last and undo themselves when they fail. The one
//! exception is a migration: those that succeeded stay, so a migration must suit the revision before.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use thali_contract::name::Digest;

use crate::compiling::{Cancel, blocking, detached};
use crate::control::{Control, DeployOptions};
use crate::error::DeployError;
use crate::inspect::{Candidate, inspect_telling};
use crate::live::{Live, LiveService};
use crate::outcome::{Deployed, Outcome};
use crate::progress::{Progress, Step};
use crate::record::{Arrival, ServiceRecord, Source};
use crate::rollout::{ChangeKind, Plan, RolloutError};
use crate::steps::{Built, Place, Switch};

impl Control {
    /// Deploys a component: makes it the live revision of the service that its manifest names, or, with
    /// [`DeployOptions::canary`], one beside it.
    ///
    /// The live component again changes nothing; that of an older revision makes that revision live
    /// again. A caller that goes away while the component is read or compiled ends the deploy; after
    /// that it runs to its end.
    ///
    /// # Errors
    ///
    /// [`DeployError`] says what was refused, or what failed; everything is as it was.
    pub async fn deploy(
        self: &Arc<Self>,
        bytes: Bytes,
        options: DeployOptions,
    ) -> Result<Deployed, DeployError> {
        let begun = Instant::now();
        let deployed = self.try_deploy(bytes, options).await;
        self.tally.deployed(&deployed, begun.elapsed());
        match &deployed {
            Ok(deployed) => deployed.log("deploy"),
            Err(error) => error.log("deploy"),
        }
        deployed
    }

    async fn try_deploy(
        self: &Arc<Self>,
        bytes: Bytes,
        options: DeployOptions,
    ) -> Result<Deployed, DeployError> {
        let progress = self.steps.of(&options);
        let uploading = progress.begin(Step::Upload);
        let (bytes, digest) = uploading.end(self.received(bytes, &options).await)?;
        let _alone = self.uploads.enter(digest).await;
        if let Some(nothing_to_do) = self.known(digest, &options).await? {
            progress.is_of(&nothing_to_do.service);
            progress.skip(Step::Validate, "it is live already");
            return Ok(nothing_to_do);
        }
        let built = self.build(bytes, digest, options.force, &progress).await?;
        self.publish(built, options, progress).await
    }

    /// What has come, and what it is known by.
    async fn received(
        &self,
        bytes: Bytes,
        options: &DeployOptions,
    ) -> Result<(Bytes, Digest), DeployError> {
        self.check_size(&bytes)?;
        if options.force && options.canary.is_some() {
            return Err(RolloutError::Forced.into());
        }
        digest(bytes).await
    }

    fn check_size(&self, bytes: &Bytes) -> Result<(), DeployError> {
        let (bytes, bytes_max) = (bytes.len(), self.config.component_bytes_max);
        if bytes > bytes_max { Err(DeployError::TooLarge { bytes, bytes_max }) } else { Ok(()) }
    }

    /// The answer when there is nothing to do: the component is live, or it is what the watched folder
    /// held before.
    async fn known(
        &self,
        digest: Digest,
        options: &DeployOptions,
    ) -> Result<Option<Deployed>, DeployError> {
        let live = self.live();
        if options.source == Source::Folder
            && let Some(record) = live.taken_from_folder(digest)
        {
            return Ok(Some(Deployed::unchanged(&live, &record.name)));
        }
        match (live.running(digest), options.source) {
            (None, _) => Ok(None),
            (Some(service), Source::Upload) => Ok(Some(Deployed::unchanged(&live, service.name()))),
            (Some(_), Source::Folder) => {
                let _changes = self.right_to_change().await?;
                self.still_live(digest, options).await
            }
        }
    }

    /// The answer when the component is live, for whoever may change what is live.
    async fn still_live(
        &self,
        digest: Digest,
        options: &DeployOptions,
    ) -> Result<Option<Deployed>, DeployError> {
        let live = self.live();
        let Some(service) = live.running(digest) else { return Ok(None) };
        if options.source == Source::Folder && service.record.folder_digest != Some(digest) {
            self.remember(&live, service, digest).await?;
        }
        Ok(Some(Deployed::unchanged(&live, service.name())))
    }

    /// Notes that the live component was seen in the watched folder.
    async fn remember(
        &self,
        live: &Live,
        service: &LiveService,
        digest: Digest,
    ) -> Result<(), DeployError> {
        let record = Arc::new(service.record.seen_in_folder(digest));
        let next = live.with(LiveService { record: Arc::clone(&record), ..service.clone() })?;
        self.persist(Some(Arc::clone(&service.record)), record, None).await?;
        self.swap(next);
        Ok(())
    }

    /// Reads, checks and compiles the component. That takes a core for a while, so it waits its turn.
    async fn build(
        self: &Arc<Self>,
        bytes: Bytes,
        digest: Digest,
        force: bool,
        progress: &Progress,
    ) -> Result<Built, DeployError> {
        let turn = progress.check(Step::Validate, self.turns.take().await)?;
        let (control, progress) = (Arc::clone(self), progress.clone());
        let cancel = Cancel::default();
        let _wanted = cancel.wanted();
        let build = move || {
            let implied_routes = control.config.implied_routes;
            let candidate = inspect_telling(bytes, digest, implied_routes, &progress)?;
            // What is refused here costs no compilation. What counts is the same check at the swap.
            let checking = progress.begin(Step::Contracts);
            checking.end(control.check_all(&candidate, force))?;
            let compiling = progress.begin(Step::Compile);
            compiling.end(control.compile_while(candidate, &cancel))
        };
        turn.work(build).await?
    }

    fn check_all(&self, candidate: &Candidate, force: bool) -> Result<(), DeployError> {
        let live = self.live();
        self.check_rollout(&live, candidate.name())?;
        self.check(&live, candidate, force)?;
        self.check_outbound(candidate)?;
        self.check_minting(candidate)
    }

    /// Makes the component live. From here on nobody's leaving ends the deploy: between a migration
    /// and the swap is no place to stop.
    async fn publish(
        self: &Arc<Self>,
        built: Built,
        options: DeployOptions,
        progress: Progress,
    ) -> Result<Deployed, DeployError> {
        let control = Arc::clone(self);
        detached(async move { control.publish_now(built, options, progress).await }).await
    }

    async fn publish_now(
        self: &Arc<Self>,
        built: Built,
        options: DeployOptions,
        progress: Progress,
    ) -> Result<Deployed, DeployError> {
        let _changes = progress.check(Step::Migrate, self.right_to_change().await)?;
        if let Some(somebody_was_faster) = self.still_live(built.candidate.digest, &options).await?
        {
            return Ok(somebody_was_faster);
        }
        let live = self.live();
        let name = built.candidate.name().clone();
        let check = || {
            self.check_rollout(&live, &name)?;
            self.check(&live, &built.candidate, options.force)
        };
        let check = progress.check(Step::Contracts, check())?;
        let arrival = arrival(&built.candidate, options.source, check.breaks_a_call);
        let unknown = ServiceRecord::new(name.clone());
        let before = live.record(&name).map_or(&unknown, |record| record);
        // A canary is one beside a revision that serves.
        let canary = options.canary.filter(|_| live.service(&name).is_some());
        let Plan { place, after, number } = Plan::of(before, arrival, canary);
        let is_new = before.revision(number).is_none();
        let after = after.noted(place.kind(), number, &options.cause);
        let switch = Switch { place, built, after, number, is_new, smoke: true, progress };
        let migrated = self.switch(&live, switch).await?;
        let live = self.live();
        let deployed = Deployed::new(&live, &name, place.outcome(is_new));
        let mut warnings = [check.warnings, live.setting_warnings(&name)].concat();
        if place == Place::Stable && options.canary.is_some() {
            warnings.push(NO_COMPARISON.into());
        }
        Ok(deployed.with_migrations(migrated).with_warnings(warnings))
    }
}

/// The first revision of a service has nothing beside it, nor has one that replaces a failed one.
const NO_COMPARISON: &str = "nothing was live before, so it takes all requests";

impl Place {
    fn kind(self) -> ChangeKind {
        match self {
            Self::Stable => ChangeKind::Deploy,
            Self::Canary => ChangeKind::Canary,
        }
    }

    fn outcome(self, is_new: bool) -> Outcome {
        match (self, is_new) {
            (Self::Canary, _) => Outcome::Canary,
            (Self::Stable, true) => Outcome::Created,
            (Self::Stable, false) => Outcome::Restored,
        }
    }
}

async fn digest(bytes: Bytes) -> Result<(Bytes, Digest), DeployError> {
    blocking(move || {
        let digest = Digest::of(&bytes);
        (bytes, digest)
    })
    .await
}

fn arrival(candidate: &Candidate, source: Source, forced: bool) -> Arrival {
    Arrival {
        digest: candidate.digest,
        version: candidate.manifest.service.version.clone(),
        bytes: candidate.bytes.len() as u64,
        source,
        forced,
    }
}
