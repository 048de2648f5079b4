//! Deploys what lies in a folder, and what changes in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use notify::{EventKind, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use parking_lot::Mutex;
use thali_control::{Cause, Control, DeployError, DeployOptions, Deployed, Source};
use thali_gateway::{AuditEntry, AuditLog, AuditOutcome};
use tokio::sync::Notify;

/// A file that changes several times within this time is deployed once. Long enough for a copy to
/// finish; one that is caught half-way is refused and deployed when it is whole.
const SETTLE: Duration = Duration::from_millis(150);

/// Deploys at the same time: as many as compile at once, and one that is being read.
const DEPLOYS_MAX: usize = 3;

/// The status of a deploy that changed something.
const CREATED: u16 = 201;

/// How long to wait before a deploy that found the host busy is tried again.
const BUSY_PAUSE: Duration = Duration::from_millis(500);

/// Deploys every component of `folder`, side by side. Answers how many were refused; each refusal is in
/// the log and leaves the others alone.
///
/// # Errors
///
/// When the folder cannot be listed.
pub(crate) async fn deploy_all(
    control: &Arc<Control>,
    audit: &Arc<AuditLog>,
    folder: &Path,
) -> std::io::Result<usize> {
    let deploys = stream::iter(components(folder)?).map(|file| deploy(control, audit, file));
    let outcomes = deploys.buffer_unordered(DEPLOYS_MAX);
    Ok(outcomes.filter(|live| std::future::ready(!live)).count().await)
}

/// Watches a folder until it is dropped.
pub(crate) struct Watch {
    _debouncer: Debouncer<notify::RecommendedWatcher, RecommendedCache>,
    changes: Arc<Changes>,
}

/// Files that changed and were not looked at yet. A file that changes again is in it once, so it cannot
/// grow beyond the folder.
#[derive(Default)]
struct Changes {
    files: Mutex<BTreeSet<PathBuf>>,
    came: Notify,
}

impl Watch {
    /// Starts to watch `folder`.
    ///
    /// # Errors
    ///
    /// When the operating system has no more watches.
    pub(crate) fn start(folder: &Path) -> notify::Result<Self> {
        let changes = Arc::new(Changes::default());
        let (noted, folder_again) = (Arc::clone(&changes), folder.to_owned());
        let mut debouncer =
            new_debouncer(SETTLE, None, move |events| noted.note(changed(events, &folder_again)))?;
        debouncer.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(Self { _debouncer: debouncer, changes })
    }

    /// Deploys what changes, for ever.
    pub(crate) async fn run(self, control: &Arc<Control>, audit: &Arc<AuditLog>) {
        loop {
            self.changes.came.notified().await;
            let files = std::mem::take(&mut *self.changes.files.lock());
            for file in files.into_iter().filter(|file| file.exists()) {
                deploy(control, audit, file).await;
            }
        }
    }
}

impl Changes {
    fn note(&self, files: BTreeSet<PathBuf>) {
        if !files.is_empty() {
            self.files.lock().extend(files);
            self.came.notify_one();
        }
    }
}

/// The components that changed. When events were lost, all there are: an unchanged one is a no-op.
fn changed(events: DebounceEventResult, folder: &Path) -> BTreeSet<PathBuf> {
    match events {
        Ok(events) if events.iter().any(|event| event.need_rescan()) => all(folder),
        Ok(events) => events
            .into_iter()
            .filter(|event| matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_)))
            .flat_map(|event| event.event.paths)
            .filter(|path| is_component(path))
            .collect(),
        Err(errors) => {
            for error in errors {
                tracing::warn!("watching the components folder: {error}");
            }
            all(folder)
        }
    }
}

fn all(folder: &Path) -> BTreeSet<PathBuf> {
    components(folder).unwrap_or_else(|error| {
        tracing::error!(folder = %folder.display(), "cannot be listed: {error}");
        BTreeSet::new()
    })
}

fn components(folder: &Path) -> std::io::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if is_component(&path) && path.is_file() {
            files.insert(path);
        }
    }
    Ok(files)
}

fn is_component(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && path.extension().is_some_and(|extension| extension == "wasm")
}

/// Deploys one file; whether it is live afterwards.
async fn deploy(control: &Arc<Control>, audit: &Arc<AuditLog>, file: PathBuf) -> bool {
    let bytes: Bytes = match tokio::fs::read(&file).await {
        Ok(bytes) => bytes.into(),
        Err(error) => {
            tracing::error!(file = %file.display(), "cannot be read: {error}");
            return false;
        }
    };
    let options = DeployOptions {
        source: Source::Folder,
        cause: Cause::by("folder"),
        ..DeployOptions::default()
    };
    loop {
        match control.deploy(bytes.clone(), options.clone()).await {
            Ok(deployed) => {
                if deployed.status() == CREATED {
                    note(audit, &file, AuditOutcome::Status(CREATED), Some(&deployed)).await;
                }
                return true;
            }
            Err(DeployError::Busy(_)) => tokio::time::sleep(BUSY_PAUSE).await,
            Err(error) => {
                let problem = error.problem();
                tracing::error!(file = %file.display(), "not deployed: {problem}");
                let outcome = AuditOutcome::Refused(problem.status, problem.code);
                note(audit, &file, outcome, None).await;
                return false;
            }
        }
    }
}

/// Writes down what came of a file. One that changed nothing is left out.
async fn note(
    audit: &Arc<AuditLog>,
    file: &Path,
    outcome: AuditOutcome,
    deployed: Option<&Deployed>,
) {
    let entry = AuditEntry::own("folder", "deploy", file.display().to_string(), outcome);
    let revision = deployed.map(|deployed| deployed.revision.to_string());
    let digest = deployed.and_then(|deployed| deployed.digest.as_ref()).map(ToString::to_string);
    audit.append(AuditEntry { revision, digest, ..entry }).await;
}
