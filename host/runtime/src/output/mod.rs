//! What a guest says: its standard output and error, and what it logs by `wasi:logging`. Each line is an event with the
//! target `guest`, of its service, revision, request and trace. What one invocation may say is capped, and what a
//! service may say in a second as well.

mod rate;
mod stream;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use uuid::Uuid;

use crate::context::Context;

use rate::{LogRate, Say};
pub(crate) use stream::Stream;

/// A longer line is cut here and goes on as another.
const LINE_BYTES_MAX: usize = 4096;

/// Lines that one invocation may log; what it writes after them counts as dropped.
const LINES_MAX: u32 = 256;

/// How much of stderr is kept to explain a trap: a panic's message comes last.
const LAST_WORDS_BYTES: usize = 1024;

/// What a control character takes once it is written: `\u0000` in files, `\u{1b}` in text.
const ESCAPE_BYTES: usize = 6;

/// The longest context of a message, in bytes: it is a name to group messages by.
const CONTEXT_BYTES_MAX: usize = 128;

/// Which of the two streams a guest wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Stdout,
    Stderr,
}

/// How much a message matters, by who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Every step.
    Trace,
    /// For who looks for a mistake.
    Debug,
    /// What happens.
    Info,
    /// What may become a trouble.
    Warn,
    /// What went wrong.
    Error,
    /// What nothing goes on after. It is logged as an error that says so.
    Critical,
}

/// A revision, as far as its instances speak.
pub(crate) struct Speaker {
    service: Box<str>,
    revision: u32,
    rate: LogRate,
}

/// What one instance says.
pub(crate) struct Output {
    speaker: Arc<Speaker>,
    lines: Mutex<Lines>,
}

struct Lines {
    origin: Origin,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    last_words: Vec<u8>,
    bytes_left: usize,
    bytes_dropped: usize,
    lines_left: u32,
}

/// The invocation that speaks.
#[derive(Clone, Copy)]
struct Origin {
    request_id: Uuid,
    trace_id: u128,
}

/// Where a line comes from.
#[derive(Clone, Copy, Default)]
struct Line<'a> {
    stream: Option<&'static str>,
    context: Option<&'a str>,
    critical: Option<bool>,
}

impl Speaker {
    pub(crate) fn new(service: &str, revision: u32) -> Self {
        Self { service: service.into(), revision, rate: LogRate::default() }
    }

    /// Lines that were not logged because there were too many in a second.
    pub(crate) fn dropped(&self) -> u64 {
        self.rate.dropped()
    }
}

impl Output {
    pub(crate) fn new(speaker: &Arc<Speaker>, context: &Context, bytes_max: usize) -> Arc<Self> {
        let lines = Lines {
            origin: Origin::of(context),
            stdout: Vec::new(),
            stderr: Vec::new(),
            last_words: Vec::new(),
            bytes_left: bytes_max,
            bytes_dropped: 0,
            lines_left: LINES_MAX,
        };
        Arc::new(Self { speaker: Arc::clone(speaker), lines: Mutex::new(lines) })
    }

    /// Ends one invocation's output and begins the next one's.
    pub(crate) fn restart(&self, context: &Context, bytes_max: usize) {
        self.finish();
        let mut lines = self.lines.lock();
        lines.origin = Origin::of(context);
        lines.bytes_left = bytes_max;
        lines.lines_left = LINES_MAX;
        lines.last_words.clear();
    }

    /// Logs what has no newline yet, and how much was dropped.
    pub(crate) fn finish(&self) {
        let mut lines = self.lines.lock();
        let origin = lines.origin;
        for channel in [Channel::Stdout, Channel::Stderr] {
            let rest = std::mem::take(lines.buffer(channel));
            if !rest.is_empty() {
                self.log(origin, channel, &rest);
            }
        }
        let dropped = std::mem::take(&mut lines.bytes_dropped);
        if dropped > 0 {
            let text = format!("output truncated: {dropped} bytes were dropped");
            self.say(origin, Severity::Warn, Line::default(), &text);
        }
    }

