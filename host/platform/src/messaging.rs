//! What mail and text messages have in common.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use thali_runtime::State;
use thali_runtime::trace::{Failure, Span, SpanKind};
use thiserror::Error;

/// How much of a text the log and the details of errors show, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// The longest name of a message, in bytes.
const ID_BYTES_MAX: usize = 200;

/// What became of messages since the host started.
#[derive(Debug, Default)]
pub(crate) struct SendTally {
    sent: AtomicU64,
    rejected: AtomicU64,
    unavailable: AtomicU64,
}

/// What became of the messages of all services since the host started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendCounts {
    /// Taken by the provider.
    pub sent: u64,
    /// Refused for good.
    pub rejected: u64,
    /// That could not be handed over now.
    pub unavailable: u64,
}

impl SendTally {
    pub(crate) fn count(&self, outcome: &Result<(), SendError>) {
        let count = match outcome {
            Ok(()) => &self.sent,
            Err(SendError::Rejected(_)) => &self.rejected,
            Err(SendError::Unavailable(_)) => &self.unavailable,
        };
        count.fetch_add(1, Relaxed);
    }

    pub(crate) fn snapshot(&self) -> SendCounts {
        SendCounts {
            sent: self.sent.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            unavailable: self.unavailable.load(Relaxed),
        }
    }
}

/// Why a message was not sent. The detail is for the service and its log.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SendError {
    /// It never will be.
    #[error("rejected: {0}")]
    Rejected(String),
    /// Not now. Try again later.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

impl SendError {
    pub(crate) fn rejected(detail: impl fmt::Display) -> Self {
        Self::Rejected(shown(&detail.to_string()))
    }

    pub(crate) fn unavailable(detail: impl fmt::Display) -> Self {
        Self::Unavailable(shown(&detail.to_string()))
    }
}

/// Begins the span of a message. To whom it goes, and what it says, is nobody's business.
pub(crate) fn span(state: &State, name: &'static str) -> Span {
    state.span(SpanKind::Client, || name.into())
}

/// Ends the span of a message.
pub(crate) fn sent(mut span: Span, sent: Result<(), SendError>) -> Result<(), SendError> {
    if let Err(error) = &sent {
        let (kind, message) = match error {
            SendError::Rejected(_) => ("rejected", "the message was refused"),
            SendError::Unavailable(_) => ("unavailable", "the message cannot be sent now"),
        };
        span.fail(Failure { kind, message });
    }
    span.end();
    sent
}

/// A text from outside as it may stand in a log or a message: one line, escaped, cut.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(escaped).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// Quotes stay as they are; whatever could move a terminal's cursor does not.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let plain = matches!(c, '"' | '\'' | '\\');
    let escape = (!plain).then(|| c.escape_debug());
    plain.then_some(c).into_iter().chain(escape.into_iter().flatten())
}

/// A message's name goes into a header: visible ASCII that needs no quoting there.
pub(crate) fn check_id(id: &str) -> Result<(), SendError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.:".contains(&byte);
    if !id.is_empty() && id.len() <= ID_BYTES_MAX && id.bytes().all(fits) {
        return Ok(());
    }
    Err(SendError::rejected(format!(
        "id must be 1 to {ID_BYTES_MAX} letters, digits, hyphens and the like, got {id:?}"
    )))
}

/// Whether a host of a URL is this machine, so that nothing can listen in between.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_short_line() {
        assert_eq!(shown("It's \"ok\"\r\n\u{1b}[2J"), "It's \"ok\"\\r\\n\\u{1b}[2J");
        assert_eq!(shown(&"é".repeat(300)).chars().count(), 201);
    }

    #[test]
    fn an_id_that_could_leave_its_header_is_refused() {
        assert!(check_id("0192-abc.d:1").is_ok());
        for bad in ["", "a b", "a\r\nBcc: x", "a>", "<a", "a@b", "é", &"a".repeat(201)] {
            assert!(check_id(bad).is_err(), "{bad:?}");
        }
    }
}
