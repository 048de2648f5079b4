//! The files of the log: what the operator wants them to be.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use thali_telemetry::logs::{FileLimits, Logs};

/// The files of one host's log.
pub(crate) struct LogFiles {
    logs: Arc<Logs>,
    folder: PathBuf,
    /// What was said last; nothing has been said before the first time.
    now: Mutex<Option<Option<FileLimits>>>,
}

impl LogFiles {
    /// Files in this folder, which are not written yet.
    pub(crate) fn new(logs: &Arc<Logs>, folder: PathBuf) -> Self {
        Self { logs: Arc::clone(logs), folder, now: Mutex::new(None) }
    }

    /// Writes them like this from now on, or not at all. What is as it was goes on undisturbed.
    pub(crate) fn set(&self, limits: Option<FileLimits>) {
        if self.now.lock().replace(limits) != Some(limits) {
            self.logs.write_to(limits.map(|limits| (self.folder.clone(), limits)));
        }
    }
}
