//! What the host keeps of traces and logs, and sends on to others.
#![forbid(unsafe_code)]

pub mod logs;
pub mod traces;

use std::sync::Arc;

use thali_runtime::Runtime;
use thali_runtime::trace::TraceSpec;

use traces::{Recent, Sinks};

/// What a host keeps for who looks at it. Its parts are shared by whoever writes and whoever reads.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    /// The latest traces.
    pub traces: Arc<Recent>,
}

impl Telemetry {
    /// Begins to record what requests of a runtime do.
    pub fn trace(&self, runtime: &Runtime, spec: TraceSpec) {
        runtime.tracer().start(spec, Arc::new(Sinks { recent: Arc::clone(&self.traces) }));
    }
}
