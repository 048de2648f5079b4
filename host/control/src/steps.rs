//! The steps that deploys, rollbacks and restarts are made of.

use std::sync::Arc;
use std::time::Instant;

use thali_contract::name::ServiceName;
use thali_platform::cache::Cache;
use thali_platform::config::Settings;
use thali_platform::events::{Outbox, Subscriptions};
use thali_platform::idempotency::Answers;
use thali_platform::sql::Database;
use thali_runtime::{Code, Extensions, Publisher, Revision, RevisionSpec};
use tracing::warn;

use crate::care::Care;
use crate::compiling::{Cancel, Compilation, CompileWith, blocking};
use crate::contracts::{Breach, Change, Dependent, Party};
use crate::control::Control;
use crate::drain::Tenure;
use crate::error::DeployError;
use crate::health::LastCheck;
use crate::inspect::Candidate;
use crate::live::{Live, LiveService};
use crate::progress::{Progress, Step};
use crate::record::ServiceRecord;
use crate::smoke::check_of;

/// A component that is read and compiled.
pub(crate) struct Built {
    pub(crate) candidate: Candidate,
    pub(crate) code: Code,
}

/// A revision that is about to go live.
pub(crate) struct Switch {
    pub(crate) place: Place,
    pub(crate) built: Built,
    /// What will be known of the service.
    pub(crate) after: ServiceRecord,
    /// The revision's number.
    pub(crate) number: u32,
    /// Whether its data has never seen it: then it is migrated.
    pub(crate) is_new: bool,
    /// Whether it has to show first that it can serve. Not on the way back: what was live before is
    /// better than what is, whatever it says.
    pub(crate) smoke: bool,
    /// Who is told how far it is.
    pub(crate) progress: Progress,
}

/// Where a revision goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the place of whatever is live.
    Stable,
    /// Beside the stable revision.
    Canary,
}

/// What the checks have to say of a change that may happen.
pub(crate) struct Check {
    pub(crate) warnings: Vec<String>,
    /// Some calls will break, and it was asked for.
    pub(crate) breaks_a_call: bool,
}

impl Control {
    /// Checks a candidate against what is live: the contracts in both directions, then the routes.
    pub(crate) fn check(
        &self,
        live: &Live,
        candidate: &Candidate,
        force: bool,
    ) -> Result<Check, DeployError> {
        let policies = &self.words.load().policies;
        policies.check(&candidate.manifest).map_err(DeployError::InvalidManifest)?;
        let name = candidate.name();
        let views = live.views(name);
        let before = live.service(name).map(LiveService::party);
        let after = candidate.party();
        let changes: Vec<_> = views.iter().map(|others| Change { before, after, others }).collect();
        let rivalries = distinct(changes.iter().flat_map(Change::rivalries));
        if !rivalries.is_empty() {
            return Err(DeployError::rivalry(&rivalries));
        }
        let breaches = distinct(changes.iter().flat_map(Change::breaches));
        if !breaches.is_empty() && !force {
            return Err(DeployError::mismatch(&breaches));
        }
        live.check_routes(name, &candidate.routes)?;
        let breaks_a_call = !breaches.is_empty();
        let breaches = breaches.iter().map(Breach::warning);
        let losses = distinct(changes.iter().flat_map(Change::optional_losses));
        let losses = losses.iter().map(Dependent::warning);
        let curtailed = candidate.curtailed(self.runtime.limits());
        let idle = policies.idle(&candidate.manifest, &candidate.contract);
        let warnings = breaches.chain(losses).chain(curtailed).chain(idle).collect();
        Ok(Check { warnings, breaks_a_call })
    }

    /// Compiles a candidate, or finds what was compiled of it before. Blocks.
    pub(crate) fn compile(&self, candidate: Candidate) -> Result<Built, DeployError> {
        self.compile_while(candidate, &Cancel::default())
    }

