//! `thali build`: from a component crate to one file that can be deployed.
//!
//! Cargo compiles; manifest, migrations, seed data and WIT documentation are packed beside the code.
//! Everything that a deploy checks about the file alone is checked here too, so that a mistake shows
//! where it was made. The same input makes the same bytes, and equal bytes are not written again, so
//! that a host which watches the folder is not woken for nothing.

mod cargo;
mod error;
mod mistakes;
mod parts;
mod running;
mod sources;
mod wit;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use semver::Version;
use serde::Serialize;
use thali_contract::events;
use thali_contract::manifest::Manifest;
use thali_contract::name::{Digest, ServiceName};
use thali_contract::pack::{Parts, pack, unpack};
use thali_contract::read::read_contract;
use thali_contract::route::Routes;

pub(crate) use cargo::Words;
pub(crate) use error::BuildError;
pub(crate) use running::Running;

use error::io;

/// The manifest's file name.
pub(crate) const MANIFEST: &str = "service.toml";

/// The folder under cargo's target folder that holds what was built.
const OUTPUT: &str = "components";

/// What [`build`] made.
#[derive(Debug, Serialize)]
pub(crate) struct BuildReport {
    /// The service.
    pub(crate) name: ServiceName,
    /// Its version.
    pub(crate) version: Version,
    /// The file.
    pub(crate) path: PathBuf,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its digest.
    pub(crate) digest: Digest,
    /// Whether the file is another than before.
    pub(crate) changed: bool,
    /// How long it took.
    pub(crate) seconds: f64,
    /// The folders of everything that it was compiled from.
    #[serde(skip)]
    pub(crate) sources: BTreeSet<PathBuf>,
}

/// How cargo is run.
#[derive(Clone, Copy, Default)]
pub(crate) struct How<'a> {
    /// Where its messages go.
    pub(crate) words: Words<'a>,
    /// Through what it can be ended. Without one it ends with Ctrl-C, as this process does.
    pub(crate) running: Option<&'a Running>,
}

/// Builds the component crate in `dir` and writes `target/components/NAME.wasm`.
pub(crate) fn build(dir: &Path, how: How<'_>) -> Result<BuildReport, BuildError> {
    let started = Instant::now();
    // What is wrong with it is told under the name by which it was asked for.
    let manifest_path = dir.join(MANIFEST);
    let text = fs::read_to_string(&manifest_path).map_err(|reason| match reason.kind() {
        ErrorKind::NotFound => BuildError::NoManifest(dir.to_owned()),
        _ => io("read", &manifest_path)(reason),
    })?;
    let dir = fs::canonicalize(dir).map_err(io("open", dir))?;
    let manifest = Manifest::parse(&text).map_err(BuildError::manifest(&manifest_path, &text))?;
    let package = cargo::package(&dir)?;
    // Read before compiling: a missing file shows in a moment, not after a minute.
    let (migrations, seed) = parts::database(&dir, manifest.database.as_ref())?;
    let component = cargo::compile(&dir, &package, how)?;
    let sources = sources::folders(&component);
    let component = fs::read(&component).map_err(io("read", &component))?;
    let contract = read_contract(&component).map_err(BuildError::Component)?;
    let wit = wit::packages(&dir, &package.workspace_root, &contract)?;
    let packed = pack(&component, &Parts { manifest: text, migrations, seed, wit })
        .map_err(BuildError::Pack)?;
    check(&packed, &manifest_path)?;
    let path =
        package.target_directory.join(OUTPUT).join(format!("{}.wasm", manifest.service.name));
    let changed = write_if_changed(&path, &packed)?;
    Ok(BuildReport {
        name: manifest.service.name,
        version: manifest.service.version,
        path,
        size: packed.len() as u64,
        digest: Digest::of(&packed),
        changed,
        seconds: started.elapsed().as_secs_f64(),
        sources,
    })
}

/// The folder that holds what is built from `dir`, and from the crates that share its target folder.
pub(crate) fn output(dir: &Path) -> Result<PathBuf, BuildError> {
    let dir = fs::canonicalize(dir).map_err(io("open", dir))?;
    Ok(cargo::package(&dir)?.target_directory.join(OUTPUT))
}

/// What a deploy checks about the file alone.
fn check(packed: &[u8], manifest_path: &Path) -> Result<(), BuildError> {
    let contract = read_contract(packed).map_err(BuildError::Component)?;
    let parts = unpack(packed).map_err(BuildError::Pack)?;
    let mistakes = BuildError::manifest(manifest_path, &parts.manifest);
    let manifest = Manifest::parse(&parts.manifest).map_err(&mistakes)?;
    Routes::build(&manifest, &contract).map_err(&mistakes)?;
    events::check(&manifest, &contract).map_err(&mistakes)
}

/// Writes the file aside and moves it into place, unless it is there already. Answers whether it was
/// written.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<bool, BuildError> {
    if fs::read(path).is_ok_and(|before| before == bytes) {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io("create", folder))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder.join(format!(".{name}.{}", std::process::id()));
    let written = fs::write(&aside, bytes)
        .map_err(io("write", &aside))
        .and_then(|()| fs::rename(&aside, path).map_err(io("write", path)));
    if written.is_err() {
        // Best effort: what failed already is the error to tell.
        let _ = fs::remove_file(&aside);
    }
    written.map(|()| true)
}

impl fmt::Display for BuildReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, path, size, digest, changed, seconds, .. } = self;
        let kib = size.div_ceil(1024);
        let state = if *changed { "" } else { ", unchanged" };
        let digest = digest.short();
        write!(
            f,
            "{name} {version}  {}  {kib} KiB, {digest}{state} ({seconds:.1} s)",
            path.display()
        )
    }
}
