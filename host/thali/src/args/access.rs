//! Tokens, and the keys that they are checked by.

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;

use crate::token::{self, Scopes};

#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// Read thali.toml and the files of its keys again. SIGHUP does the same.
    Reload,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    /// Whom the token is for.
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) sub: String,

    /// What it allows, separated by spaces; `admin` allows everything.
    #[arg(long, value_name = "SCOPES", default_value = "")]
    pub(crate) scope: Scopes,

    /// How long it lives.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = token::ttl)]
    pub(crate) ttl: Duration,

    /// The data folder of the host, for the key of `thali up --dev`.
    #[arg(long, env = "THALI_DATA", default_value = "./.thali")]
    pub(crate) data: PathBuf,

    /// The host's file, whose `[auth] sign` names the key. Without the option ./thali.toml, when it is
    /// there.
    #[arg(long, env = "THALI_CONFIG_FILE", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
