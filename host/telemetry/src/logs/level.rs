//! How much a record matters.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// How much a record matters. The most important one is the greatest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Every step.
    #[default]
    Trace,
    /// For who looks for a mistake.
    Debug,
    /// What happens.
    Info,
    /// What may become a trouble.
    Warn,
    /// What went wrong.
    Error,
}

/// Text that is not a level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a level: write error, warn, info, debug or trace")]
pub struct UnknownLevel(String);

impl Level {
    /// As logs write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The level that a program calls so in its own log: names differ by language.
    pub(super) fn called(name: &str) -> Option<Self> {
        let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        match () {
            () if is(&["error", "err", "critical", "fatal", "alert", "emergency", "panic"]) => {
                Some(Self::Error)
            }
            () if is(&["warn", "warning"]) => Some(Self::Warn),
            () if is(&["info", "notice", "information"]) => Some(Self::Info),
            () if is(&["debug"]) => Some(Self::Debug),
            () if is(&["trace", "verbose"]) => Some(Self::Trace),
            () => None,
        }
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        let all = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];
        let found = all.into_iter().find(|level| level.name() == text);
        found.ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<tracing::Level> for Level {
    fn from(level: tracing::Level) -> Self {
        match level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG => Self::Debug,
            tracing::Level::TRACE => Self::Trace,
        }
    }
}
