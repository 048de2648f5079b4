//! Why an invocation gave no values.

use std::time::Duration;

use thiserror::Error;

use crate::trace::Failure;

/// Why an invocation gave no values. The texts are for logs, not for clients.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// The deadline passed first.
    #[error("the deadline passed")]
    Deadline,
    /// The guest computed for longer than its service may.
    #[error("the CPU time of one invocation is used up")]
    CpuTime,
    /// The guest trapped; its instance is gone.
    #[error("{0}")]
    Trap(Trap),
    /// No instance, or no place, was free in time, for the invocation itself or for a call that it needed.
    #[error("overloaded: {0}")]
    Overloaded(&'static str),
    /// A service that was needed could not be called.
    #[error("{0}")]
    Unavailable(String),
    /// The circuit breaker of a call that was needed is open.
    #[error("a call is cut off by its circuit breaker, for {retry_after:?} at least")]
    CutOff {
        /// When it is worth another try.
        retry_after: Duration,
    },
    /// Calls nested deeper than [`CALL_DEPTH_MAX`](crate::CALL_DEPTH_MAX).
    #[error("calls nest deeper than {}", crate::CALL_DEPTH_MAX)]
    Depth,
    /// The host's own fault.
    #[error("internal: {0}")]
    Internal(String),
}

impl Fault {
    /// What it is called where nothing of a service may be told.
    pub fn failure(&self) -> Failure {
        let (kind, message) = match self {
            Self::Deadline => ("deadline", "the deadline passed"),
            Self::CpuTime => ("cpu_time", "the CPU time of one invocation is used up"),
            Self::Trap(trap) => return trap.kind.failure(),
            Self::Overloaded(reason) => ("overloaded", *reason),
            Self::Unavailable(_) => {
                ("unavailable", "a service that was needed could not be called")
            }
            Self::CutOff { .. } => ("cut_off", "a call is cut off by its circuit breaker"),
            Self::Depth => ("depth", "calls nest too deep"),
            Self::Internal(_) => ("internal", "the host failed"),
        };
        Failure { kind, message }
    }
}

impl TrapKind {
    fn failure(self) -> Failure {
        let (kind, message) = match self {
            Self::Guest => ("trap", "the service trapped"),
            Self::Stack => ("trap_stack", "the service trapped: its stack ran out"),
            Self::Memory => ("trap_memory", "the service trapped: its memory could not grow"),
            Self::Exit => ("trap_exit", "the service called exit"),
            Self::Host => ("trap_host", "the service trapped in a function of the host"),
        };
        Failure { kind, message }
    }
}

/// A guest that ended other than by returning.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{service} revision {revision} trapped in {function}: {message}")]
pub struct Trap {
    /// What kind of end it was.
    pub kind: TrapKind,
    /// The service whose instance trapped.
    pub service: String,
    /// Its revision.
    pub revision: u32,
    /// `interface.function`.
    pub function: String,
    /// The trap, and the last thing the guest wrote to stderr.
    pub message: String,
}

/// The ways a guest ends other than by returning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrapKind {
    /// An instruction that traps: `unreachable` (a panic), a division by zero, an access out of bounds.
    Guest,
    /// The stack ran out.
    Stack,
    /// A memory could not grow any more and the guest gave up.
    Memory,
    /// The guest called `exit`.
    Exit,
    /// A host function refused to go on: too much to copy, a bad handle.
    Host,
}
