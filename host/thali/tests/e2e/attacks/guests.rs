//! Hostile guests, each with one purpose, and the neighbour that must not notice them.

use crate::support::guest;

/// Answers `GET /neighbour` at once.
pub(crate) fn neighbour() -> Vec<u8> {
    service("neighbour", "", r#"(i32.const 1)"#, "")
}

/// A service whose `run` is this core code: `GET /NAME`. `items` are other items of the module.
pub(crate) fn service(name: &str, items: &str, run: &str, limits: &str) -> Vec<u8> {
    let wit = format!(
        "package test:{name}@1.0.0;
        interface api {{ run: func() -> u32; }}
        world service {{ export api; }}"
    );
    let wat = format!(
        r#"(module {items} (func (export "test:{name}/api@1.0.0#run") (result i32) {run}))"#
    );
    guest(&wit, &wat, &manifest(name, limits))
}

/// A manifest with one route, `GET /NAME`.
pub(crate) fn manifest(name: &str, limits: &str) -> String {
    format!(
        "[service]\nname = \"{name}\"\nversion = \"1.0.0\"\n\n\
         [http]\n\"GET /{name}\" = \"api.run\"\n\n[limits]\n{limits}\n"
    )
}

/// Code that never ends.
pub(crate) const FOR_EVER: &str = "(loop (br 0)) unreachable";
