//! Logs go to standard error, by a thread of their own, so that a slow terminal holds up no request.

use std::io::IsTerminal;
use std::sync::Arc;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::{LogFormat, UpArgs};
use crate::error::CliError;

/// Lines that may wait to be written; more are dropped, and counted, rather than waited for.
const LINES_MAX: usize = 16 << 10;

/// The log of a host. What waits is written when it is dropped.
pub(crate) struct Logging {
    pub(crate) filters: LogFilters,
    _written: WorkerGuard,
}

/// What is written, to be changed while the host serves.
#[derive(Clone)]
pub(crate) struct LogFilters {
    reload: Arc<Reload>,
    has_access: bool,
}

type Reload = dyn Fn(EnvFilter) -> Result<(), CliError> + Send + Sync;

impl LogFilters {
    /// Changes what is written.
    ///
    /// # Errors
    ///
    /// When it is no filter. Then nothing has changed.
    pub(crate) fn set(&self, written: &str) -> Result<(), CliError> {
        (self.reload)(filter(written, self.has_access)?)
    }
}

/// Reads a filter.
pub(crate) fn filter(text: &str, has_access: bool) -> Result<EnvFilter, CliError> {
    let access = if has_access { "" } else { ",access=off" };
    EnvFilter::try_new(format!("{text}{access}")).map_err(|error| CliError::Start {
        what: format!("--log {text:?} is not a filter: {error}"),
        help: Some("write a level (info), or levels by target (info,thali_control=debug)".into()),
    })
}

/// Starts logging.
pub(crate) fn start(args: &UpArgs) -> Result<Logging, CliError> {
    let has_access = !args.no_access_log;
    let filter = filter(&args.log, has_access)?;
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(LINES_MAX).finish(std::io::stderr());
    let builder = fmt().with_env_filter(filter).with_writer(writer);
    let (started, reload): (_, Arc<Reload>) = match args.log_format {
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            let reload = Arc::new(move |filter| handle.reload(filter).map_err(CliError::start));
            (builder.finish().try_init(), reload)
        }
        LogFormat::Text => {
            let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let builder = builder.with_ansi(color).with_filter_reloading();
            let handle = builder.reload_handle();
            let reload = Arc::new(move |filter| handle.reload(filter).map_err(CliError::start));
            (builder.finish().try_init(), reload)
        }
    };
    started.map_err(CliError::start)?;
    Ok(Logging { filters: LogFilters { reload, has_access }, _written: guard })
}
