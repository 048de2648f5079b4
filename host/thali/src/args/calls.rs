//! What services do by the clock, and how they call each other.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum SchedulesCommand {
    /// Run a schedule now and wait for its end. Exits with 1 when the run fails.
    Run {
        /// The service.
        service: String,
        /// The schedule.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BreakersCommand {
    /// Let no call through, until `auto` or the host's end.
    Open(BreakerArgs),
    /// Let every call through, until `auto` or the host's end.
    Close(BreakerArgs),
    /// Let calls decide again.
    Auto(BreakerArgs),
}

/// Which calls.
#[derive(Debug, clap::Args)]
pub(crate) struct BreakerArgs {
    /// The service that calls.
    pub(crate) consumer: String,
    /// The interface that it calls: its last name, or in full.
    pub(crate) interface: String,
}
