//! Progress on standard error, for whoever waits at a terminal. Without a terminal nothing is drawn.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often what moves is drawn.
const SPIN: Duration = Duration::from_millis(100);

/// Work whose end nobody knows.
pub(crate) fn spinner(message: &str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(message.to_owned());
    spinner.enable_steady_tick(SPIN);
    spinner
}

/// Bytes on their way; how many there will be may be unknown.
pub(crate) fn bytes(message: &str, total: Option<u64>) -> ProgressBar {
    let Some(total) = total else { return spinner(message) };
    let bar = ProgressBar::new(total).with_message(message.to_owned());
    with_style(bar, "{msg} [{bar:30}] {bytes} of {total_bytes}, {eta} left")
}

/// Makes a spinner a bar for so many steps, of which the one that runs is its prefix.
pub(crate) fn steps(spinner: ProgressBar, count: usize) -> ProgressBar {
    spinner.set_length(count as u64);
    with_style(spinner, "{spinner} {msg} [{bar:20}] {prefix}")
}

/// Several builds, one after the other.
pub(crate) struct Builds(ProgressBar);

/// A bar for so many builds. One alone has cargo's own messages, and needs none.
pub(crate) fn builds(count: usize) -> Builds {
    let seen = count > 1 && std::io::stderr().is_terminal();
    let bar = if seen { ProgressBar::new(count as u64) } else { ProgressBar::hidden() };
    let bar = with_style(bar, "{spinner} [{bar:30}] {pos} of {len} built: {msg}");
    if seen {
        bar.enable_steady_tick(SPIN);
    }
    Builds(bar)
}

impl Builds {
    pub(crate) fn is_seen(&self) -> bool {
        !self.0.is_hidden()
    }

    pub(crate) fn begins(&self, folder: &Path) {
        let name = folder.file_name().unwrap_or(folder.as_os_str());
        self.0.set_message(name.to_string_lossy().into_owned());
    }

    /// A line of the compiler's, above the bar.
    pub(crate) fn say(&self, line: &str) {
        self.0.println(line);
    }

    /// Something else that writes to the terminal.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    pub(crate) fn done(&self) {
        self.0.inc(1);
    }
}

impl Drop for Builds {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A style that does not parse leaves the usual one.
fn with_style(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
