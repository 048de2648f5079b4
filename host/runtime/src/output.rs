//! What a guest writes to stdout and stderr: lines in the host's log, capped.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use uuid::Uuid;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// A longer line is cut here and goes on as another.
const LINE_BYTES_MAX: usize = 4096;

/// Lines that one invocation may log; what it writes after them counts as dropped.
const LINES_MAX: u32 = 256;

/// How much of stderr is kept to explain a trap: a panic's message comes last.
const LAST_WORDS_BYTES: usize = 1024;

/// How much a guest may offer in one write before it has to ask again.
const WRITE_BYTES: usize = 64 << 10;

/// Which of the two streams a guest wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Stdout,
    Stderr,
}

/// Both streams of one instance.
pub(crate) struct Output {
    service: Arc<str>,
    lines: Mutex<Lines>,
}

struct Lines {
    request_id: Uuid,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    last_words: Vec<u8>,
    bytes_left: usize,
    bytes_dropped: usize,
    lines_left: u32,
}

impl Output {
    pub(crate) fn new(service: Arc<str>, request_id: Uuid, bytes_max: usize) -> Arc<Self> {
        let lines = Lines {
            request_id,
            stdout: Vec::new(),
            stderr: Vec::new(),
            last_words: Vec::new(),
            bytes_left: bytes_max,
            bytes_dropped: 0,
            lines_left: LINES_MAX,
        };
        Arc::new(Self { service, lines: Mutex::new(lines) })
    }

    /// Ends one invocation's output and begins the next one's.
    pub(crate) fn restart(&self, request_id: Uuid, bytes_max: usize) {
        self.finish();
        let mut lines = self.lines.lock();
        lines.request_id = request_id;
        lines.bytes_left = bytes_max;
        lines.lines_left = LINES_MAX;
        lines.last_words.clear();
    }

    /// Logs what has no newline yet, and how much was dropped.
    pub(crate) fn finish(&self) {
        let mut lines = self.lines.lock();
        let id = lines.request_id;
        for channel in [Channel::Stdout, Channel::Stderr] {
            let rest = std::mem::take(lines.buffer(channel));
            if !rest.is_empty() {
                self.log(id, channel, &rest);
            }
        }
        let dropped = std::mem::take(&mut lines.bytes_dropped);
        if dropped > 0 {
            tracing::warn!(target: "guest", service = %self.service, request_id = %id, "output truncated: {dropped} bytes were dropped");
        }
    }

    /// The end of what was written to stderr: for Rust, the panic's message.
    pub(crate) fn last_words(&self) -> String {
        String::from_utf8_lossy(&self.lines.lock().last_words).trim().to_owned()
    }

    fn write(&self, channel: Channel, bytes: &[u8]) {
        let mut lines = self.lines.lock();
        let (kept, dropped) = bytes.split_at(bytes.len().min(lines.bytes_left));
        lines.bytes_left -= kept.len();
        lines.bytes_dropped += dropped.len();
        if channel == Channel::Stderr {
            lines.remember(bytes);
        }
        let id = lines.request_id;
        for piece in kept.split_inclusive(|byte| *byte == b'\n') {
            if lines.lines_left == 0 {
                lines.bytes_dropped += piece.len();
                continue;
            }
            lines.buffer(channel).extend_from_slice(piece);
            if piece.ends_with(b"\n") || lines.buffer(channel).len() >= LINE_BYTES_MAX {
                let text = std::mem::take(lines.buffer(channel));
                for line in text.chunks(LINE_BYTES_MAX) {
                    self.log(id, channel, line);
                    lines.lines_left = lines.lines_left.saturating_sub(1);
                }
            }
        }
    }

    fn log(&self, request_id: Uuid, channel: Channel, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\n', '\r']);
        let service = &self.service;
        match channel {
            Channel::Stdout => tracing::info!(target: "guest", %service, %request_id, "{text}"),
            Channel::Stderr => tracing::warn!(target: "guest", %service, %request_id, "{text}"),
        }
    }
}

impl Lines {
    fn buffer(&mut self, channel: Channel) -> &mut Vec<u8> {
        match channel {
            Channel::Stdout => &mut self.stdout,
            Channel::Stderr => &mut self.stderr,
        }
    }

    fn remember(&mut self, bytes: &[u8]) {
        let tail = bytes.len().saturating_sub(LAST_WORDS_BYTES);
        self.last_words.extend(bytes.iter().skip(tail));
        let surplus = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
        self.last_words.drain(..surplus);
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.finish();
    }
}

/// One of the two streams, as WASI wants it.
#[derive(Clone)]
pub(crate) struct Stream {
    output: Arc<Output>,
    channel: Channel,
}

impl Stream {
    pub(crate) fn new(output: &Arc<Output>, channel: Channel) -> Self {
        Self { output: Arc::clone(output), channel }
    }
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.output.write(self.channel, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.output.write(self.channel, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_newlines_is_capped_too() {
        let output = Output::new("orders".into(), Uuid::nil(), 16 << 10);
        output.write(Channel::Stdout, &[b'\n'; 10_000]);
        let lines = output.lines.lock();
        assert_eq!(lines.bytes_dropped, 10_000 - LINES_MAX as usize);
    }

    #[test]
    fn output_is_capped_and_the_last_words_are_kept() {
        let output = Output::new("orders".into(), Uuid::nil(), 100);
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
}
