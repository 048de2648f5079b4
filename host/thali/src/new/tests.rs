use std::collections::BTreeMap;

use super::*;

/// Every file below a folder, with its text.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// The least that is a workspace for services.
fn workspace() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("wit/platform")).unwrap();
    fs::create_dir(root.path().join("components")).unwrap();
    let text = "[workspace]\nmembers = [\"components/a\"]\n[workspace.dependencies]\nwit-bindgen = \"1\"\n";
    fs::write(root.path().join("Cargo.toml"), text).unwrap();
    root
}

#[test]
fn a_crate_of_its_own_has_everything_and_nothing_left_to_fill_in() {
    let dir = tempfile::tempdir().unwrap();
    new("order-history", "minimal", Some(dir.path())).unwrap();
    let files = tree(&dir.path().join("order-history"));
    for name in [
        ".gitignore",
        "Cargo.toml",
        "migrations/0001_init.sql",
        "service.toml",
        "src/lib.rs",
        "wit/order-history/order-history.wit",
        "wit/platform/platform.wit",
        "world.wit",
    ] {
        assert!(files.contains_key(name), "{name}");
    }
    for (name, text) in &files {
        assert!(!text.contains("{{") && !text.contains("}}"), "{name}");
    }
    assert!(files["src/lib.rs"].contains("self::exports::app::order_history::notes"));
}

#[test]
fn the_contracts_of_the_platform_come_along_all_of_them() {
    let dir = tempfile::tempdir().unwrap();
    new("a", "minimal", Some(dir.path())).unwrap();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/platform");
    assert_eq!(tree(&dir.path().join("a/wit/platform")), tree(&ours));
}

#[test]
fn a_member_of_a_workspace_leaves_its_contract_with_the_others() {
    let root = workspace();
    let report = new("b", "minimal", Some(&root.path().join("components"))).unwrap();
    assert_eq!(report.workspace, Some(root.path().canonicalize().unwrap()));
    let files = tree(root.path());
    assert!(files["Cargo.toml"].contains(r#"["components/a", "components/b"]"#));
    assert!(files["wit/b/b.wit"].contains("package thali:b@1.0.0;"));
    assert!(files["components/b/src/lib.rs"].contains(r#""../../wit/b""#));
    assert!(!files.keys().any(|name| name.starts_with("components/b/wit")));
}

#[test]
fn a_workspace_for_something_else_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let text = "[workspace]\nmembers = []\n";
    fs::write(root.path().join("Cargo.toml"), text).unwrap();
    assert_eq!(new("a", "minimal", Some(root.path())).unwrap().workspace, None);
    let files = tree(root.path());
    assert_eq!(files["Cargo.toml"], text);
    assert!(files["a/Cargo.toml"].contains("\n[workspace]\n"));
}

#[test]
fn what_cannot_be_a_name_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    for (name, reason) in [
        ("Orders", "[a-z][a-z0-9-]{0,62}"),
        ("../orders", "[a-z][a-z0-9-]{0,62}"),
        ("", "[a-z][a-z0-9-]{0,62}"),
        ("type", "Rust"),
        ("std", "Rust"),
        ("interface", "WIT"),
        ("orders-", "WIT"),
        ("a--b", "WIT"),
        ("platform", "thali:platform"),
    ] {
        let error = new(name, "minimal", Some(dir.path())).unwrap_err().to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
    assert_eq!(tree(dir.path()).len(), 0);
}

#[test]
fn what_is_there_already_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    let error = new("a", "minimal", Some(dir.path())).unwrap_err();
    assert!(matches!(error, NewError::Exists(_)), "{error}");
    assert_eq!(tree(dir.path()).len(), 0);
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let root = workspace();
    let before = tree(root.path());
    // The contract's folder is taken, which shows when the crate's is made already.
    fs::create_dir(root.path().join("wit/b")).unwrap();
    let error = new("b", "minimal", Some(&root.path().join("components"))).unwrap_err();
    assert!(matches!(error, NewError::Exists(_)), "{error}");
    assert!(!root.path().join("components/b").exists());
    assert_eq!(tree(root.path()), before);

    let missing = new("a", "minimal", Some(Path::new("/no/such/folder"))).unwrap_err();
    assert!(missing.to_string().contains("/no/such/folder"), "{missing}");
}

#[test]
fn every_template_is_whole() {
    for (template, about) in templates() {
        assert!(!about.is_empty());
        let dir = tempfile::tempdir().unwrap();
        new("a-b", template, Some(dir.path())).unwrap();
        for (name, text) in tree(&dir.path().join("a-b")) {
            assert!(!text.contains("{{") && !text.contains("}}"), "{template}: {name}");
        }
        let root = workspace();
        let report = new("a-b", template, Some(&root.path().join("components"))).unwrap();
        assert_eq!(report.template, template);
    }
    let error = new("a", "webshop", None).unwrap_err().to_string();
    assert!(error.contains("webshop"), "{error}");
}

#[test]
fn a_subscriber_brings_the_contract_of_its_publisher_unless_it_is_there() {
    let root = workspace();
    new("notes", "minimal", Some(&root.path().join("components"))).unwrap();
    let before = tree(&root.path().join("wit/notes"));
    new("words", "subscriber", Some(&root.path().join("components"))).unwrap();
    assert_eq!(tree(&root.path().join("wit/notes")), before);

    let dir = tempfile::tempdir().unwrap();
    let error = new("notes", "subscriber", Some(dir.path())).unwrap_err();
    assert!(matches!(error, NewError::Reserved { .. }), "{error}");
    new("words", "subscriber", Some(dir.path())).unwrap();
    assert!(dir.path().join("words/wit/notes/notes.wit").exists());
}
