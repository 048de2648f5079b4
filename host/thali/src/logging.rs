//! Logs go to standard error, by a thread of their own, so that a slow terminal holds up no request.

use std::io::IsTerminal;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::{LogFormat, UpArgs};
use crate::error::CliError;

/// Lines that may wait to be written; more are dropped, and counted, rather than waited for.
const LINES_MAX: usize = 16 << 10;

/// Starts logging. What waits is written when the guard is dropped.
pub(crate) fn start(args: &UpArgs) -> Result<WorkerGuard, CliError> {
    let access = if args.no_access_log { ",access=off" } else { "" };
    let filter =
        EnvFilter::try_new(format!("{}{access}", args.log)).map_err(|error| CliError::Start {
            what: format!("--log {:?} is not a filter: {error}", args.log),
            help: Some(
                "write a level (info), or levels by target (info,thali_control=debug)".into(),
            ),
        })?;
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(LINES_MAX).finish(std::io::stderr());
    let builder = fmt().with_env_filter(filter).with_writer(writer);
    let started = match args.log_format {
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
        LogFormat::Text => {
            let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            builder.with_ansi(color).finish().try_init()
        }
    };
    started.map_err(CliError::start)?;
    Ok(guard)
}
