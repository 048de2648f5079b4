//! Deploys what lies in a folder, and what changes in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use thali_control::{Control, DeployOptions, Source};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A file that changes several times within this time is deployed once. Long enough for a copy to
/// finish; one that is caught half-way is refused and deployed when it is whole.
const SETTLE: Duration = Duration::from_millis(150);

/// Changed files that may wait; more events than this at once are one pass over the whole folder.
const CHANGES_MAX: usize = 256;

/// Deploys every component of `folder`, side by side. Answers how many were refused; each refusal is in
/// the log and leaves the others alone.
///
/// # Errors
///
/// When the folder cannot be listed.
pub(crate) async fn deploy_all(control: &Arc<Control>, folder: &Path) -> std::io::Result<usize> {
    let mut deploys = JoinSet::new();
    for file in components(folder)? {
        let control = Arc::clone(control);
        deploys.spawn(async move { deploy(&control, &file).await });
    }
    Ok(deploys.join_all().await.into_iter().filter(|done| !done).count())
}

/// Watches a folder until it is dropped.
pub(crate) struct Watch {
    _debouncer: Debouncer<notify::RecommendedWatcher, RecommendedCache>,
    changes: mpsc::Receiver<BTreeSet<PathBuf>>,
}

impl Watch {
    /// Starts to watch `folder`.
    ///
    /// # Errors
    ///
    /// When the operating system has no more watches.
    pub(crate) fn start(folder: &Path) -> notify::Result<Self> {
        let (sender, changes) = mpsc::channel(CHANGES_MAX);
        let mut debouncer = new_debouncer(SETTLE, None, move |events| {
            let files = changed(events);
            if !files.is_empty() {
                // The channel is full only when hundreds of changes wait: then somebody replaces the
                // whole folder again and again, and the changes that wait cover this one.
                let _ = sender.try_send(files);
            }
        })?;
        debouncer.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(Self { _debouncer: debouncer, changes })
    }

    /// Deploys what changes, for ever.
    pub(crate) async fn run(mut self, control: &Arc<Control>) {
        while let Some(files) = self.changes.recv().await {
            for file in files {
                if file.exists() {
                    deploy(control, &file).await;
                }
            }
        }
    }
}

fn changed(events: DebounceEventResult) -> BTreeSet<PathBuf> {
    match events {
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
            BTreeSet::new()
        }
    }
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
async fn deploy(control: &Arc<Control>, file: &Path) -> bool {
    let bytes = match tokio::fs::read(file).await {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(file = %file.display(), "cannot be read: {error}");
            return false;
        }
    };
    let options = DeployOptions { force: false, source: Source::Folder };
    match control.deploy(bytes.into(), options).await {
        Ok(_) => true,
        Err(error) => {
            tracing::error!(file = %file.display(), "not deployed: {}", error.problem());
            false
        }
    }
}
