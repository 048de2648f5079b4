//! Text that must not be seen.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use thali_contract::manifest::SECRET_BYTES_MAX;
use thiserror::Error;

use super::Environment;

/// Text that must not be seen: it has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In the host's file itself.
    Literal(Secret),
    /// In a file of its own, which is read when the service is deployed. One newline at its end is
    /// not part of the secret.
    File(PathBuf),
    /// In a variable of the environment.
    Environment(String),
}

/// Why a secret cannot be had. Its text is in none of these.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the file {} cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        source: std::io::Error,
    },
    /// The variable is not set.
    #[error("the environment variable {0} is not set")]
    NoVariable(String),
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is longer than a secret may be.
    #[error("it is longer than {SECRET_BYTES_MAX} bytes")]
    TooLong,
}

impl Secret {
    /// A secret with this text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text. Whoever asks must keep it out of logs and answers.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl SecretSource {
    /// Whether the text is in the host's file.
    pub fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    /// Gets the secret. Reads a file if it is kept in one, so keep it off the async threads.
    ///
    /// # Errors
    ///
    /// [`SecretError`]: it is not there, empty or too long.
    pub fn read(&self, environment: &Environment) -> Result<Secret, SecretError> {
        let text = match self {
            Self::Literal(secret) => return checked(secret.expose()),
            Self::Environment(name) => environment
                .get(name)
                .ok_or_else(|| SecretError::NoVariable(name.clone()))?
                .to_owned(),
            Self::File(path) => {
                read(path).map_err(|source| SecretError::File { path: path.clone(), source })?
            }
        };
        checked(&text)
    }
}

fn read(path: &std::path::Path) -> std::io::Result<String> {
    let mut text = String::new();
    // One byte more than is allowed, to tell that there is more.
    let limit = SECRET_BYTES_MAX as u64 + 2;
    std::fs::File::open(path)?.take(limit).read_to_string(&mut text)?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

fn checked(text: &str) -> Result<Secret, SecretError> {
    match text.len() {
        0 => Err(SecretError::Empty),
        length if length > SECRET_BYTES_MAX => Err(SecretError::TooLong),
        _ => Ok(Secret::new(text)),
    }
}
