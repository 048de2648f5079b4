//! Why a rollout does not begin, change or end.

use thali_contract::name::{InterfaceName, ServiceName};
use thiserror::Error;

/// Why a rollout does not begin, change or end. Everything is as it was before.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RolloutError {
    /// Another change would be lost among it.
    #[error(
        "{service} has a rollout: {canaries}. Promote it (`thali promote {service}`) or call it off (`thali rollback {service}`) first"
    )]
    Running {
        /// The service.
        service: ServiceName,
        /// What gets how much.
        canaries: String,
    },
    /// There is nothing to promote.
    #[error("{0} has no rollout; `thali deploy FILE --canary 10` begins one")]
    None(ServiceName),
    /// Several canaries could be promoted.
    #[error("{service} has several canaries: say which one is meant, {canaries}")]
    Ambiguous {
        /// The service.
        service: ServiceName,
        /// What gets how much.
        canaries: String,
    },
    /// There is no such revision, or it is no canary.
    #[error("{service} has no {what} {revision}; `thali show {service}` lists what there is")]
    UnknownRevision {
        /// The service.
        service: ServiceName,
        /// What is looked for.
        what: &'static str,
        /// Its number.
        revision: u32,
    },
    /// Shares that cannot be.
    #[error("{0}")]
    Shares(String),
    /// The canary could not serve.
    #[error(
        "revision {revision} of {service} needs {interface}, which no service provides: deploy its provider first"
    )]
    Waits {
        /// The service.
        service: ServiceName,
        /// The revision.
        revision: u32,
        /// What is missing.
        interface: Box<InterfaceName>,
    },
    /// A canary has to get on with everybody.
    #[error(
        "a canary cannot be forced: both revisions serve the same consumers. Deploy without --canary, or without --force"
    )]
    Forced,
}

impl RolloutError {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Shares(_) | Self::Forced | Self::Ambiguous { .. } => 400,
            Self::UnknownRevision { .. } => 404,
            Self::Running { .. } | Self::None(_) | Self::Waits { .. } => 409,
        }
    }

    /// The stable name of the refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Running { .. } => "rollout_running",
            Self::None(_) => "no_rollout",
            Self::Ambiguous { .. } => "ambiguous_revision",
            Self::UnknownRevision { .. } => "unknown_revision",
            Self::Shares(_) => "invalid_shares",
            Self::Waits { .. } => "canary_waits",
            Self::Forced => "forced_canary",
        }
    }

    /// One line for people.
    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::Running { .. } => "A rollout is running",
            Self::None(_) => "No rollout is running",
            Self::Ambiguous { .. } => "Several revisions could be meant",
            Self::UnknownRevision { .. } => "There is no such revision",
            Self::Shares(_) => "The shares are not possible",
            Self::Waits { .. } => "The canary cannot serve",
            Self::Forced => "A canary cannot be forced",
        }
    }
}
