//! Runs components: one engine, one `invoke` that every binding goes through, and the limits around it.
//!
//! The runtime knows nothing of HTTP or JSON, nor where deployments come from. It is handed
//! [`Revision`]s, which it links once, and a [`Topology`], which says whose export satisfies whose
//! import *now*. Swapping a service is handing in another topology: a request keeps the one it began
//! with until it ends.

mod admission;
mod cache;
mod calls;
mod capability;
mod compiler;
mod context;
mod cpu;
mod engine;
mod events;
mod extensions;
mod fault;
mod histogram;
mod http;
mod invoke;
mod limits;
mod link;
mod meter;
mod outcomes;
mod output;
mod revision;
mod share;
mod state;
mod topology;
pub mod trace;
mod tracestate;
mod trap_log;
mod turns;
mod usage;

pub use admission::{Admission, GateCounts};
pub use cache::CacheKey;
pub use calls::{
    BreakerPolicy, BreakerState, BreakerView, CallPolicies, CallPolicy, CallRoom, CallSnapshot,
    Force, Upstream,
};
pub use capability::Capability;
pub use compiler::Compiler;
pub use context::{CALL_DEPTH_MAX, Context, Delivery, Principal, TraceContext};
pub use engine::{EngineReport, Runtime, RuntimeConfig, RuntimeError, RuntimeSnapshot};
pub use events::{Event, EventSink, Publisher};
pub use extensions::Extensions;
pub use fault::{Fault, Trap, TrapKind};
pub use histogram::{Histogram, HistogramSnapshot};
pub use limits::{HostLimits, Limits};
pub use outcomes::{OutcomeSnapshot, Outcomes};
pub use output::Severity;
pub use revision::{Code, CompileError, PrepareError, Revision, RevisionSpec};
pub use share::{Affinity, Lineup, SHARES_TOTAL, Sticky, sticky_key};
pub use state::{Guard, State};
pub use topology::{MissingImport, NodeIndex, Topology};
pub use tracestate::{TRACESTATE_BYTES_MAX, TraceState};
pub use usage::{Usage, UsageSnapshot};
