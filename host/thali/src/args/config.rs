//! The configuration.

use std::path::PathBuf;

use clap::Subcommand;

use super::UpArgs;

#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

impl ConfigArgs {
    /// Whether no host is asked.
    pub(crate) fn is_offline(&self) -> bool {
        !matches!(self.command, ConfigCommand::Reload)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// List what a host would run with: this file, this environment and these flags of `thali up`. No host is
    /// asked, and no secret is shown.
    #[command(
        after_help = "Examples:\n  thali config show --origin\n  thali config show --origin --config /etc/thali/thali.toml --seed"
    )]
    Show {
        /// Say where each value comes from.
        #[arg(long)]
        origin: bool,
        /// Only what is not as usual.
        #[arg(long)]
        changed: bool,
        #[command(flatten)]
        up: Box<UpArgs>,
    },
    /// Let the running host read its file again, as SIGHUP does: all of it, or nothing when it has mistakes. What
    /// takes a restart is named.
    Reload,
    /// Say what is wrong with a file.
    Check {
        /// The file. Without it the one that `thali up` would read.
        file: Option<PathBuf>,
    },
    /// Print the JSON schema of thali.toml, for editors.
    Schema,
    /// Print a file with every setting and what it is without the file.
    Example,
}
