//! Services made by `thali new`, and cargo for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A program in `folder`, with cargo's files where they are found again by the next run.
pub(crate) fn program(program: &str, arguments: &[&str], folder: &Path) -> Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-service");
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", target);
    command
}

pub(crate) fn run(name: &str, arguments: &[&str], folder: &Path) -> Output {
    program(name, arguments, folder).output().unwrap()
}

pub(crate) fn thali(arguments: &[&str], folder: &Path) -> Output {
    run(env!("CARGO_BIN_EXE_thali"), arguments, folder)
}

pub(crate) fn cargo(arguments: &[&str], folder: &Path) -> Output {
    run(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), arguments, folder)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a program that went well printed.
pub(crate) fn printed(output: Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

pub(crate) fn json_of(output: Output) -> Value {
    serde_json::from_str(&printed(output)).unwrap()
}

/// A folder with a new service in it, of which cargo takes the versions that this repository has. Tests
/// that build need names of their own: what they build is in one folder.
pub(crate) fn new_service(name: &str, arguments: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&["--json", "new", name], arguments].concat();
    let made = json_of(thali(&arguments, folder.path()));
    assert_eq!((&made["name"], &made["workspace"]), (&Value::from(name), &Value::Null));
    let path = PathBuf::from(made["path"].as_str().unwrap());
    fs::copy(repository().join("Cargo.lock"), path.join("Cargo.lock")).unwrap();
    (folder, path)
}
