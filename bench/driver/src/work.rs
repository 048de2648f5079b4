//! Where things are, and the folder of this run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// The paths of one run. The folder is removed at its end.
pub(crate) struct Work {
    root: PathBuf,
    target: PathBuf,
    bin: PathBuf,
    folder: TempDir,
}

impl Work {
    /// Everything is found from this program's own place, `target/release`. The folder is on the same
    /// disk and not in `/tmp`, which may be memory: commits of databases are part of what is measured.
    pub(crate) fn open() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        let program = std::env::current_exe()?;
        let bin = program.parent().context("this program is in no folder")?.to_owned();
        let target = bin.parent().context("this program is not in target/release")?.to_owned();
        let results = target.join("bench");
        std::fs::create_dir_all(&results)?;
        let folder = tempfile::Builder::new().prefix("run-").tempdir_in(&results)?;
        Ok(Self { root, target, bin, folder })
    }

    /// The repository.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target folder.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The folder of this run.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the results are kept.
    pub(crate) fn results(&self) -> PathBuf {
        self.target.join("bench").join("latest.json")
    }

    /// A token of the host with this name, which was started with `--dev`.
    pub(crate) fn token(&self, host: &str) -> Result<String> {
        let mut command = std::process::Command::new(self.thali()?);
        command.args(["token", "--sub", "bench"]).arg("--data").arg(self.folder().join(host));
        let output = command.output()?;
        if !output.status.success() {
            bail!("thali token: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// The host that is measured.
    pub(crate) fn thali(&self) -> Result<PathBuf> {
        let thali = self.bin.join("thali");
        if !thali.is_file() {
            bail!(
                "{} is not there: run `just bench`, or `cargo build --release -p thali`",
                thali.display()
            );
        }
        Ok(thali)
    }
}
