//! Services, their revisions, and who gets which.

use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct DeployArgs {
    /// The component, as `thali build` wrote it.
    pub(crate) file: PathBuf,
    /// Deploy although it breaks a service that depends on it.
    #[arg(long)]
    pub(crate) force: bool,
    /// Give it only so many percent of the requests, 0 to 99. It is rolled back by itself when it is worse
    /// than what is live.
    #[arg(long, value_name = "PERCENT", conflicts_with = "force", value_parser = clap::value_parser!(u8).range(0..=99))]
    pub(crate) canary: Option<u8>,
    #[command(flatten)]
    pub(crate) why: Why,
}

/// Why something is changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Why {
    /// Why, in a line: `thali show` and the history have it.
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TrafficArgs {
    /// The service.
    pub(crate) name: String,
    /// What each revision gets, in percent; together 100. One that is not named is let go.
    #[arg(value_name = "REVISION=PERCENT", required_unless_present = "sticky")]
    pub(crate) shares: Vec<String>,
    /// What clients keep their revision by: subject, header:NAME, or none to draw every request anew.
    #[arg(long, value_name = "BY")]
    pub(crate) sticky: Option<String>,
    #[command(flatten)]
    pub(crate) why: Why,
}
