//! The file of the audit log: JSON Lines, for its owner alone, older files beside it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::AuditEntry;

/// When the file is larger, another is begun. About 50,000 changes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Older files that are kept: `audit.jsonl.1` is the newest of them.
const OLDER_KEPT: u32 = 4;

/// Where changes are written down. A line is durable before its request is answered; one that cannot be
/// written is in the host's log as an error, because what it tells of has happened.
pub struct AuditLog {
    path: PathBuf,
    file: Mutex<File>,
    file_bytes_max: u64,
}

impl AuditLog {
    /// Opens the file, or makes it. It blocks, shortly.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn open(path: &Path) -> io::Result<Arc<Self>> {
        Self::with_limit(path, FILE_BYTES_MAX)
    }

    fn with_limit(path: &Path, file_bytes_max: u64) -> io::Result<Arc<Self>> {
        let mut file = open(path)?;
        end_line(&mut file)?;
        Ok(Arc::new(Self { path: path.to_owned(), file: Mutex::new(file), file_bytes_max }))
    }

    /// Writes a line, and waits until it is durable.
    pub async fn append(self: &Arc<Self>, entry: AuditEntry) {
        let me = Arc::clone(self);
        if let Err(error) = spawn_blocking(move || me.write(&entry)).await {
            tracing::error!("a line of the audit log may be lost: {error}");
        }
    }

    /// Writes a line, without waiting for it.
    pub(super) fn append_soon(self: &Arc<Self>, entry: AuditEntry) {
        let me = Arc::clone(self);
        match Handle::try_current() {
            Ok(handle) => drop(handle.spawn_blocking(move || me.write(&entry))),
            Err(_) => me.write(&entry),
        }
    }

    /// The latest lines, the newest first. What is no line of JSON was cut by a crash, and is left out.
    pub(super) async fn latest(self: &Arc<Self>, limit: usize) -> io::Result<Vec<Box<RawValue>>> {
        let me = Arc::clone(self);
        let read = spawn_blocking(move || {
            let mut lines = Vec::new();
            for age in 0..=OLDER_KEPT {
                if lines.len() >= limit {
                    break;
                }
                let text = match std::fs::read_to_string(me.file_of(age)) {
                    Ok(text) => text,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                    Err(error) => return Err(error),
                };
                let read = text.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
                lines.extend(read.take(limit - lines.len()));
            }
            Ok(lines)
        });
        read.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    fn write(&self, entry: &AuditEntry) {
        let written = serde_json::to_vec(entry).map_err(io::Error::other).and_then(|mut line| {
            line.push(b'\n');
            self.write_line(&line)
        });
        if let Err(error) = written {
            let (actor, action, target) = (entry.actor, &entry.action, &entry.target);
            tracing::error!(actor, action, target, "the audit log cannot be written: {error}");
        }
    }

    fn write_line(&self, line: &[u8]) -> io::Result<()> {
        let mut file = self.file.lock();
        if file.metadata()?.len() + line.len() as u64 > self.file_bytes_max {
            self.rotate(&mut file)?;
        }
        file.write_all(line)?;
        file.sync_data()
    }

    fn rotate(&self, file: &mut File) -> io::Result<()> {
        for age in (0..OLDER_KEPT).rev() {
            match std::fs::rename(self.file_of(age), self.file_of(age + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        *file = open(&self.path)?;
        Ok(())
    }

    fn file_of(&self, age: u32) -> PathBuf {
        match age {
            0 => self.path.clone(),
            age => {
                let mut name = self.path.clone().into_os_string();
                name.push(format!(".{age}"));
                name.into()
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// A line that a crash has cut must not swallow the next one.
fn end_line(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::AuditOutcome;
    use super::*;

    fn entry(n: usize) -> AuditEntry {
        AuditEntry::own("folder", "deploy", format!("{n}"), AuditOutcome::Status(201))
    }

    async fn targets(log: &Arc<AuditLog>, limit: usize) -> Vec<String> {
        let lines = log.latest(limit).await.unwrap();
        let target = |line: Box<RawValue>| {
            let value: serde_json::Value = serde_json::from_str(line.get()).unwrap();
            value["target"].as_str().unwrap().to_owned()
        };
        lines.into_iter().map(target).collect()
    }

    #[tokio::test]
    async fn the_newest_lines_come_first_across_files_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let log = AuditLog::with_limit(&path, 400).unwrap();
        for n in 0..40 {
            log.append(entry(n)).await;
        }
        assert_eq!(targets(&log, 5).await, ["39", "38", "37", "36", "35"]);
        let all = targets(&log, 1000).await;
        let expected: Vec<_> = (0..40).rev().map(|n| n.to_string()).take(all.len()).collect();
        assert_eq!(all, expected);
        assert!((8..40).contains(&all.len()), "{}", all.len());
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
        assert_eq!(files.len(), 5);
        for file in files {
            assert!(file.metadata().unwrap().len() <= 400);
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_line_that_was_cut_does_not_swallow_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        std::fs::write(&path, "{\"target\":\"old\"}\n{\"targ").unwrap();
        let log = AuditLog::open(&path).unwrap();
        log.append(entry(1)).await;
        assert_eq!(targets(&log, 10).await, ["1", "old"]);
    }
}
