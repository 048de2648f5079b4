//! What the host and its services say goes to standard error, by a thread of its own, so that a slow terminal holds up no
//! request, and into the log that `thali logs` shows.
//!
//! What of it is a filter, which can be changed while the host runs.

mod escape;
mod files;
mod text;

use std::io::IsTerminal;
use std::sync::Arc;

use thali_telemetry::logs::{LogGuard, Logs, Print, Record, RingLimits};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, registry, reload};

use crate::args::{LogFormat, UpArgs};
use crate::error::CliError;

pub(crate) use escape::Escaped;
pub(crate) use files::LogFiles;

/// The log of a host. What waits is written when it is dropped.
pub(crate) struct Logging {
    pub(crate) logs: Arc<Logs>,
    pub(crate) filters: LogFilters,
    _guard: LogGuard,
}

/// What is written to standard error and kept.
#[derive(Clone)]
pub(crate) struct LogFilters {
    filter: reload::Handle<EnvFilter, Registry>,
}

/// Starts logging.
pub(crate) fn start(args: &UpArgs) -> Result<Logging, CliError> {
    let has_access = !args.no_access_log;
    let print: Print = match args.log_format {
        LogFormat::Json => Box::new(json_line),
        LogFormat::Text => {
            let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            Box::new(move |record, text| text::line(record, color, text))
        }
    };
    let limits = RingLimits::default();
    let (logs, layer, guard) = Logs::start(limits, Some(print)).map_err(CliError::start)?;
    let (filter, handle) = reload::Layer::new(filter(&args.log, has_access)?);
    registry().with(layer.with_filter(filter)).try_init().map_err(CliError::start)?;
    let filters = LogFilters { filter: handle };
    Ok(Logging { logs, filters, _guard: guard })
}

/// As the files have it.
fn json_line(record: &Record, text: &mut String) {
    if let Ok(line) = serde_json::to_string(record) {
        *text += &line;
        text.push('\n');
    }
}

impl LogFilters {
    /// Changes what is written to standard error and kept.
    ///
    /// # Errors
    ///
    /// When it is no filter. Then nothing has changed.
    pub(crate) fn set(&self, text: &str, has_access: bool) -> Result<(), CliError> {
        self.filter.reload(filter(text, has_access)?).map_err(CliError::start)
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
