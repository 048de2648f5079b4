//! The data folder: everything a host keeps, and the lock that keeps a second host out.
//!
//! ```text
//! lock               held while a host runs; holds its process id
//! key                32 random bytes that mark compiled code as this host's own
//! components/        DIGEST.wasm: what was deployed, as it was uploaded
//! services/          NAME.json: revisions, and which one is live
//! cache/             compiled code
//! databases/         NAME.sqlite and its log: what a service has stored
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;
use tracing::warn;

use crate::atomic;

const KEY_BYTES: usize = 32;

/// A data folder that this process alone uses, for as long as the value lives.
#[derive(Debug)]
pub struct DataFolder {
    paths: Paths,
    key: [u8; KEY_BYTES],
    // Never read: closing the file lets go of the lock.
    _lock: File,
}

/// Where things are in a data folder.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The folder itself.
    pub root: PathBuf,
    /// Uploaded components, named by their digest.
    pub components: PathBuf,
    /// What is known of each service.
    pub services: PathBuf,
    /// Compiled code.
    pub cache: PathBuf,
    /// The services' databases.
    pub databases: PathBuf,
}

/// Why a data folder cannot be used.
#[derive(Debug, Error)]
pub enum DataError {
    /// Another host runs on it.
    #[error(
        "the data folder {} is in use by another host{}: stop it, or give this one its own folder with --data",
        folder.display(),
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The process that holds it, if it could be found out.
        pid: Option<u32>,
    },
    /// The file system said no.
    #[error("cannot use the data folder {}: {action} failed", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The operating system has no random bytes.
    #[error("no random bytes to make a key from")]
    Random(#[source] getrandom::Error),
}

/// Takes the data folder `dir` into use, making whatever is missing in it.
///
/// It blocks, shortly.
///
/// # Errors
///
/// When another host uses the folder, or it cannot be read and written.
pub fn open_data(dir: &Path) -> Result<DataFolder, DataError> {
    let failed = |action| move |source| DataError::Io { folder: dir.to_owned(), action, source };
    let paths = Paths::of(dir);
    make_folder(dir).map_err(failed("making the folder"))?;
    let lock = lock(dir)?;
    for folder in [&paths.components, &paths.services, &paths.cache, &paths.databases] {
        make_folder(folder).map_err(failed("making a folder in it"))?;
    }
    for folder in [&paths.root, &paths.components, &paths.services] {
        atomic::sweep(folder).map_err(failed("sweeping up unfinished files"))?;
    }
    let key = key(dir)?;
    warn_if_others_can_enter(dir);
    Ok(DataFolder { paths, key, _lock: lock })
}

impl DataFolder {
    /// Where things are in it.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The secret that marks compiled code as this host's own.
    pub fn key(&self) -> [u8; KEY_BYTES] {
        self.key
    }
}

impl Paths {
    fn of(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            components: root.join("components"),
            services: root.join("services"),
            cache: root.join("cache"),
            databases: root.join("databases"),
        }
    }
}

/// The lock goes with the open file, so it is gone when the process is, however that ended.
fn lock(dir: &Path) -> Result<File, DataError> {
    let failed = |source| DataError::Io { folder: dir.to_owned(), action: "locking it", source };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(dir.join("lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(DataError::InUse { folder: dir.to_owned(), pid: read_pid(&mut file) });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    write_pid(&mut file).map_err(failed)?;
    Ok(file)
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// The key, made at first use. One that is damaged or that others could read is made anew: all that
/// is lost is compiled code, which is compiled again.
fn key(dir: &Path) -> Result<[u8; KEY_BYTES], DataError> {
    let path = dir.join("key");
    let failed = |action| move |source| DataError::Io { folder: dir.to_owned(), action, source };
    match fs::read(&path) {
        Ok(bytes) => match <[u8; KEY_BYTES]>::try_from(bytes) {
            Ok(key) if is_private(&path) => return Ok(key),
            _ => {
                warn!(folder = %dir.display(), "the key was damaged or readable by others; making a new one")
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("reading its key")(error)),
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(DataError::Random)?;
    atomic::write(&path, &key).map_err(failed("writing its key"))?;
    Ok(key)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(unix)]
fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(_: &Path) -> bool {
    true
}

/// A folder that was there before keeps the permissions its owner gave it; what Thali puts into it is
/// private either way.
fn warn_if_others_can_enter(dir: &Path) {
    if !is_private(dir) {
        warn!(folder = %dir.display(), "other users can look into the data folder; `chmod 700` it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_host_is_told_the_folder_and_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let first = open_data(dir.path()).unwrap();
        let refused = open_data(dir.path()).unwrap_err().to_string();
        assert!(refused.contains(&dir.path().display().to_string()), "{refused}");
        assert!(refused.contains(&format!("(process {})", std::process::id())), "{refused}");
        drop(first);
        open_data(dir.path()).unwrap();
    }

    #[test]
    fn the_key_is_made_once_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let first = open_data(dir.path()).unwrap().key();
        assert_ne!(first, [0; KEY_BYTES]);
        assert_eq!(open_data(dir.path()).unwrap().key(), first);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(open_data(other.path()).unwrap().key(), first);
    }

    #[test]
    fn a_damaged_key_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let first = open_data(dir.path()).unwrap().key();
        fs::write(dir.path().join("key"), b"short").unwrap();
        let second = open_data(dir.path()).unwrap().key();
        assert_ne!(second, first);
        assert_eq!(open_data(dir.path()).unwrap().key(), second);
    }

    #[cfg(unix)]
    #[test]
    fn everything_made_is_for_the_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let outer = tempfile::tempdir().unwrap();
        let dir = outer.path().join("deep/data");
        let data = open_data(&dir).unwrap();
        for folder in [&data.paths.root, &data.paths.components, &data.paths.services] {
            assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
        }
        let key = dir.join("key");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        drop(data);
        let before = fs::read(&key).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        open_data(&dir).unwrap();
        assert_ne!(fs::read(&key).unwrap(), before, "others may have read the old one");
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        fs::write(&path, b"").unwrap();
        let error = open_data(&path).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
}
