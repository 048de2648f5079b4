//! Reading the log.

use std::num::NonZeroU32;

use clap::ValueEnum;

#[derive(Debug, clap::Args)]
pub(crate) struct LogsArgs {
    /// Only what is about this service.
    pub(crate) name: Option<String>,

    /// Go on with what comes, also when the host is started again.
    #[arg(short, long)]
    pub(crate) follow: bool,

    /// Only what is not older: a span such as 10m, or a moment such as 2026-11-22T18:30:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// Only what matters at least so much.
    #[arg(long, value_enum)]
    pub(crate) level: Option<LogLevel>,

    /// Only what is about this request, by the host's id or by the one that the client gave.
    #[arg(long, value_name = "ID")]
    pub(crate) request: Option<String>,

    /// Only what is about this trace.
    #[arg(long, value_name = "ID")]
    pub(crate) trace: Option<String>,

    /// Only what has this text in it, in upper or lower case.
    #[arg(long, value_name = "TEXT")]
    pub(crate) contains: Option<String>,

    /// At most so many of the last lines. Without the option 200, or 20 with --follow.
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub(crate) lines: Option<NonZeroU32>,
}

/// How much a line matters at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// What went wrong.
    Error,
    /// And what may become a trouble.
    Warn,
    /// And what happens.
    Info,
    /// And what only helps to find a mistake.
    Debug,
    /// Every step.
    Trace,
}
