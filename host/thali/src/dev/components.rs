//! The components that are worked on, and the folders whose files they are made from.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thali_contract::manifest::Manifest;
use thiserror::Error;

use crate::build::{BuildReport, MANIFEST};

/// The folder that has the components of a workspace.
const SERVICES: &str = "components";

/// The folder that has contracts, in a component's folder or above it.
const CONTRACTS: &str = "wit";

/// Folders deeper than this are not looked into.
const DEPTH_MAX: usize = 8;

/// Why there is nothing to work on.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum NoComponents {
    /// Nothing was named, and there is nothing here.
    #[error("there is no service in {}: it has no service.toml, and no components/*/service.toml", _0.display())]
    #[diagnostic(help("name the folder of a service, or make one: thali new notes"))]
    Here(PathBuf),
    /// What was named is no service.
    #[error("{} is not the folder of a service: it has no service.toml", _0.display())]
    #[diagnostic(help("name a folder such as components/orders, or make one: thali new notes"))]
    NoManifest(PathBuf),
    /// A folder cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    #[diagnostic(help("name the folder of a service, such as components/orders"))]
    Io {
        /// The folder.
        path: PathBuf,
        /// The operating system's word.
        reason: std::io::Error,
    },
}

/// A component that is worked on.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) dir: PathBuf,
    /// The service's name; the folder's, as long as its manifest cannot be read.
    pub(super) name: String,
    /// Whether what was built last is live.
    pub(super) deployed: bool,
    /// The folders that it was compiled from, once it was; before, all that have contracts.
    sources: BTreeSet<PathBuf>,
}

impl Component {
    fn at(dir: &Path) -> Result<Self, NoComponents> {
        let canonical = fs::canonicalize(dir);
        let path = canonical.map_err(|reason| NoComponents::Io { path: dir.to_owned(), reason })?;
        let manifest = fs::read_to_string(path.join(MANIFEST))
            .map_err(|_| NoComponents::NoManifest(dir.to_owned()))?;
        let dir = path;
        let name = match Manifest::parse(&manifest) {
            Ok(manifest) => manifest.service.name.to_string(),
            Err(_) => dir.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        };
        let contracts = dir.ancestors().map(|above| above.join(CONTRACTS)).find(|wit| wit.is_dir());
        let mut sources = BTreeSet::new();
        if let Some(contracts) = contracts {
            below(&contracts, DEPTH_MAX, &mut sources);
        }
        Ok(Self { dir, name, deployed: false, sources })
    }

    /// Takes what a build has found out.
    pub(super) fn built(&mut self, report: &BuildReport) {
        self.name = report.name.to_string();
        if !report.sources.is_empty() {
            self.sources.clone_from(&report.sources);
        }
    }

    /// The folders whose files it is made from.
    pub(super) fn folders(&self) -> BTreeSet<PathBuf> {
        let mut folders = BTreeSet::new();
        below(&self.dir, DEPTH_MAX, &mut folders);
        // After that: below a folder that is known already nobody looks.
        folders.extend(self.sources.iter().cloned());
        folders
    }

    /// Whether a change of this file may change the component. Contracts that it does not use may not.
    pub(super) fn is_made_from(&self, file: &Path) -> bool {
        file.starts_with(&self.dir)
            || file.parent().is_some_and(|folder| self.sources.contains(folder))
    }
}

/// The components in these folders; without any, the one here, or those of the workspace.
pub(super) fn find(folders: &[PathBuf]) -> Result<Vec<Component>, NoComponents> {
    if !folders.is_empty() {
        return folders.iter().map(|folder| Component::at(folder)).collect();
    }
    let here = Path::new(".");
    if here.join(MANIFEST).is_file() {
        return Ok(vec![Component::at(here)?]);
    }
    let mut found: Vec<PathBuf> = fs::read_dir(here.join(SERVICES))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| folder.join(MANIFEST).is_file())
        .collect();
    if found.is_empty() {
        return Err(NoComponents::Here(fs::canonicalize(here).unwrap_or_else(|_| here.into())));
    }
    found.sort();
    found.iter().map(|folder| Component::at(folder)).collect()
}

/// A folder and those below it, without what is built there and what is hidden.
fn below(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) {
    if !found.insert(folder.to_owned()) || depth == 0 {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !name.starts_with('.') && name != "target" && name != "node_modules" {
            below(&entry.path(), depth - 1, found);
        }
    }
}

/// Whether this is a file that somebody writes, and not one that an editor or cargo puts beside it.
pub(super) fn is_source(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let ends = ["~", ".swp", ".swx", ".tmp", ".bak", ".orig", ".rej"];
    // Vim tries with a file of this name whether it may write.
    let others = ["Cargo.lock", "4913", "target", "node_modules"];
    !name.starts_with(['.', '#'])
        && !ends.iter().any(|end| name.ends_with(end))
        && !others.contains(&&*name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(dir: &Path, name: &str) {
        fs::create_dir_all(dir.join("src/deep")).unwrap();
        fs::create_dir_all(dir.join("target/debug")).unwrap();
        let manifest =
            format!("[service]\nname = \"{name}\"\nversion = \"1.0.0\"\ndescription = \"\"\n");
        fs::write(dir.join(MANIFEST), manifest).unwrap();
    }

    #[test]
    fn a_component_is_made_from_its_folder_and_the_contracts_that_it_uses() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let dir = root.join("components/a");
        service(&dir, "alpha");
        fs::create_dir_all(root.join("wit/a")).unwrap();
        fs::create_dir_all(root.join("wit/b")).unwrap();
        let mut component = Component::at(&dir).unwrap();
        assert_eq!(component.name, "alpha");
        assert!(
            component.is_made_from(&root.join("wit/b/b.wit")),
            "nothing is known before a build"
        );
        assert!(component.folders().contains(&dir.join("src/deep")));
        assert!(!component.folders().contains(&dir.join("target")));

        component.sources = [root.join("wit/a"), dir.join("src"), dir.clone()].into();
        assert!(
            component.folders().contains(&dir.join("src/deep")),
            "below what was compiled, too"
        );
        assert!(component.is_made_from(&root.join("wit/a/a.wit")));
        assert!(!component.is_made_from(&root.join("wit/b/b.wit")));
        assert!(component.is_made_from(&dir.join("migrations/0002_more.sql")));
    }

    #[test]
    fn what_is_no_service_is_told_with_the_way_out() {
        let root = tempfile::tempdir().unwrap();
        let error = find(&[root.path().to_owned()]).unwrap_err();
        assert!(matches!(error, NoComponents::NoManifest(_)), "{error}");
        let error = find(&[root.path().join("none")]).unwrap_err();
        assert!(matches!(error, NoComponents::Io { .. }), "{error}");
    }

    #[test]
    fn what_editors_and_cargo_leave_is_no_source() {
        for name in ["lib.rs", "service.toml", "0001_init.sql", "a.wit", "Cargo.toml"] {
            assert!(is_source(Path::new(name)), "{name}");
        }
        for name in [".lib.rs.swp", "lib.rs~", "#lib.rs#", "4913", "Cargo.lock", "lib.rs.tmp"] {
            assert!(!is_source(Path::new(name)), "{name}");
        }
    }
}