    /// The end of what was written to stderr: for Rust, the panic's message.
    pub(crate) fn last_words(&self) -> String {
        String::from_utf8_lossy(&self.lines.lock().last_words).trim().to_owned()
    }

    /// Logs a message of several lines as one.
    pub(crate) fn message(&self, severity: Severity, context: &str, message: &str) {
        let mut lines = self.lines.lock();
        let context = beginning(context, CONTEXT_BYTES_MAX);
        if lines.lines_left == 0 {
            lines.bytes_dropped += message.len();
            return;
        }
        lines.lines_left -= 1;
        let line = beginning(message, LINE_BYTES_MAX);
        let kept = beginning(line, lines.take(line.as_bytes()));
        lines.bytes_dropped += message.len() - kept.len();
        let line = Line {
            context: Some(context).filter(|context| !context.is_empty()),
            critical: (severity == Severity::Critical).then_some(true),
            ..Line::default()
        };
        self.say(lines.origin, severity, line, kept);
    }

    fn write(&self, channel: Channel, bytes: &[u8]) {
        let mut lines = self.lines.lock();
        if channel == Channel::Stderr {
            lines.remember(bytes);
        }
        let (kept, dropped) = bytes.split_at(lines.take(bytes));
        lines.bytes_dropped += dropped.len();
        let origin = lines.origin;
        for piece in kept.split_inclusive(|byte| *byte == b'\n') {
            if lines.lines_left == 0 {
                lines.bytes_dropped += piece.len();
                continue;
            }
            lines.buffer(channel).extend_from_slice(piece);
            if piece.ends_with(b"\n") || lines.buffer(channel).len() >= LINE_BYTES_MAX {
                let text = std::mem::take(lines.buffer(channel));
                for line in text.chunks(LINE_BYTES_MAX) {
                    self.log(origin, channel, line);
                    lines.lines_left = lines.lines_left.saturating_sub(1);
                }
            }
        }
    }

    fn log(&self, origin: Origin, channel: Channel, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\n', '\r']);
        let (stream, severity) = match channel {
            Channel::Stdout => ("stdout", Severity::Info),
            Channel::Stderr => ("stderr", Severity::Warn),
        };
        self.say(origin, severity, Line { stream: Some(stream), ..Line::default() }, text);
    }

    /// Logs it, unless the service has said too much in this second.
    fn say(&self, origin: Origin, severity: Severity, line: Line<'_>, text: &str) {
        let Speaker { service, revision, rate } = &*self.speaker;
        match rate.take(text.len(), Instant::now()) {
            Say::Logged => {}
            Say::PassedOver => return,
            Say::TellOf { passed_over } => {
                tracing::warn!(%service, revision, "the service says more than is logged: {passed_over} lines were dropped");
                return;
            }
        }
        let Origin { request_id, .. } = origin;
        let trace_id = Hex(origin.trace_id);
        let Line { stream, context, critical } = line;
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(target: "guest", %service, revision, %request_id, %trace_id, stream, context, critical, "{text}")
            };
        }
        match severity {
            Severity::Trace => log!(trace),
            Severity::Debug => log!(debug),
            Severity::Info => log!(info),
            Severity::Warn => log!(warn),
            Severity::Error | Severity::Critical => log!(error),
        }
    }
}

impl Origin {
    fn of(context: &Context) -> Self {
        Self { request_id: context.request_id, trace_id: context.trace.trace_id }
    }
}

/// A trace's id, as everybody writes it.
pub(crate) struct Hex(pub(crate) u128);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What a byte takes once it is written: who says nothing but control characters must not fill a log six times as fast.
/// What else is escaped, or is no UTF-8, becomes three times as long at most.
fn written_bytes(byte: u8) -> usize {
    let is_escaped = byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r');
    if is_escaped { ESCAPE_BYTES } else { 1 }
}

