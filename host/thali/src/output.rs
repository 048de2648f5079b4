//! What commands print, in one place: `println!` panics when nobody reads any more, as in
//! `thali audit | head`.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether some output was lost that somebody still wanted.
static LOST: AtomicBool = AtomicBool::new(false);

/// Whether standard error is a terminal that may have colours.
static COLOURS: LazyLock<bool> =
    LazyLock::new(|| io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());

/// How a word on standard error is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tone {
    Good,
    Bad,
    Plain,
}

/// A word in the colour of what it means.
pub(crate) fn tone(tone: Tone, word: &str) -> String {
    let colour = match tone {
        Tone::Good => "1;32",
        Tone::Bad => "1;31",
        Tone::Plain => "1",
    };
    if *COLOURS { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() }
}

/// Prints a line of what was asked for.
macro_rules! out {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}

/// Prints a line of what is said beside it.
macro_rules! note {
    ($($text:tt)*) => { $crate::output::note_line(format_args!($($text)*)) };
}

pub(crate) use {note, out};

pub(crate) fn line(text: Arguments<'_>) {
    print(format_args!("{text}\n"));
}

/// Prints without an end of line.
pub(crate) fn print(text: Arguments<'_>) {
    let mut stdout = io::stdout().lock();
    wrote(stdout.write_fmt(text).and_then(|()| stdout.flush()));
}

/// What cannot be said has no place left where that could be said.
pub(crate) fn note_line(text: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Asks for input.
pub(crate) fn prompt(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Takes the outcome of a write. A reader that has gone away has read enough.
fn wrote(written: io::Result<()>) {
    let lost = written.err().filter(|error| error.kind() != ErrorKind::BrokenPipe);
    if let Some(error) = lost
        && !LOST.swap(true, Ordering::Relaxed)
    {
        note_line(format_args!("the output cannot be written: {error}"));
    }
}

/// How a command ends that would end with `code`: one whose output was lost has failed.
pub(crate) fn ended(code: ExitCode) -> ExitCode {
    if LOST.load(Ordering::Relaxed) { ExitCode::FAILURE } else { code }
}
