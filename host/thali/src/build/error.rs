//! Why a component could not be built.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thali_contract::pack::PackError;
use thali_contract::problem::Mistake;
use thali_contract::read::ReadError;
use thiserror::Error;

use super::mistakes::ManifestMistakes;

/// Why a component could not be built.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum BuildError {
    /// A file or folder could not be used.
    #[error("cannot {action} {}: {reason}", path.display())]
    Io {
        /// What was tried: `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's word.
        reason: std::io::Error,
    },
    /// The folder has no manifest.
    #[error("{} is not the folder of a service: it has no service.toml", _0.display())]
    #[diagnostic(help("name a folder such as components/orders, or make one: thali new notes"))]
    NoManifest(PathBuf),
    /// The manifest is wrong, in itself or for this component.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifest(Box<ManifestMistakes>),
    /// Cargo does not start.
    #[error("cannot run {program}: {reason}")]
    #[diagnostic(help("install Rust from https://rustup.rs, or set CARGO to the path of cargo"))]
    NoCargo {
        /// What was run.
        program: String,
        /// The operating system's word.
        reason: std::io::Error,
    },
    /// `cargo metadata` failed.
    #[error("cargo does not understand {}: {reason}", dir.display())]
    Metadata {
        /// The folder.
        dir: PathBuf,
        /// What cargo said.
        reason: String,
    },
    /// The folder's `Cargo.toml` has no package.
    #[error("{} is not a package: its Cargo.toml has no [package]", _0.display())]
    NoPackage(PathBuf),
    /// The package makes no component.
    #[error("the package {0} makes no component")]
    #[diagnostic(help("add to its Cargo.toml:\n[lib]\ncrate-type = [\"cdylib\"]"))]
    NoCdylib(String),
    /// The compiler failed; it said why itself.
    #[error("cargo could not build {package}; its messages are above")]
    Compile {
        /// The package.
        package: String,
    },
    /// The compiler has no standard library for components.
    #[error("Rust cannot build components yet: the target wasm32-wasip2 is not installed")]
    #[diagnostic(help("rustup target add wasm32-wasip2"))]
    NoTarget,
    /// The WIT packages are wrong.
    #[error("the WIT in {} is wrong: {reason}", dir.display())]
    Wit {
        /// The folder.
        dir: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// The compiler made something that could not be deployed.
    #[error("what cargo built cannot be deployed: {0}")]
    Component(ReadError),
    /// The parts do not fit into a component.
    #[error("cannot pack the component: {0}")]
    Pack(PackError),
}

impl BuildError {
    /// Mistakes in this text, which is the manifest at `path`.
    pub(super) fn manifest(path: &Path, text: &str) -> impl Fn(Vec<Mistake>) -> Self {
        move |mistakes| Self::Manifest(Box::new(ManifestMistakes::new(path, text, mistakes)))
    }
}

/// What went wrong with a file or folder.
pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BuildError {
    move |reason| BuildError::Io { action, path: path.to_owned(), reason }
}