    /// Compiles a candidate for as long as somebody wants it. Blocks.
    pub(crate) fn compile_while(
        &self,
        candidate: Candidate,
        cancel: &Cancel,
    ) -> Result<Built, DeployError> {
        self.runtime.check_imports(&candidate.contract)?;
        candidate.check_shape(self.runtime.limits())?;
        let begun = Instant::now();
        let code = self.code(&candidate, cancel);
        self.tally.compiled(code.as_ref().map(Code::cached), begun.elapsed());
        Ok(Built { code: code?, candidate })
    }

    fn code(&self, candidate: &Candidate, cancel: &Cancel) -> Result<Code, DeployError> {
        let (bytes, digest) = (&candidate.bytes, &candidate.digest);
        match &self.config.compile.with {
            CompileWith::InProcess => Ok(self.runtime.compile(bytes, digest)?),
            CompileWith::Child { program, limits } => match self.runtime.compiled(digest) {
                Some(code) => Ok(code),
                None => {
                    let compilation = Compilation {
                        program,
                        limits,
                        folder: &self.data.paths().cache,
                        fingerprint: &self.runtime.fingerprint(),
                        stack_bytes: self.runtime.limits().stack_bytes,
                    };
                    Ok(self.runtime.accept(digest, &compilation.run(bytes, cancel)?)?)
                }
            },
        }
    }

    /// Puts a revision in the place of the live one, or beside it: link, wire, migrate, smoke, persist,
    /// swap. Only the
    /// holder of the right to change what is live may do this.
    pub(crate) async fn switch(
        self: &Arc<Self>,
        live: &Live,
        switch: Switch,
    ) -> Result<Vec<String>, DeployError> {
        let Switch { place, built, after, number, is_new, smoke, progress } = switch;
        let after = Arc::new(after);
        let candidate = built.candidate.clone();
        let service = progress.check(Step::Compile, self.link(built, &after, number).await)?;
        let service = match (place, live.service(candidate.name())) {
            (Place::Canary, Some(stable)) => stable.clone().rolling(&after, [service])?,
            _ => service,
        };
        let next = live.with(service)?;
        if place == Place::Canary {
            next.check_canaries(candidate.name())?;
        }
        let migrated = match is_new {
            true => self.migrate_telling(&candidate, &progress).await?,
            false => {
                progress.skip(Step::Migrate, "its data has seen it before");
                Vec::new()
            }
        };
        if smoke && let Some(node) = next.node(candidate.name(), number) {
            let trying = progress.begin(Step::Smoke);
            trying.end(self.smoke(&next, node).await)?;
        }
        self.settle_telling(live, next, &after, Some(candidate), &progress).await?;
        Ok(migrated)
    }

    /// Makes a change durable and lets the requests to it, then lets go of what is not live any more.
    /// Only the holder of the right to change what is live may do this.
    pub(crate) async fn settle(
        &self,
        live: &Live,
        next: Live,
        after: &Arc<ServiceRecord>,
        candidate: Option<Candidate>,
    ) -> Result<(), DeployError> {
        self.settle_telling(live, next, after, candidate, &Progress::default()).await
    }

    /// The same, and tells how far it is.
    async fn settle_telling(
        &self,
        live: &Live,
        next: Live,
        after: &Arc<ServiceRecord>,
        candidate: Option<Candidate>,
        progress: &Progress,
    ) -> Result<(), DeployError> {
        let name = &after.name;
        let storing = progress.begin(Step::Persist);
        let before = live.record(name).cloned();
        let store = async {
            self.events.begin(&next.topology, name).await?;
            self.persist(before.clone(), Arc::clone(after), candidate).await
        };
        storing.end(store.await)?;
        let swapping = progress.begin(Step::Swap);
        self.swap(next);
        swapping.done(None);
        if !self.retire(live, name, progress) {
            progress.skip(Step::Drain, "nothing was replaced");
        }
        self.forget(before, Arc::clone(after)).await;
        Ok(())
    }

