//! Finding and compiling the package with cargo.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use super::{BuildError, How, Running};

const TARGET: &str = "wasm32-wasip2";

/// The profile that components are built with.
const PROFILE: &str = "component";

/// Lets workspaces that do not define the profile build as well; it changes nothing where it is defined
/// as the host's own workspace does.
const PROFILE_FALLBACK: &str = "profile.component.inherits=\"release\"";

/// Where cargo's messages go.
#[derive(Clone, Copy, Default)]
pub(crate) enum Words<'a> {
    /// To standard error, all of them.
    #[default]
    All,
    /// To standard error; only what the compiler has to say.
    Compiler,
    /// What the compiler has to say, line by line, to this.
    To(&'a (dyn Fn(&str) + Sync)),
}

/// A package and where cargo puts what it makes.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) target_directory: PathBuf,
    pub(super) workspace_root: PathBuf,
    id: String,
}

/// What `cargo metadata` tells, as far as it is needed.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<PackageMetadata>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct PackageMetadata {
    id: String,
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

/// One line of `cargo build --message-format json`.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

impl Target {
    fn is_cdylib(&self) -> bool {
        self.crate_types.iter().any(|kind| kind == "cdylib")
    }
}

/// The package whose `Cargo.toml` is in `dir`.
pub(super) fn package(dir: &Path) -> Result<Package, BuildError> {
    let output = cargo(dir)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::piped())
        .output()
        .map_err(no_cargo)?;
    let failed = |reason: String| BuildError::Metadata { dir: dir.to_owned(), reason };
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
    let found = metadata
        .packages
        .into_iter()
        .find(|package| package.manifest_path.parent() == Some(dir))
        .ok_or_else(|| BuildError::NoPackage(dir.to_owned()))?;
    if !found.targets.iter().any(Target::is_cdylib) {
        return Err(BuildError::NoCdylib(found.name));
    }
    Ok(Package {
        name: found.name,
        target_directory: metadata.target_directory,
        workspace_root: metadata.workspace_root,
        id: found.id,
    })
}

/// Compiles the package. Answers the component's file.
pub(super) fn compile(dir: &Path, package: &Package, how: How<'_>) -> Result<PathBuf, BuildError> {
    let mut command = cargo(dir);
    command
        .args(["build", "--lib", "--target", TARGET, "--profile", PROFILE])
        .args(["--config", PROFILE_FALLBACK])
        .args(["--message-format", "json-render-diagnostics"])
        .stdout(Stdio::piped());
    if !matches!(how.words, Words::All) {
        command.arg("--quiet");
    }
    if matches!(how.words, Words::To(_)) {
        command.stderr(Stdio::piped());
        if colourful() {
            command.env("CARGO_TERM_COLOR", "always");
        }
    }
    if how.running.is_some() {
        Running::prepare(&mut command);
    }
    let mut child = command.spawn().map_err(no_cargo)?;
    if let Some(running) = how.running {
        running.begins(&child);
    }
    let artifact = follow(&mut child, &package.id, how.words);
    if let Some(running) = how.running {
        running.ends();
    }
    let failed = || BuildError::Compile { package: package.name.clone() };
    let status = child.wait().map_err(no_cargo)?;
    if status.success() {
        return artifact.ok_or_else(failed);
    }
    // Asked only now, because it costs a moment and hardly ever is the reason.
    Err(if has_target(dir) { failed() } else { BuildError::NoTarget })
}

/// Reads what cargo says to its end. Answers the component's file, if it came to that.
fn follow(child: &mut Child, package_id: &str, words: Words<'_>) -> Option<PathBuf> {
    let (messages, said) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        if let (Words::To(say), Some(said)) = (words, said) {
            scope.spawn(move || {
                BufReader::new(said).lines().map_while(Result::ok).for_each(|line| say(&line));
            });
        }
        messages.and_then(|messages| artifact(BufReader::new(messages), package_id))
    })
}

/// Whether what the compiler says may have colours although it goes through a pipe.
fn colourful() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Whether the compiler that cargo runs in `dir` has a standard library for components. It has when it
/// cannot be asked: then cargo's own messages say more.
fn has_target(dir: &Path) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(rustc)
        .current_dir(dir)
        .args(["--print", "target-libdir", "--target", TARGET])
        .stdin(Stdio::null())
        .output();
    let folder = asked.ok().filter(|output| output.status.success());
    let folder = folder.and_then(|output| String::from_utf8(output.stdout).ok());
    folder.is_none_or(|folder| Path::new(folder.trim()).is_dir())
}

/// The `.wasm` file of a package, from cargo's messages.
fn artifact(messages: impl BufRead, package_id: &str) -> Option<PathBuf> {
    // Read to the end whatever is found, or cargo would stop at a full pipe.
    let lines = messages.lines().map_while(Result::ok);
    let artifacts = lines.filter_map(|line| {
        let message: Message = serde_json::from_str(&line).ok()?;
        let is_ours = message.reason == "compiler-artifact"
            && message.package_id == package_id
            && message.target.is_some_and(|target| target.is_cdylib());
        let mut files = message.filenames.into_iter().filter(|_| is_ours);
        files.find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
    });
    artifacts.last()
}

fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(program());
    command.current_dir(dir).stdin(Stdio::null());
    command
}

fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn no_cargo(reason: std::io::Error) -> BuildError {
    BuildError::NoCargo { program: program().to_string_lossy().into_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_found_among_cargos_messages() {
        let messages = r#"
{"reason":"compiler-artifact","package_id":"other","target":{"crate_types":["cdylib"]},"filenames":["/t/other.wasm"]}
not json
{"reason":"build-script-executed","package_id":"ours"}
{"reason":"compiler-artifact","package_id":"ours","target":{"crate_types":["cdylib","rlib"]},"filenames":["/t/ours.rlib","/t/ours.wasm"]}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(artifact(messages.as_bytes(), "ours"), Some("/t/ours.wasm".into()));
        assert_eq!(artifact(messages.as_bytes(), "none"), None);
    }
}
