//! What a component was compiled from, as cargo wrote it down.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of all files that `component` was compiled from: its own, those of contracts, and those of
/// crates beside it. None when cargo left no list.
pub(super) fn folders(component: &Path) -> BTreeSet<PathBuf> {
    let list = fs::read_to_string(component.with_extension("d")).unwrap_or_default();
    let files = list.lines().filter_map(|line| line.split_once(": ")).flat_map(|(_, on)| files(on));
    files.filter_map(|file| file.parent().map(Path::to_owned)).collect()
}

/// The names of one line, which are separated by spaces; a space in a name has a backslash before it.
fn files(line: &str) -> Vec<PathBuf> {
    let mut names = vec![String::new()];
    let mut letters = line.trim_end().chars().peekable();
    while let Some(letter) = letters.next() {
        let escaped = letter == '\\' && letters.peek() == Some(&' ');
        match names.last_mut() {
            Some(name) if escaped => name.extend(letters.next()),
            _ if letter == ' ' => names.push(String::new()),
            Some(name) => name.push(letter),
            None => {}
        }
    }
    names.into_iter().filter(|name| !name.is_empty()).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_of_all_sources_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("orders.wasm");
        let list = "/t/orders.wasm: /c/orders/src/lib.rs /c/orders/src/a.rs /my\\ wit/types.wit\n\n/c/x:\n";
        fs::write(folder.path().join("orders.d"), list).unwrap();
        let found: Vec<_> = folders(&component).into_iter().collect();
        assert_eq!(found, [Path::new("/c/orders/src"), Path::new("/my wit")]);
        assert!(folders(Path::new("/no/such.wasm")).is_empty());
    }
}