    /// Migrates, and tells what came of it.
    async fn migrate_telling(
        &self,
        candidate: &Candidate,
        progress: &Progress,
    ) -> Result<Vec<String>, DeployError> {
        if !candidate.wants_database() {
            progress.skip(Step::Migrate, "it has no database");
            return Ok(Vec::new());
        }
        let migrating = progress.begin(Step::Migrate);
        match self.migrate(candidate).await {
            Ok(applied) => {
                let said = Some(applied.join(", ")).filter(|applied| !applied.is_empty());
                migrating.done(Some(said.unwrap_or_else(|| "nothing was to be done".into())));
                Ok(applied)
            }
            error => migrating.end(error),
        }
    }

    /// Links compiled code, off the async threads: an interpreter has thousands of imports and types.
    pub(crate) async fn link(
        self: &Arc<Self>,
        built: Built,
        record: &Arc<ServiceRecord>,
        number: u32,
    ) -> Result<LiveService, DeployError> {
        let (control, record) = (Arc::clone(self), Arc::clone(record));
        blocking(move || control.link_now(&built, record, number)).await?
    }

    /// Links compiled code. Blocks, shortly.
    pub(crate) fn link_now(
        &self,
        built: &Built,
        record: Arc<ServiceRecord>,
        number: u32,
    ) -> Result<LiveService, DeployError> {
        let candidate = &built.candidate;
        let words = self.words.load();
        let settings = Arc::new(words.overrides.settings(&candidate.manifest));
        let spec = RevisionSpec {
            service: candidate.name().clone(),
            number,
            digest: candidate.digest,
            version: candidate.manifest.service.version.clone(),
            contract: Arc::clone(&candidate.contract),
            limits: candidate.limits(),
            optional: candidate.optional.to_vec(),
            calls: words.policies.of(&candidate.manifest, &candidate.contract),
            idempotent: candidate.idempotent.to_vec(),
            extensions: self.extensions(candidate, number, &settings),
        };
        Ok(LiveService {
            record,
            revision: self.runtime.prepare(&built.code, spec)?,
            manifest: Arc::clone(&candidate.manifest),
            routes: Arc::clone(&candidate.routes),
            optional: Arc::clone(&candidate.optional),
            settings,
            care: self.care(candidate),
            waiting_for: None,
            canaries: Arc::default(),
        })
    }

