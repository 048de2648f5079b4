//! Reading the configuration again while the host serves: SIGHUP, `thali config reload` and the admin API.
//!
//! All of it or nothing. Whatever can fail comes first; what is then put in place cannot.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use thali_control::{Control, Words};
use thali_gateway::{Auth, Configuration, Doors, NotReloaded, PreparedKeys};
use thali_platform::config::{Environment, Overrides};
use thali_platform::identity::{Identity, MintGrants, Signer};
use thali_runtime::trace::Tracer;

use crate::args::UpArgs;
use crate::error::CliError;
use crate::host_file::HostFile;
use crate::identity::{KeySource, Keys};
use crate::logging::{self, LogFiles, LogFilters};
use crate::settings::{self, Given, Shown};

/// Knows what the host was told, and what to do when it is told something else.
#[derive(Clone)]
pub(crate) struct Reloader(Arc<Parts>);

/// What the command line and the environment say, without the file.
pub(crate) struct Asked {
    pub(crate) args: UpArgs,
    pub(crate) given: Given,
}

/// What it works on.
pub(crate) struct Parts {
    pub(crate) asked: Asked,
    pub(crate) keys: KeySource,
    pub(crate) auth: Arc<Auth>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) control: Arc<Control>,
    pub(crate) doors: Doors,
    pub(crate) logs: LogFilters,
    pub(crate) log_files: LogFiles,
    pub(crate) tracer: Arc<Tracer>,
    /// What holds now.
    pub(crate) holds: Mutex<Vec<Shown>>,
    /// Reloads happen one after the other.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

/// What can be put in place.
struct Ready {
    file: HostFile,
    shown: Vec<Shown>,
    args: UpArgs,
    keys: PreparedKeys,
    signer: Option<Signer>,
    grants: MintGrants,
}

impl Reloader {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The services.
    pub(crate) fn control(&self) -> &Control {
        &self.0.control
    }

    /// Reads everything again and puts it in place.
    pub(crate) async fn run(&self) -> Result<Value, CliError> {
        let parts = &self.0;
        let _turn = parts.turn.lock().await;
        let ready = {
            let parts = Arc::clone(parts);
            tokio::task::spawn_blocking(move || parts.prepare()).await
        };
        let ready = ready.map_err(CliError::start)??;
        let Ready { mut file, shown, args, keys, signer, grants } = ready;
        let services = std::mem::take(&mut file.services);
        let overrides = Overrides::new(services, Environment::of_process());
        let policies = std::mem::take(&mut file.policies);
        let words = Words { overrides: Arc::new(overrides), policies };
        let done = parts.control.reconfigure(words).await.map_err(CliError::chain)?;
        parts.auth.install(keys);
        parts.identity.replace(signer, grants);
        parts.doors.change(file.gateway.proxies, file.gateway.front, file.gateway.dress);
        parts.tracer.set_per_second(file.telemetry.traces_per_second);
        // It has been read before, so this cannot fail.
        parts.logs.set(&args.log, !args.no_access_log)?;
        parts.log_files.set(file.logs.files.wanted());
        let (changed, restart) = parts.compare(shown);
        tracing::info!(?changed, ?restart, "the configuration was read again");
        Ok(json!({
            "changed": changed,
            "restart": restart,
            "services": done.services,
            "keys": parts.auth.snapshot().keys,
            "warnings": done.warnings,
        }))
    }
}

impl Parts {
    /// Reads everything. Blocks.
    fn prepare(&self) -> Result<Ready, CliError> {
        let file = HostFile::load(self.asked.args.config.as_deref())?;
        file.warn_of_readers();
        let mut args = self.asked.args.clone();
        args.take(&file, &self.asked.given);
        logging::filter(&args.log, true)?;
        let Keys { auth, signer, grants } = self.keys.of_file(&file)?;
        let keys = self.auth.prepare(auth).map_err(CliError::chain)?;
        let shown = settings::shown(&args, &self.asked.given, &file, &Environment::of_process());
        Ok(Ready { file, shown, args, keys, signer, grants })
    }

    /// Notes what holds now. Answers what has changed, and what of it takes a restart: that goes on as before.
    fn compare(&self, mut shown: Vec<Shown>) -> (Vec<String>, Vec<String>) {
        let mut holds = self.holds.lock();
        let (mut changed, mut restart) = (Vec::new(), Vec::new());
        let gone: Vec<_> = holds
            .iter()
            .filter(|old| !shown.iter().any(|new| new.key == old.key))
            .cloned()
            .collect();
        changed.extend(gone.into_iter().map(|old| old.key));
        for new in &mut shown {
            let old = holds.iter().find(|old| old.key == new.key);
            if old.is_some_and(|old| old.says_the_same(new)) {
                continue;
            }
            match (new.reloadable, old) {
                (false, Some(old)) => {
                    restart.push(new.key.clone());
                    *new = old.clone();
                }
                _ => changed.push(new.key.clone()),
            }
        }
        *holds = shown;
        (changed, restart)
    }
}

impl Configuration for Reloader {
    fn settings(&self) -> Value {
        json!(*self.0.holds.lock())
    }

    fn reload(&self) -> BoxFuture<'_, Result<Value, NotReloaded>> {
        self.run().map(|reloaded| reloaded.map_err(|error| error.not_reloaded())).boxed()
    }
}

impl CliError {
    fn not_reloaded(&self) -> NotReloaded {
        let mistakes = match self {
            Self::File(file) => file.mistakes().to_vec(),
            _ => Vec::new(),
        };
        let detail = match self {
            Self::File(file) => format!("{} has mistakes", file.name()),
            other => other.to_string(),
        };
        NotReloaded { detail, mistakes }
    }
}
