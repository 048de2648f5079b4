//! What the host keeps of traces and logs, and sends on to others.
#![forbid(unsafe_code)]

pub mod logs;
pub mod traces;

use std::sync::{Arc, OnceLock};

use thali_runtime::Runtime;
use thali_runtime::trace::TraceSpec;

use traces::otlp::Otlp;
use traces::{Recent, Sinks};

/// What a host keeps for who looks at it. Its parts are shared by whoever writes and whoever reads.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    /// The latest traces.
    pub traces: Arc<Recent>,
    otlp: Arc<OnceLock<Otlp>>,
}

impl Telemetry {
    /// Begins to record what requests of a runtime do, and to send it to a collector when there is one.
    pub fn trace(&self, runtime: &Runtime, spec: TraceSpec, otlp: Option<Otlp>) {
        if let Some(otlp) = &otlp {
            // Another one that was there already goes on to tell of itself.
            let _ = self.otlp.set(otlp.clone());
        }
        let recent = Arc::clone(&self.traces);
        runtime.tracer().start(spec, Arc::new(Sinks { recent, otlp }));
    }

    /// What sends traces to a collector, if there is one.
    pub fn otlp(&self) -> Option<&Otlp> {
        self.otlp.get()
    }
}
