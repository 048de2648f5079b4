//! The WIT packages whose documentation travels with a component.

use std::fs;
use std::path::{Path, PathBuf};

use thali_contract::contract::Contract;
use thali_contract::name::InterfaceName;
use wit_parser::{PackageId, PackageName, Resolve, UnresolvedPackageGroup};

use super::error::{BuildError, io};

/// The name of the folder that holds WIT.
const FOLDER: &str = "wit";

/// The encoded packages of the interfaces that a component offers, with those that they use, in the order of
/// their names. None when there is no `wit` folder: the component then has no documentation.
pub(super) fn packages(
    dir: &Path,
    workspace_root: &Path,
    contract: &Contract,
) -> Result<Vec<Vec<u8>>, BuildError> {
    let Some(folder) = find_folder(dir, workspace_root) else { return Ok(Vec::new()) };
    let resolve = parse(&folder)?;
    let wrong = |error: &dyn std::fmt::Display| wrong(&folder, format!("{error:#}"));
    let mut encoded = Vec::new();
    for id in named(&resolve, contract) {
        encoded.push(wit_component::encode(&resolve, id).map_err(|error| wrong(&error))?);
    }
    Ok(encoded)
}

/// `wit` in `dir` or in the nearest folder above it, up to the workspace's.
fn find_folder(dir: &Path, workspace_root: &Path) -> Option<PathBuf> {
    let root = fs::canonicalize(workspace_root).unwrap_or_else(|_| workspace_root.to_owned());
    dir.ancestors()
        .take_while(|folder| *folder == dir || folder.starts_with(&root))
        .map(|folder| folder.join(FOLDER))
        .find(|folder| folder.is_dir())
}

/// Parses a folder of packages, one sub-folder each; or one that is a package itself, with `deps`.
fn parse(folder: &Path) -> Result<Resolve, BuildError> {
    let mut resolve = Resolve::default();
    let (folders, has_files) = list(folder)?;
    if has_files {
        let pushed = resolve.push_dir(folder).map_err(|error| resolve.render_error(&error));
        pushed.map_err(|reason| wrong(folder, reason))?;
        return Ok(resolve);
    }
    let mut groups = Vec::new();
    for package in folders {
        let group = UnresolvedPackageGroup::parse_dir(&package);
        groups.push(group.map_err(|error| wrong(&package, error))?);
    }
    let Some(first) = groups.pop() else { return Ok(resolve) };
    let pushed = resolve.push_groups(first, groups);
    let pushed = pushed.map_err(|error| resolve.render_error(&error.into()));
    pushed.map_err(|reason| wrong(folder, reason))?;
    Ok(resolve)
}

/// The sub-folders that hold WIT, in order, and whether the folder itself does.
fn list(folder: &Path) -> Result<(Vec<PathBuf>, bool), BuildError> {
    let mut folders = Vec::new();
    let mut has_files = false;
    for entry in fs::read_dir(folder).map_err(io("read", folder))? {
        let path = entry.map_err(io("read", folder))?.path();
        if path.is_dir() {
            folders.push(path);
        } else if path.extension().is_some_and(|extension| extension == "wit") {
            has_files = true;
        }
    }
    folders.sort();
    Ok((folders, has_files))
}

/// The packages of the interfaces that clients may call, and those that they use. Of what a component calls,
/// or listens to, the documentation is its owner's.
fn named(resolve: &Resolve, contract: &Contract) -> Vec<PackageId> {
    let callable = contract.exports.iter().map(|interface| &interface.name);
    let names: Vec<_> = callable.filter(|name| !name.is_events()).collect();
    let is_named = |package: &PackageName| names.iter().any(|name| is_package(package, name));
    let mut open: Vec<_> = resolve
        .packages
        .iter()
        .filter(|(_, package)| is_named(&package.name))
        .map(|(id, _)| id)
        .collect();
    let mut found: Vec<PackageId> = Vec::new();
    while let Some(id) = open.pop() {
        if !found.contains(&id) {
            found.push(id);
            open.extend(resolve.package_direct_deps(id));
        }
    }
    found
        .sort_by_cached_key(|id| resolve.packages.get(*id).map(|package| package.name.to_string()));
    found
}

fn is_package(package: &PackageName, interface: &InterfaceName) -> bool {
    package.namespace == interface.namespace
        && package.name == interface.package
        && package.version == interface.version
}

fn wrong(dir: &Path, reason: impl std::fmt::Display) -> BuildError {
    BuildError::Wit { dir: dir.to_owned(), reason: reason.to_string() }
}
