//! Why no service could be made.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thali_contract::name::InvalidServiceName;
use thiserror::Error;

/// Why no service could be made. Nothing of it is left behind.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum NewError {
    /// No service can have this name.
    #[error(transparent)]
    #[diagnostic(help("choose a name such as orders or order-history"))]
    Name(#[from] InvalidServiceName),
    /// A service could have this name, a crate or a WIT package could not.
    #[error("{name} cannot be the name of a new service: {reason}")]
    #[diagnostic(help("choose a name such as orders or order-history"))]
    Reserved {
        /// The name.
        name: String,
        /// What is in its way.
        reason: String,
    },
    /// There is no such template.
    #[error("there is no template {0:?}")]
    #[diagnostic(help("thali new --list"))]
    Template(String),
    /// There is something already.
    #[error("{} is there already", _0.display())]
    #[diagnostic(help("choose another name, or another folder with --in"))]
    Exists(PathBuf),
    /// A file or folder could not be used.
    #[error("cannot {action} {}: {reason}", path.display())]
    #[diagnostic(help("name a folder that is there and can be written to with --in"))]
    Io {
        /// What was tried: `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's word.
        reason: std::io::Error,
    },
    /// The workspace around the folder has a `Cargo.toml` that cannot be read.
    #[error("{} is no Cargo.toml: {reason}", path.display())]
    #[diagnostic(help("mend it, or name a folder outside of the workspace with --in"))]
    Workspace {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// What went wrong with a file or folder.
pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> NewError {
    move |reason| NewError::Io { action, path: path.to_owned(), reason }
}
