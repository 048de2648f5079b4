//! What was saved and is not built yet.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use parking_lot::{Condvar, Mutex};

use super::components::is_source;

/// Saves within this time are one: editors write a file in several steps, formatters right after them.
const SETTLE: Duration = Duration::from_millis(120);

/// Files that are remembered by name. When more change at once, everything is looked at.
const FILES_MAX: usize = 4096;

/// What was saved since it was asked for last.
#[derive(Debug, Default)]
pub(super) struct Changes {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Debug, Default)]
struct State {
    saved: Saved,
    stopped: bool,
}

/// Files that were saved.
#[derive(Debug, Default)]
pub(super) struct Saved {
    files: BTreeSet<PathBuf>,
    /// Nobody knows which: events were lost, or there were too many.
    all: bool,
}

impl Saved {
    /// Whether one of them is one that `is_meant` means.
    pub(super) fn any(&self, is_meant: impl Fn(&Path) -> bool) -> bool {
        self.all || self.files.iter().any(|file| is_meant(file))
    }

    fn is_empty(&self) -> bool {
        !self.all && self.files.is_empty()
    }
}

impl Changes {
    /// Waits for changes and takes them. `None` when everything ends.
    pub(super) fn wait(&self) -> Option<Saved> {
        let mut state = self.state.lock();
        loop {
            if state.stopped {
                return None;
            }
            if !state.saved.is_empty() {
                return Some(std::mem::take(&mut state.saved));
            }
            self.came.wait(&mut state);
        }
    }

    /// Whether something was saved meanwhile that `is_meant` means.
    pub(super) fn pending(&self, is_meant: impl Fn(&Path) -> bool) -> bool {
        self.state.lock().saved.any(is_meant)
    }

    pub(super) fn stopped(&self) -> bool {
        self.state.lock().stopped
    }

    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.came.notify_all();
    }

    fn note(&self, events: DebounceEventResult) {
        let mut state = self.state.lock();
        let saved = &mut state.saved;
        match events {
            Ok(events) => {
                saved.all |= events.iter().any(|event| event.need_rescan());
                let changes = events.into_iter().filter(|event| is_change(&event.kind));
                let files = changes.flat_map(|event| event.event.paths);
                saved.files.extend(files.filter(|file| is_source(file)));
            }
            Err(_) => saved.all = true,
        }
        if saved.files.len() > FILES_MAX {
            saved.files.clear();
            saved.all = true;
        }
        if !saved.is_empty() {
            self.came.notify_all();
        }
    }
}

fn is_change(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_))
}

/// Watches folders until it is dropped.
pub(super) struct Watcher {
    debouncer: Debouncer<notify::RecommendedWatcher, RecommendedCache>,
    folders: BTreeSet<PathBuf>,
}

impl Watcher {
    /// # Errors
    ///
    /// When the operating system has no more watches.
    pub(super) fn start(changes: &Arc<Changes>) -> notify::Result<Self> {
        let changes = Arc::clone(changes);
        let debouncer = new_debouncer(SETTLE, None, move |events| changes.note(events))?;
        Ok(Self { debouncer, folders: BTreeSet::new() })
    }

    /// Watches these folders from now on, each without those below it.
    ///
    /// # Errors
    ///
    /// When the operating system has no more watches.
    pub(super) fn watch(&mut self, folders: BTreeSet<PathBuf>) -> notify::Result<()> {
        for folder in folders.difference(&self.folders).filter(|folder| folder.is_dir()) {
            self.debouncer.watch(folder, RecursiveMode::NonRecursive)?;
        }
        for gone in self.folders.difference(&folders) {
            // Best effort: what is not there any more is not watched any more.
            let _ = self.debouncer.unwatch(gone);
        }
        self.folders = folders.into_iter().filter(|folder| folder.is_dir()).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_saves_while_nobody_asks_are_one_change() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let changes = Arc::new(Changes::default());
        let mut watcher = Watcher::start(&changes).unwrap();
        watcher.watch([folder.clone()].into()).unwrap();
        for n in 0..3 {
            std::fs::write(folder.join("lib.rs"), format!("{n}")).unwrap();
            std::fs::write(folder.join(".lib.rs.swp"), "x").unwrap();
        }
        let saved = changes.wait().unwrap();
        assert_eq!(saved.files.into_iter().collect::<Vec<_>>(), [folder.join("lib.rs")]);
        assert!(!changes.pending(|_| true));
    }

    #[test]
    fn whoever_waits_is_told_of_the_end() {
        let changes = Arc::new(Changes::default());
        let waits = Arc::clone(&changes);
        let waiting = std::thread::spawn(move || waits.wait().is_none());
        changes.stop();
        assert!(waiting.join().unwrap());
        assert!(changes.stopped());
    }
}
