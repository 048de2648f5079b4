use std::fs;

use thali_contract::contract::Contract;
use thali_contract::contract::Interface;
use thali_contract::manifest::DatabaseSection;

use super::*;

fn files(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn database(dir: &Path) -> Result<Vec<String>, BuildError> {
    let section =
        DatabaseSection { migrations: Some("migrations".into()), seed: Some("seed.sql".into()) };
    let (migrations, _) = parts::database(dir, Some(&section))?;
    Ok(migrations.into_iter().map(|migration| migration.name).collect())
}

#[test]
fn migrations_come_in_the_order_of_their_names() {
    let dir = tempfile::tempdir().unwrap();
    files(
        dir.path(),
        &[
            ("migrations/0002_b.sql", "B"),
            ("migrations/0001_a.sql", "A"),
            ("migrations/README.md", "x"),
            ("migrations/.0003.sql", "x"),
            ("seed.sql", "S"),
        ],
    );
    assert_eq!(database(dir.path()).unwrap(), ["0001_a.sql", "0002_b.sql"]);
}

#[test]
fn files_that_the_manifest_names_have_to_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let error = database(dir.path()).unwrap_err().to_string();
    assert!(error.contains("migrations"), "{error}");
    files(dir.path(), &[("migrations/1.sql", "")]);
    let error = database(dir.path()).unwrap_err().to_string();
    assert!(error.contains("seed.sql"), "{error}");
}

#[test]
fn equal_bytes_are_not_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("components/a.wasm");
    assert!(write_if_changed(&path, b"one").unwrap());
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    assert!(!write_if_changed(&path, b"one").unwrap());
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
    assert!(write_if_changed(&path, b"two").unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

fn contract(exports: &[&str]) -> Contract {
    let interface = |name: &&str| Interface {
        name: name.parse().unwrap(),
        docs: None,
        functions: Vec::new(),
        resources: Vec::new(),
    };
    Contract { exports: exports.iter().map(interface).collect(), imports: Vec::new() }
}

const WIT: [(&str, &str); 3] = [
    (
        "wit/orders/orders.wit",
        "package thali:orders@1.0.0; interface ordering { use thali:types/types@1.0.0.{money}; \
         pay: func(sum: money); }",
    ),
    ("wit/other/other.wit", "package thali:other@1.0.0; interface other { go: func(); }"),
    (
        "wit/types/types.wit",
        "package thali:types@1.0.0; interface types { record money { amount: s64 } }",
    ),
];

#[test]
fn the_packages_that_a_component_offers_are_packed_with_those_they_use() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    files(&root, &WIT);
    files(&root, &[("components/orders/service.toml", "")]);
    let component = root.join("components/orders");
    let count =
        |exports: &[&str]| wit::packages(&component, &root, &contract(exports)).unwrap().len();
    assert_eq!(count(&["thali:orders/ordering@1.0.0"]), 2);
    assert_eq!(count(&["thali:other/other@1.0.0"]), 1);
    assert_eq!(count(&["thali:other/other@2.0.0"]), 0);
    assert_eq!(count(&["thali:orders/events@1.0.0"]), 0, "it listens to them");
    let Contract { exports, .. } = contract(&["thali:orders/ordering@1.0.0"]);
    let calls = Contract { exports: Vec::new(), imports: exports };
    assert_eq!(wit::packages(&component, &root, &calls).unwrap().len(), 0, "it calls them");
    assert_eq!(wit::packages(&component, &component, &contract(&[])).unwrap().len(), 0);
}

#[test]
fn a_crates_own_wit_folder_comes_first_and_may_be_a_package_itself() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    files(&root, &WIT);
    files(
        &root,
        &[
            (
                "a/wit/world.wit",
                "package mine:a; interface c { use mine:dep/d.{t}; go: func(x: t); }",
            ),
            ("a/wit/deps/dep/d.wit", "package mine:dep; interface d { record t { x: u8 } }"),
        ],
    );
    let packages = wit::packages(&root.join("a"), &root, &contract(&["mine:a/c"])).unwrap();
    assert_eq!(packages.len(), 2);
}

#[test]
fn wrong_wit_is_told_with_its_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    files(&root, &[("wit/a/a.wit", "package a:b;\ninterface c { go: fnc(); }")]);
    let error = wit::packages(&root, &root, &contract(&[])).unwrap_err().to_string();
    assert!(error.contains("a.wit:2"), "{error}");
    files(&root, &[("wit/a/a.wit", "package a:b;\ninterface c { use d:e/f.{x}; }")]);
    let error = wit::packages(&root, &root, &contract(&[])).unwrap_err().to_string();
    assert!(error.contains("d:e"), "{error}");
}

#[test]
fn every_mistake_in_the_manifest_is_told_before_anything_is_compiled() {
    let dir = tempfile::tempdir().unwrap();
    files(dir.path(), &[("service.toml", "[service]\nname = \"A\"\n")]);
    let error = build(dir.path(), How::default()).unwrap_err().to_string();
    assert!(error.contains("has 2 mistakes:\n  service.toml:1: "), "{error}");
    assert!(error.contains("\n  service.toml:2: "), "{error}");
}

#[test]
fn a_folder_without_a_component_crate_is_told_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let error = build(dir.path(), How::default()).unwrap_err().to_string();
    assert!(error.contains("service.toml"), "{error}");
    let service = "[service]\nname = \"a\"\nversion = \"1.0.0\"\n";
    files(dir.path(), &[("service.toml", service)]);
    assert!(matches!(build(dir.path(), How::default()), Err(BuildError::Metadata { .. })));
    files(
        dir.path(),
        &[
            (
                "Cargo.toml",
                "[package]\nname = \"a\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[workspace]\n",
            ),
            ("src/lib.rs", ""),
        ],
    );
    assert!(matches!(build(dir.path(), How::default()), Err(BuildError::NoCdylib(_))));
}
