//! `thali new`: a small service that builds, passes its tests and serves at once, to be made into another.
//!
//! Inside the workspace that has the platform's contracts the service becomes a member of it: its crate
//! goes where it is asked for, its contract to `wit/` beside the others. Anywhere else it is a crate of
//! its own that carries those contracts along. What is made is there as a whole or not at all.

mod error;
mod files;
mod workspace;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thali_contract::name::ServiceName;

pub(crate) use error::NewError;

use error::io;
use files::{KINDS, Kind, Words};
use workspace::Workspace;

/// The folder that services are made in at the root of a workspace.
const SERVICES: &str = "components";

/// What [`new`] made.
#[derive(Debug, Serialize)]
pub(crate) struct NewReport {
    /// The service.
    name: ServiceName,
    /// What it was made from.
    template: &'static str,
    /// The folder of its crate.
    path: PathBuf,
    /// The folder of its contract.
    contract: PathBuf,
    /// The workspace that it is a member of. Absent: a crate of its own.
    workspace: Option<PathBuf>,
}

/// The name and the use of every template, the usual one first.
pub(crate) fn templates() -> impl Iterator<Item = (&'static str, &'static str)> {
    KINDS.iter().map(|kind| (kind.name, kind.about))
}

/// Makes a service in `dir`; without one, where services go in this workspace, or here.
pub(crate) fn new(name: &str, template: &str, dir: Option<&Path>) -> Result<NewReport, NewError> {
    let name: ServiceName = name.parse()?;
    let known = KINDS.iter().find(|kind| kind.name == template);
    let kind = known.ok_or_else(|| NewError::Template(template.to_owned()))?;
    let here = dir.unwrap_or(Path::new("."));
    let absolute = fs::canonicalize(here).map_err(io("open", here))?;
    let workspace = Workspace::around(&absolute)?;
    let parent = match &workspace {
        Some(workspace) if dir.is_none() && workspace.root == absolute => absolute.join(SERVICES),
        _ => absolute,
    };
    match workspace {
        Some(workspace) => member(kind, name, &parent, workspace),
        None => alone(kind, name, &parent),
    }
}

/// A crate of its own, with a copy of the platform's contracts.
fn alone(kind: &'static Kind, name: ServiceName, parent: &Path) -> Result<NewReport, NewError> {
    let words = Words::new(kind, &name, "app", "wit".into())?;
    let path = parent.join(name.as_str());
    let contract = path.join("wit").join(name.as_str());
    let mut made = Made::default();
    made.folder(&path)?;
    made.files(&path, &[kind.files, files::ALONE].concat(), &words)?;
    made.files(&path.join("wit/platform"), files::PLATFORM, &words)?;
    made.files(&contract, &words.contract(), &words)?;
    if let Some((publisher, contract)) = kind.publisher {
        let file = format!("{publisher}.wit");
        made.files(&path.join("wit").join(publisher), &[(file, contract)], &words)?;
    }
    made.keep();
    Ok(NewReport { name, template: kind.name, path, contract, workspace: None })
}

/// A member of the workspace, which has the contracts.
fn member(
    kind: &'static Kind,
    name: ServiceName,
    parent: &Path,
    workspace: Workspace,
) -> Result<NewReport, NewError> {
    let words = Words::new(kind, &name, "thali", workspace.wit_from(parent))?;
    let path = parent.join(name.as_str());
    let contract = workspace.root.join("wit").join(name.as_str());
    let mut made = Made::default();
    made.folder(&path)?;
    made.folder(&contract)?;
    made.files(&path, &[kind.files, files::MEMBER].concat(), &words)?;
    made.files(&contract, &words.contract(), &words)?;
    if let Some((publisher, contract)) = kind.publisher {
        let folder = workspace.root.join("wit").join(publisher);
        // When the publisher is there, so is its contract.
        if !folder.exists() {
            made.folder(&folder)?;
            made.files(&folder, &[(format!("{publisher}.wit"), contract)], &words)?;
        }
    }
    workspace.add(&path)?;
    made.keep();
    let workspace = Some(workspace.root);
    Ok(NewReport { name, template: kind.name, path, contract, workspace })
}

/// The folders that were made. They are removed again unless everything worked out.
#[derive(Default)]
struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a folder, which must not be there yet.
    fn folder(&mut self, path: &Path) -> Result<(), NewError> {
        fs::create_dir(path).map_err(|reason| match reason.kind() {
            std::io::ErrorKind::AlreadyExists => NewError::Exists(path.to_owned()),
            _ => NewError::Io { action: "create", path: path.to_owned(), reason },
        })?;
        self.0.push(path.to_owned());
        Ok(())
    }

    /// Writes files into a folder that this made, or below.
    fn files<N: AsRef<Path>>(
        &self,
        into: &Path,
        templates: &[(N, &str)],
        words: &Words,
    ) -> Result<(), NewError> {
        for (name, text) in templates {
            let path = into.join(name);
            let folder = path.parent().unwrap_or(into);
            fs::create_dir_all(folder).map_err(io("create", folder))?;
            fs::write(&path, words.fill(text)).map_err(io("write", &path))?;
        }
        Ok(())
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for folder in &self.0 {
            // Best effort: what failed already is the error to tell.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

impl fmt::Display for NewReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, path, contract, workspace, .. } = self;
        let (path, contract) = (path.display(), contract.display());
        writeln!(f, "{name} is in {path}, its contract in {contract}")?;
        writeln!(f, "\n  cd {path}\n  cargo test\n  thali build .")?;
        let target = workspace.as_ref().map(|root| format!("{}/", root.display()));
        let target = target.unwrap_or_default();
        write!(f, "  thali deploy {target}target/components/{name}.wasm")
    }
}
