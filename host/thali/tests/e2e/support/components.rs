//! Components for tests: the real ones, under other manifests and versions, and small ones of their own.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use thali_contract::pack::{self, Parts};
use wit_parser::UnresolvedPackageGroup;

/// Where `just build-components` leaves the components.
pub(crate) fn components_dir() -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/components");
    assert!(
        dir.join("orders.wasm").exists(),
        "the components are not built: run `./justw build-components` first (`./justw test` does)"
    );
    dir.canonicalize().unwrap()
}

/// A folder with the services that most tests are about. A host has compiled five sooner than all.
pub(crate) fn food_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["restaurants", "orders", "delivery", "notifications", "payments"] {
        let file = format!("{name}.wasm");
        std::fs::copy(components_dir().join(&file), folder.path().join(&file)).unwrap();
    }
    folder
}

pub(crate) fn component(name: &str) -> Vec<u8> {
    std::fs::read(components_dir().join(format!("{name}.wasm"))).unwrap()
}

/// A service under `bench/components`, as `just build-components` compiled it.
pub(crate) fn bench_component(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let compiled = root.join(format!("target/wasm32-wasip2/component/bench_{name}.wasm"));
    let compiled = std::fs::read(&compiled).unwrap_or_else(|error| {
        panic!("{}: {error}: run `./justw build-components` first", compiled.display())
    });
    let folder = root.join("bench/components").join(name);
    let manifest = std::fs::read_to_string(folder.join("service.toml")).unwrap();
    let init = "migrations/0001_init.sql";
    let migration = std::fs::read_to_string(folder.join(init)).ok();
    let migration = migration.map(|sql| pack::Migration { name: "0001_init.sql".into(), sql });
    let migrations = migration.into_iter().collect();
    pack::pack(&compiled, &Parts { manifest, migrations, ..Parts::default() }).unwrap()
}

/// The same component under another manifest.
pub(crate) fn with_manifest(component: &[u8], change: impl Fn(&str) -> String) -> Vec<u8> {
    let parts = pack::unpack(component).unwrap();
    let manifest = change(&parts.manifest);
    pack::pack(component, &Parts { manifest, ..parts }).unwrap()
}

/// The same component under another version: other bytes, same behaviour.
pub(crate) fn with_version(component: &[u8], version: &str) -> Vec<u8> {
    let parts = pack::unpack(component).unwrap();
    let manifest = parts
        .manifest
        .lines()
        .map(|line| match line.starts_with("version") {
            true => format!("version = \"{version}\"\n"),
            false => format!("{line}\n"),
        })
        .collect();
    pack::pack(component, &Parts { manifest, ..parts }).unwrap()
}

/// A component with the world of the service `package`, after `change` was made to its package's WIT
/// text, whose every function traps, under the manifest and migrations of the real one.
pub(crate) fn trapping(package: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut groups = Vec::new();
    let mut world = std::fs::read_to_string(root.join(format!("components/{package}/world.wit")));
    for entry in std::fs::read_dir(root.join("wit")).unwrap() {
        let folder = entry.unwrap();
        if folder.file_name() != package {
            groups.push(UnresolvedPackageGroup::parse_dir(folder.path()).unwrap());
            continue;
        }
        let file = folder.path().join(format!("{package}.wit"));
        let text = change(&std::fs::read_to_string(file).unwrap());
        let name = text.lines().find_map(|line| line.strip_prefix("package ")).unwrap();
        let name = name.split('@').next().unwrap();
        world = world.map(|world| world.replace(&format!("thali:{package}/"), &format!("{name}/")));
        groups.push(UnresolvedPackageGroup::parse("changed.wit", &text).unwrap());
    }
    let world = UnresolvedPackageGroup::parse("world.wit", &world.unwrap()).unwrap();
    let mut resolve = wit_parser::Resolve::default();
    let id = resolve.push_groups(world, groups).unwrap();
    let world = resolve.select_world(&[id], Some("service")).unwrap();
    let mangling = wit_parser::ManglingAndAbi::Standard32;
    let mut module = wit_component::dummy_module(&resolve, world, mangling);
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding).unwrap();
    let bytes =
        wit_component::ComponentEncoder::default().module(&module).unwrap().encode().unwrap();
    let parts = pack::unpack(&component(package)).unwrap();
    pack::pack(&bytes, &Parts { wit: Vec::new(), ..parts }).unwrap()
}

/// A folder of `count` services that have nothing to do with each other.
pub(crate) fn folder_of(count: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..count {
        let renamed = trapping("notifications", |wit| {
            wit.replace("package thali:notifications@", &format!("package thali:n{n}@"))
        });
        let manifest =
            format!("[service]\nname = \"n{n}\"\nversion = \"1.0.0\"\ndescription = \"\"\n");
        let parts = pack::unpack(&renamed).unwrap();
        let parts = Parts { manifest, migrations: Vec::new(), ..parts };
        let file = folder.path().join(format!("n{n}.wasm"));
        std::fs::write(file, pack::pack(&renamed, &parts).unwrap()).unwrap();
    }
    folder
}

/// A service written as WIT and core WebAssembly.
pub(crate) fn guest(wit: &str, wat: &str, manifest: &str) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("service.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("service")).unwrap();
    let mut module = wat::parse_str(wat).unwrap();
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding).unwrap();
    let bytes =
        wit_component::ComponentEncoder::default().module(&module).unwrap().encode().unwrap();
    pack::pack(&bytes, &Parts { manifest: manifest.into(), ..Parts::default() }).unwrap()
}