    /// What the capabilities find by type.
    fn extensions(
        &self,
        candidate: &Candidate,
        number: u32,
        settings: &Arc<Settings>,
    ) -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(Arc::clone(settings));
        extensions.insert(Arc::clone(&self.backends.identity));
        extensions.insert(Arc::clone(&self.backends.mailer));
        extensions.insert(Arc::clone(&self.backends.texter));
        if check_of(&candidate.contract).is_some() {
            extensions.insert(Arc::new(LastCheck::default()));
        }
        if !candidate.schedules.is_empty() {
            extensions.insert(Arc::clone(&candidate.schedules));
        }
        if candidate.imports_platform("cache") {
            extensions.insert(Arc::new(Cache::new(candidate.cache_bytes())));
        }
        if let Some(client) = self.outbound(candidate, settings) {
            extensions.insert(client);
        }
        extensions.insert(Arc::new(Tenure::new(candidate.name().clone(), number)));
        let subscriptions = Subscriptions::of(&candidate.manifest, &candidate.contract);
        if !subscriptions.is_empty() {
            extensions.insert(Arc::new(subscriptions));
        }
        if let Some(database) = self.database(candidate) {
            if candidate.keeps_answers() {
                let ttl = candidate.manifest.idempotency.ttl;
                let running = Arc::clone(&self.running);
                extensions.insert(Arc::new(Answers::new(Arc::clone(&database), ttl, running)));
            }
            if candidate.publishes() {
                let database = Arc::clone(&database);
                let outbox = Arc::new(Outbox::new(database, candidate.event_limits()));
                extensions.insert(Arc::new(Publisher(outbox.clone())));
                extensions.insert(outbox);
            }
            extensions.insert(database);
        }
        extensions
    }

    fn care(&self, candidate: &Candidate) -> Option<Arc<Care>> {
        let database = self.database(candidate)?;
        Some(Care::new(candidate.name().clone(), database, Arc::clone(&candidate.migrations)))
    }

    fn database(&self, candidate: &Candidate) -> Option<Arc<Database>> {
        candidate.wants_database().then(|| self.backends.databases.database(candidate.name()))
    }

    /// Brings the service's database up to date; answers the names of the migrations that ran.
    async fn migrate(&self, candidate: &Candidate) -> Result<Vec<String>, DeployError> {
        let Some(database) = self.database(candidate) else { return Ok(Vec::new()) };
        let is_first = !database.exists();
        let migrated = database.migrate(&candidate.migrations).await;
        if let Err(error) = &migrated
            && is_first
            && let Err(left) = database.discard_if_empty().await
        {
            let service = candidate.name();
            warn!(%service, "after {error}, its empty database could not be deleted: {left}");
        }
        let report = migrated?;
        if !report.ahead.is_empty() {
            let (service, ahead) = (candidate.name(), report.ahead.join(", "));
            warn!(%service, "the database has migrations that this component does not: {ahead}");
        }
        self.seed(candidate).await?;
        Ok(report.applied)
    }

    /// Loads the seed data, if that is wanted and was not done before.
    pub(crate) async fn seed(&self, candidate: &Candidate) -> Result<(), DeployError> {
        let Some(seed) = candidate.seed.as_deref().filter(|_| self.config.seed) else {
            return Ok(());
        };
        if let Some(database) = self.database(candidate) {
            database.seed(seed).await?;
        }
        Ok(())
    }

    /// Makes the change durable.
    pub(crate) async fn persist(
        &self,
        before: Option<Arc<ServiceRecord>>,
        after: Arc<ServiceRecord>,
        candidate: Option<Candidate>,
    ) -> Result<(), DeployError> {
        let store = Arc::clone(&self.store);
        let commit = move || {
            let component =
                candidate.as_ref().map(|candidate| (candidate.digest, &*candidate.bytes));
            store.commit(before.as_deref(), &after, component)
        };
        blocking(commit).await?.map_err(DeployError::storage("storing the change"))
    }

    /// Lets the revisions that were live and are not any more finish what they have begun. Answers whether there are any.
    pub(crate) fn retire(&self, before: &Live, name: &ServiceName, progress: &Progress) -> bool {
        let now = self.live();
        let is_live = |revision: &Arc<Revision>| {
            let live = now.service(name).into_iter().flat_map(LiveService::revisions);
            live.into_iter().any(|live| Arc::ptr_eq(&live.revision, revision))
        };
        let were = before.service(name).into_iter().flat_map(LiveService::revisions);
        let mut replaced = false;
        for service in were.filter(|service| !is_live(&service.revision)) {
            self.drains.replaced(&service.revision, progress.begin(Step::Drain));
            replaced = true;
        }
        replaced
    }

    /// Deletes components that no revision uses any more. What fails here is swept at the next start.
    pub(crate) async fn forget(
        &self,
        before: Option<Arc<ServiceRecord>>,
        after: Arc<ServiceRecord>,
    ) {
        let Some(before) = before else { return };
        let (store, runtime) = (Arc::clone(&self.store), Arc::clone(&self.runtime));
        let forget = move || {
            for digest in ServiceRecord::dropped(&before, &after) {
                runtime.forget(&digest);
            }
            store.forget(&before, &after)
        };
        let forgotten = blocking(forget).await;
        if let Ok(Err(error)) = forgotten {
            warn!("old components could not be deleted: {error}");
        }
    }
}

impl Candidate {
    fn party(&self) -> Party<'_> {
        Party { name: self.name(), contract: &self.contract, optional: &self.optional }
    }
}

/// Each of them once.
pub(crate) fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for one in all {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}
