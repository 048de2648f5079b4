//! Making and building services.

use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// How it is called: lower-case letters, digits and hyphens.
    #[arg(required_unless_present = "list")]
    pub(crate) name: Option<String>,
    /// What it is made from; --list says what there is.
    #[arg(long, value_name = "NAME", default_value = "minimal")]
    pub(crate) template: String,
    /// List the templates.
    #[arg(long, conflicts_with_all = ["name", "template", "parent"])]
    pub(crate) list: bool,
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

#[derive(Debug, clap::Args)]
pub(crate) struct DevArgs {
    /// The folders of the services that are worked on. Without any the service here, or all of
    /// components/; what else was built is served beside them.
    #[arg(value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
    /// Where services are served. Port 0 takes a free one.
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the admin API is served.
    #[arg(long)]
    pub(crate) admin: Option<SocketAddr>,
    /// Load no seed data.
    #[arg(long)]
    pub(crate) no_seed: bool,
    /// Deploy although it breaks a service that depends on it.
    #[arg(long)]
    pub(crate) force: bool,
    /// More options, as of `thali up`.
    #[arg(last = true, value_name = "UP OPTIONS")]
    pub(crate) host: Vec<String>,
}
