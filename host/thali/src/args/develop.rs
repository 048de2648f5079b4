//! Making and building services.

use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// How it is called: lower-case letters, digits and hyphens.
    pub(crate) name: String,
    /// The folder that it is made in. Without the option this one; at the root of a workspace for services,
    /// its folder `components`.
    #[arg(long = "in", value_name = "DIR")]
    pub(crate) parent: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BuildArgs {
    /// The folders of component crates: each has a Cargo.toml and a service.toml.
    #[arg(required = true)]
    pub(crate) folders: Vec<PathBuf>,
}
