//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Measures Thali against a native server in the same run.
#[derive(Debug, Parser)]
#[command(name = "thali-bench", max_term_width = 100)]
pub struct Args {
    /// Short rounds: a look, not a measurement.
    #[arg(long)]
    pub quick: bool,

    /// Only the cases whose name contains this, and what they are compared with. See bench/README.md
    /// for the names.
    #[arg(long, value_name = "CASE")]
    pub only: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Option<Hidden>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Hidden {
    /// The native reference: serves until its standard input closes.
    #[command(hide = true)]
    Native,
    /// Builds the components and writes them to a folder; for `bench/profile.sh`.
    #[command(hide = true)]
    Components {
        /// Where to.
        folder: PathBuf,
        /// With instances that are used again.
        #[arg(long)]
        reuse: bool,
    },
    /// Writes the food delivery, in a country full of drivers, to a folder: a host to profile
    /// while orders are placed.
    #[command(hide = true)]
    Town {
        /// Where to.
        folder: PathBuf,
    },
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Rounds of load: each case runs once in each.
    pub(crate) rounds: usize,
    /// How long wrk loads one case in one round.
    pub(crate) round: Duration,
    /// Deploys of each kind.
    pub(crate) deploys: u32,
    /// Restarts.
    pub(crate) restarts: usize,
    /// Idle services.
    pub(crate) idle_services: usize,
    /// Clients that follow a stream.
    pub(crate) streams: usize,
    /// Batches of each micro-benchmark.
    pub(crate) batches: usize,
    /// How long one batch takes.
    pub(crate) batch: Duration,
}

impl Args {
    /// Whether a case is asked for.
    pub(crate) fn wants(&self, case: &str) -> bool {
        self.only.as_deref().is_none_or(|only| case.contains(only))
    }

    pub(crate) fn effort(&self) -> Effort {
        if self.quick {
            return Effort {
                rounds: 3,
                round: Duration::from_secs(1),
                deploys: 5,
                restarts: 3,
                idle_services: 40,
                streams: 1000,
                batches: 5,
                batch: Duration::from_millis(30),
            };
        }
        Effort {
            rounds: 7,
            round: Duration::from_secs(3),
            deploys: 20,
            restarts: 9,
            idle_services: 200,
            streams: 5000,
            batches: 15,
            batch: Duration::from_millis(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
