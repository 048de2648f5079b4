//! Services, their revisions, and every change to what is live.
//!
//! A host serves one immutable value, [`Live`]: which revision of which service is live, who calls whom,
//! and which request goes where. [`Control`] makes the next such value out of the one before and a
//! deploy, a rollback or a removal, makes it durable, and swaps it in. Requests never wait for that, and
//! each keeps the value it began with.
//!
//! What is on disk is in [`data`]; it is written before it is believed. Nothing here knows of HTTP.
#![forbid(unsafe_code)]

mod atomic;
mod breakers;
mod care;
mod compiling;
mod contracts;
mod control;
pub mod data;
mod databases;
mod deploy;
mod drain;
mod error;
mod health;
mod inspect;
mod live;
mod minting;
mod outbound;
mod outcome;
mod policies;
mod progress;
mod reconfigure;
mod record;
mod remove;
mod restart;
mod rollback;
mod rollout;
mod settings;
mod smoke;
pub mod status;
mod steps;
mod store;
mod tally;

pub use breakers::{
    BreakerError, BreakerStatus, CallStatus, CircuitState, PolicyStatus, RevisionBreaker,
};
pub use care::Care;
pub use compiling::{ChildLimits, CompileLimits, CompileWith, EXIT_REFUSED};
pub use control::{Control, ControlConfig, DeployOptions};
pub use data::{DataError, DataFolder, Paths, open_data};
pub use databases::ReplaceError;
pub use error::DeployError;
pub use live::{Canary, Live, LiveService};
pub use outbound::{GrantStatus, OutboundStatus};
pub use outcome::{Deployed, Outcome, Removed};
pub use policies::Policies;
pub use progress::{InvalidTag, Step, StepEvent, StepState, Tag};
pub use reconfigure::{Reconfigured, Words};
pub use record::{HISTORY_KEPT, REVISIONS_KEPT, RevisionRecord, ServiceRecord, Source};
pub use restart::OpenError;
pub use rollout::{
    CANARIES_MAX, CHANGES_KEPT, Cause, Change, ChangeKind, InvalidMessage, InvalidSticky,
    LiveRevisionStatus, Message, Percent, Rollout, RolloutError, RolloutStatus, Share, StickyBy,
    TakenOut, Traffic,
};
pub use settings::{ConfigStatus, SecretStatus};
pub use status::{ServiceDetails, ServiceState, ServiceStatus};
pub use tally::ControlCounts;
