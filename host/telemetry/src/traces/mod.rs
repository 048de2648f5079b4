//! Where spans go when their request has ended.

mod recent;
mod view;

use std::sync::Arc;

use thali_runtime::trace::{SharedTrace, TraceSink};

pub use recent::{Filter, Recent, TRACES_MAX};
pub use view::{Summary, Waterfall};

/// Everybody who wants traces.
pub(crate) struct Sinks {
    pub(crate) recent: Arc<Recent>,
}

impl TraceSink for Sinks {
    fn take(&self, trace: SharedTrace) {
        if trace.kept {
            self.recent.keep(&trace);
        }
    }
}
