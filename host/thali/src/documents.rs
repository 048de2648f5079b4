//! Documents that are made of the sources, held against what they should be.

use std::path::Path;

/// Set it to write what is generated instead of comparing it.
const UPDATE: &str = "THALI_UPDATE_DOCS";

/// Holds a file of the repository against what `make` makes of it, or writes it.
pub(crate) fn current(name: &str, make: impl Fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    let is = std::fs::read_to_string(&path).unwrap_or_default();
    let should_be = make(&is);
    if std::env::var_os(UPDATE).is_some() {
        return std::fs::write(&path, should_be).unwrap();
    }
    assert!(
        is == should_be,
        "{name} is not current: {UPDATE}=1 cargo test --release -p thali current"
    );
}
