//! What requests did.

use std::time::Duration;

use super::time::duration;

#[derive(Debug, clap::Args)]
pub(crate) struct TracesArgs {
    /// Only those that this service has a part in.
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// Only those that begin with this route or function, such as "POST /api/v1/orders".
    #[arg(long)]
    pub(crate) route: Option<String>,
    /// Only those in which something failed.
    #[arg(long)]
    pub(crate) errors: bool,
    /// Only those whose request took at least so long.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) slow: Option<Duration>,
    /// At most so many.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
}
