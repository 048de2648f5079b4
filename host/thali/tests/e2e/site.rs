//! The files that a host serves, as its operator names them.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{TestHost, up};

/// A folder whose page is its name.
fn site(folder: &Path, name: &str) -> String {
    let site = folder.join(name);
    std::fs::create_dir(&site).unwrap();
    std::fs::write(site.join("index.html"), name).unwrap();
    site.to_str().unwrap().to_owned()
}

fn page(arguments: &[&str], variables: &[(&str, &str)]) -> Value {
    let answer = TestHost::with_environment(arguments, variables).get("/");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[test]
fn a_site_is_named_by_flag_or_environment_or_file() {
    let folder = tempfile::tempdir().unwrap();
    let [by_flag, by_variable] = ["flag", "variable"].map(|name| site(folder.path(), name));
    site(folder.path(), "file");
    let file = folder.path().join("thali.toml");
    std::fs::write(&file, "[gateway]\nsite = \"file\"\n").unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let variable = [("THALI_SITE", by_variable.as_str())];
    assert_eq!(page(&config, &[]), "file", "relative to the file");
    assert_eq!(page(&config, &variable), "variable");
    assert_eq!(page(&[config[0], config[1], "--site", &by_flag], &variable), "flag");
    assert_eq!(page(&[], &[])["name"], "thali", "without a site");
}

fn refusal(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let Output { status, stderr, .. } =
        up().args(arguments).arg("--data").arg(folder.path()).output().unwrap();
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).unwrap()
}

#[test]
fn a_site_that_is_not_there_is_told_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let told = refusal(&["--site", missing.to_str().unwrap()]);
    assert!(told.contains("missing") && told.contains("--site"), "{told}");
    let file = folder.path().join("thali.toml");
    std::fs::write(&file, "[gateway]\nsite = \"thali.toml\"\n").unwrap();
    let told = refusal(&["--config", file.to_str().unwrap()]);
    assert!(told.contains("is not a folder"), "{told}");
}
