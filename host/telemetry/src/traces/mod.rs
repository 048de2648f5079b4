//! Where spans go when their request has ended.

pub mod otlp;
mod recent;
mod view;

use std::sync::Arc;

use thali_runtime::trace::{SharedTrace, TraceSink};

use otlp::Otlp;

pub use recent::{Filter, Recent, TRACES_MAX};
pub use view::{Summary, Waterfall};

/// Everybody who wants traces.
pub(crate) struct Sinks {
    pub(crate) recent: Arc<Recent>,
    pub(crate) otlp: Option<Otlp>,
}

impl TraceSink for Sinks {
    fn take(&self, trace: SharedTrace) {
        if trace.kept {
            self.recent.keep(&trace);
        }
        if let Some(otlp) = self.otlp.as_ref().filter(|_| trace.exported) {
            otlp.offer(&trace);
        }
    }
}
