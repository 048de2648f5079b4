//! Looking at what runs, and the command line itself.

use std::time::Duration;

use clap_complete::Shell;

use super::time::duration;

#[derive(Debug, clap::Args)]
pub(crate) struct GraphArgs {
    /// As Graphviz reads it.
    #[arg(long, conflicts_with = "mermaid")]
    pub(crate) dot: bool,
    /// As Mermaid reads it, for Markdown.
    #[arg(long)]
    pub(crate) mermaid: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TopArgs {
    /// Print what there is now, and leave. Without a terminal that is all there is.
    #[arg(long)]
    pub(crate) once: bool,
    /// How often it is looked at.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub(crate) every: Duration,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}