/// As much of the beginning as fits.
fn beginning(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default()
}

impl Lines {
    fn buffer(&mut self, channel: Channel) -> &mut Vec<u8> {
        match channel {
            Channel::Stdout => &mut self.stdout,
            Channel::Stderr => &mut self.stderr,
        }
    }

    /// Takes as many bytes off what may still be said as there is room for, and answers how many those are. Nothing fits
    /// after what did not, so a flood is not looked at.
    fn take(&mut self, bytes: &[u8]) -> usize {
        if self.bytes_left == 0 || self.lines_left == 0 {
            return 0;
        }
        let fits = |byte: &&u8| {
            let rest = self.bytes_left.checked_sub(written_bytes(**byte));
            self.bytes_left = rest.unwrap_or_default();
            rest.is_some()
        };
        bytes.iter().take_while(fits).count()
    }

    fn remember(&mut self, bytes: &[u8]) {
        let tail = bytes.len().saturating_sub(LAST_WORDS_BYTES);
        let tail = bytes.get(tail..).unwrap_or_default();
        let surplus = (self.last_words.len() + tail.len()).saturating_sub(LAST_WORDS_BYTES);
        self.last_words.drain(..surplus);
        self.last_words.extend_from_slice(tail);
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn output(bytes_max: usize) -> Arc<Output> {
        let context = Context::root(Duration::from_secs(1));
        Output::new(&Arc::new(Speaker::new("orders", 1)), &context, bytes_max)
    }

    #[test]
    fn a_flood_of_newlines_is_capped_too() {
        let output = output(16 << 10);
        output.write(Channel::Stdout, &[b'\n'; 10_000]);
        let lines = output.lines.lock();
        assert_eq!(lines.bytes_dropped, 10_000 - LINES_MAX as usize);
    }

    #[test]
    fn output_is_capped_and_the_last_words_are_kept() {
        let output = output(100);
        for _ in 0..1000 {
            output.write(Channel::Stderr, &[b'x'; 50]);
        }
        output.write(Channel::Stderr, b"\npanicked at src/lib.rs\n");
        let lines = output.lines.lock();
        assert_eq!(lines.bytes_left, 0);
        assert_eq!(lines.bytes_dropped, 50_000 - 100 + 24);
        assert!(lines.stderr.len() <= LINE_BYTES_MAX);
        assert!(lines.last_words.len() <= LAST_WORDS_BYTES);
        drop(lines);
        assert!(output.last_words().ends_with("panicked at src/lib.rs"));
    }

    #[test]
    fn control_characters_count_as_what_is_written_for_them() {
        let output = output(100);
        output.write(Channel::Stdout, &[0; 50]);
        output.write(Channel::Stdout, b"after");
        let dropped = 50 - 100 / ESCAPE_BYTES + 5;
        assert_eq!(output.lines.lock().bytes_dropped, dropped);
        let output = self::output(100);
        output.message(Severity::Info, "", &"\u{1b}".repeat(50));
        assert_eq!(output.lines.lock().bytes_dropped, 50 - 100 / ESCAPE_BYTES);
        let output = self::output(100);
        output.write(Channel::Stdout, b"a\tb\r\n");
        assert_eq!(output.lines.lock().bytes_left, 95);
    }

    #[test]
    fn messages_are_capped_by_bytes_and_number() {
        let output = output(100);
        output.message(Severity::Info, "", &"ä".repeat(60));
        output.message(Severity::Critical, &"c".repeat(500), "after");
        let dropped = output.lines.lock().bytes_dropped;
        assert_eq!(dropped, 120 - 100 + 5, "between characters, and then nothing more");
        for _ in 0..LINES_MAX {
            output.message(Severity::Info, "", "");
        }
        output.message(Severity::Info, "", "one too many");
        assert_eq!(output.lines.lock().bytes_dropped, dropped + 12);
    }
}
