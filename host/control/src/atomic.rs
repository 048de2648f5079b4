//! Files that are whole or not there at all: written aside, made durable, renamed into place.
//!
//! A process that dies anywhere in here leaves the old content or the new one under the name, and at
//! worst a file whose name begins with [`ASIDE`], which the next start sweeps away.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// What the names of unfinished files begin with.
const ASIDE: &str = ".aside-";

/// What happens to a file on its way into place, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Write,
    Sync,
    Rename,
    SyncFolder,
}

/// Puts `bytes` at `path`, in place of what was there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, bytes, |_| Ok(()))
}

/// [`write`], with a look in before every step: that is where tests let it fail or die.
fn write_with(
    path: &Path,
    bytes: &[u8],
    mut before: impl FnMut(Step) -> io::Result<()>,
) -> io::Result<()> {
    let folder = folder_of(path)?;
    // Only the owner may read it: that is what tempfile gives its files.
    let mut aside = tempfile::Builder::new().prefix(ASIDE).tempfile_in(folder)?;
    before(Step::Write)?;
    aside.write_all(bytes)?;
    before(Step::Sync)?;
    aside.as_file().sync_all()?;
    before(Step::Rename)?;
    aside.persist(path).map_err(|failed| failed.error)?;
    before(Step::SyncFolder)?;
    sync_folder(folder)
}

/// Deletes the file at `path`, if there is one.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(folder_of(path)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Deletes what writes that never ended have left in `folder`.
pub(crate) fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(ASIDE) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes the names in `folder` durable; the files' own `sync_all` does not.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> io::Result<&Path> {
    path.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const STEPS: [Step; 4] = [Step::Write, Step::Sync, Step::Rename, Step::SyncFolder];
    const DIE_AT: &str = "THALI_TEST_DIE_AT";
    const DIE_IN: &str = "THALI_TEST_DIE_IN";

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_write_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_write_that_fails_at_any_step_leaves_old_or_new_and_no_litter() {
        for (at, failing) in STEPS.into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            write(&path, b"old").unwrap();
            let failed = write_with(&path, b"new", |step| {
                if step == failing { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
            });
            assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
            let expected: &[u8] = if at < 3 { b"old" } else { b"new" };
            assert_eq!(fs::read(&path).unwrap(), expected, "{failing:?}");
            assert_eq!(names(folder.path()), ["file"], "{failing:?}");
        }
    }

    #[test]
    fn a_process_that_dies_at_any_step_leaves_old_or_new() {
        for (at, step) in STEPS.into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            write(&path, b"old").unwrap();
            let child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "atomic::tests::dies_when_told", "--ignored"])
                .env(DIE_IN, &path)
                .env(DIE_AT, at.to_string())
                .output()
                .unwrap();
            assert!(!child.status.success(), "the child did not die: {child:?}");
            let expected: &[u8] = if at < 3 { b"old" } else { b"new" };
            assert_eq!(fs::read(&path).unwrap(), expected, "{step:?}");
            sweep(folder.path()).unwrap();
            assert_eq!(names(folder.path()), ["file"], "{step:?}");
        }
    }

    #[test]
    #[ignore = "the child process of the test above"]
    fn dies_when_told() {
        let (Ok(path), Ok(at)) = (std::env::var(DIE_IN), std::env::var(DIE_AT)) else { return };
        let at: usize = at.parse().unwrap();
        let _ = write_with(Path::new(&path), b"new", |step| {
            if step == STEPS[at] { std::process::abort() } else { Ok(()) }
        });
    }

    #[test]
    fn removing_what_is_not_there_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"x").unwrap();
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_sweep_takes_only_unfinished_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".aside-1a2b"), b"half").unwrap();
        fs::write(folder.path().join("orders.json"), b"{}").unwrap();
        sweep(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["orders.json"]);
    }
}
