//! What the host and its services say goes to standard error, by a thread of its own, so that a slow terminal holds up no
//! request, and into the log that `thali logs` shows.
//!
//! What of it is a filter, which can be changed while the host runs.

mod escape;
mod files;
mod text;

use std::io::IsTerminal;
use std::sync::Arc;

use thali_telemetry::logs::{LogGuard, Logs, RingLimits};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, registry, reload};

use crate::args::{LogFormat, UpArgs};
use crate::error::CliError;

pub(crate) use escape::Escaped;
pub(crate) use files::LogFiles;

/// Lines that may wait to be written; more are dropped, and counted, rather than waited for.
const LINES_MAX: usize = 16 << 10;

/// The log of a host. What waits is written when it is dropped.
pub(crate) struct Logging {
    pub(crate) logs: Arc<Logs>,
    pub(crate) filters: LogFilters,
    // In this order: the log may have to say on standard error how it ended.
    _kept: LogGuard,
    _written: WorkerGuard,
}

/// What is written to standard error, and what is kept.
#[derive(Clone)]
pub(crate) struct LogFilters {
    written: reload::Handle<EnvFilter, Registry>,
    kept: reload::Handle<EnvFilter, Registry>,
}

/// A layer of some kind.
type AnyLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging.
pub(crate) fn start(args: &UpArgs) -> Result<Logging, CliError> {
    let has_access = !args.no_access_log;
    let (writer, written_guard) =
        NonBlockingBuilder::default().buffered_lines_limit(LINES_MAX).finish(std::io::stderr());
    let (logs, layer, kept_guard) = Logs::start(RingLimits::default()).map_err(CliError::start)?;
    let (written, written_handle) = reload::Layer::new(filter(&args.log, has_access)?);
    let (kept, kept_handle) = reload::Layer::new(filter(&args.log, has_access)?);
    let lines: AnyLayer = match args.log_format {
        LogFormat::Json => {
            let json = fmt::layer().json().flatten_event(true).with_writer(writer);
            json.with_filter(written).boxed()
        }
        LogFormat::Text => {
            let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let text = fmt::layer().fmt_fields(text::fields()).with_ansi(color);
            text.with_writer(writer).with_filter(written).boxed()
        }
    };
    let layers: Vec<AnyLayer> = vec![lines, layer.with_filter(kept).boxed()];
    registry().with(layers).try_init().map_err(CliError::start)?;
    let filters = LogFilters { written: written_handle, kept: kept_handle };
    Ok(Logging { logs, filters, _kept: kept_guard, _written: written_guard })
}

impl LogFilters {
    /// Changes what is written to standard error and what is kept.
    ///
    /// # Errors
    ///
    /// When it is no filter. Then nothing has changed.
    pub(crate) fn set(&self, text: &str, has_access: bool) -> Result<(), CliError> {
        let (written, kept) = (filter(text, has_access)?, filter(text, has_access)?);
        self.written.reload(written).map_err(CliError::start)?;
        self.kept.reload(kept).map_err(CliError::start)
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
