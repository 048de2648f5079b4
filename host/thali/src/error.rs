//! What can go wrong on the command line, each with the way out.

use std::path::PathBuf;
use std::process::ExitCode;

use miette::Diagnostic;
use serde_json::Value;
use thiserror::Error;

use crate::build::BuildError;
use crate::dev::NoComponents;
use crate::host_file::FileMistakes;
use crate::new::NewError;

/// Exit code when what was asked for was not done, or a check failed.
const FAILED: u8 = 1;
/// Exit code of a command line that cannot be understood.
const USAGE: u8 = 2;
/// Exit code when no host answers.
const UNREACHABLE: u8 = 3;
/// Exit code when the host said no.
const REFUSED: u8 = 4;
/// Exit code when the host does not have what was named.
const NOT_FOUND: u8 = 5;

/// The statuses with which a host says no, rather than that it cannot.
const CLIENT_ERRORS: std::ops::Range<u64> = 400..500;

/// What can go wrong on the command line.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum CliError {
    #[error("no host answers at {url}: {reason}")]
    #[diagnostic(help("start one with `thali up`, or name another with --admin-url"))]
    Unreachable { url: String, reason: String },

    #[error("{0}")]
    Refused(Refusal),

    #[error("{refusal}")]
    NotFound {
        refusal: Refusal,
        #[help]
        help: String,
    },

    #[error("{path} cannot be read: {reason}")]
    #[diagnostic(help("build it first: `thali build DIR` writes target/components/NAME.wasm"))]
    Read { path: PathBuf, reason: std::io::Error },

    #[error("{path} cannot be written: {reason}")]
    #[diagnostic(help("name another file, or say --force"))]
    Write { path: PathBuf, reason: std::io::Error },

    #[error("the answer broke off: {0}")]
    #[diagnostic(help("the host's log says why; nothing was kept"))]
    Broken(String),

    #[error("standard input cannot be read: {0}")]
    Terminal(std::io::Error),

    #[error("{0}")]
    #[diagnostic(help(
        "write interface.function, such as ordering.place; `thali show NAME` lists them"
    ))]
    Function(String),

    #[error("{0:?} is no share")]
    #[diagnostic(help("write each revision once with its percent, such as v7=90 v8=10"))]
    Share(String),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Build(#[from] BuildError),

    #[error(transparent)]
    #[diagnostic(transparent)]
    New(#[from] NewError),

    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] Box<FileMistakes>),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Components(#[from] NoComponents),

    /// An option that only shows to be wrong when it is used.
    #[error("{0}")]
    Usage(clap::Error),

    #[error("{what}")]
    Start {
        what: String,
        #[help]
        help: Option<String>,
    },
}

/// A problem document, as the host sent it.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Value);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str);
        write!(f, "{}", text("title").unwrap_or("the host refused"))?;
        if let Some(detail) = text("detail") {
            write!(f, ": {detail}")?;
        }
        for mistake in self.0.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let part = |name: &str| mistake.get(name).and_then(Value::as_str).unwrap_or_default();
            match part("pointer") {
                "" => write!(f, "\n  - {}", part("detail"))?,
                pointer => write!(f, "\n  - {pointer}: {}", part("detail"))?,
            }
        }
        // What the function itself answered, for `thali call`.
        if let Some(error) = self.0.get("error") {
            write!(f, ": {error}")?;
        }
        if matches!(text("code"), Some("unauthenticated" | "invalid_token")) {
            write!(f, "\n(the admin API's token: --admin-token-file, or THALI_ADMIN_TOKEN)")?;
        }
        match text("request_id") {
            Some(id) => write!(f, "\n(request {id})"),
            None => Ok(()),
        }
    }
}

impl CliError {
    /// What scripts go by: docs/cli.md has the table.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Unreachable { .. } => UNREACHABLE,
            Self::NotFound { .. } => NOT_FOUND,
            Self::Usage(_) | Self::Function(_) | Self::Share(_) => USAGE,
            Self::Refused(Refusal(problem)) => {
                match problem.get("status").and_then(Value::as_u64) {
                    Some(404) => NOT_FOUND,
                    Some(status) if CLIENT_ERRORS.contains(&status) => REFUSED,
                    _ => FAILED,
                }
            }
            _ => FAILED,
        })
    }

    /// For programs: the host's own problem document, or one like it.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Refused(Refusal(problem)) if problem.is_object() => problem.clone(),
            Self::NotFound { refusal: Refusal(problem), .. } if problem.is_object() => {
                problem.clone()
            }
            other => {
                let help = other.help().map(|help| help.to_string());
                serde_json::json!({ "title": other.to_string(), "detail": help })
            }
        }
    }

    /// Why the host does not start, with everything that caused it, in one line.
    pub(crate) fn chain(error: impl std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self::start(text)
    }

    /// Why the host does not start.
    pub(crate) fn start(what: impl std::fmt::Display) -> Self {
        Self::Start { what: what.to_string(), help: None }
    }
}
