//! Rotated files: one JSON object a line.
//!
//! A file is never renamed and never written again once the next one has begun, so that whoever ships the lines can
//! follow `thali-*.jsonl` by name. A disk that is full stops the files, and nothing else.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// How long to wait after a failure until it is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// How often it is looked for files that are too old.
const SWEEP: Duration = Duration::from_secs(600);

const PREFIX: &str = "thali-";
const SUFFIX: &str = ".jsonl";
/// What is between: when the file was begun, so that names sort by time.
const NAME: &str = "%Y%m%dT%H%M%S.%3fZ";

/// What the files may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// Files that are kept, the one that is written among them. Default 10.
    pub files_max: usize,
    /// The largest one, in bytes. Default 16 MiB.
    pub file_bytes_max: u64,
    /// How long a file is kept after its last line. Default a week.
    pub age_max: Duration,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self {
            files_max: 10,
            file_bytes_max: 16 << 20,
            age_max: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

/// Lines, one behind the other.
#[derive(Default)]
pub(super) struct Lines {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Lines {
    /// Adds a line, unless it has no JSON.
    pub(super) fn add(&mut self, line: &impl Serialize) {
        if serde_json::to_writer(&mut self.text, line).is_err() {
            self.text.truncate(self.ends.last().copied().unwrap_or_default());
            return;
        }
        self.text.push(b'\n');
        self.ends.push(self.text.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

/// The files of a folder.
pub(super) struct Files {
    folder: PathBuf,
    limits: FileLimits,
    open: Option<Open>,
    /// Since when it does not work, when it was told last.
    trouble: Option<Trouble>,
    swept: Instant,
}

struct Open {
    path: PathBuf,
    file: File,
    bytes: u64,
}

struct Trouble {
    retry_at: Instant,
    lines: u64,
}

/// What became of some lines.
#[derive(Debug)]
pub(super) enum Wrote {
    All,
    /// They are written, and those of a while before are missing.
    Again {
        missing: u64,
    },
    /// This is new: nothing is written any more.
    Failed(io::Error),
    /// It is known already.
    Nothing,
}

impl Files {
    pub(super) fn new(folder: PathBuf, limits: FileLimits, now: Instant) -> Self {
        Self { folder, limits, open: None, trouble: None, swept: now }
    }

    /// Writes whole lines. It is not waited for that they are on the disk: a log is not worth that.
    pub(super) fn write(&mut self, lines: &Lines, now: Instant) -> Wrote {
        if lines.len() == 0 {
            return Wrote::All;
        }
        if let Some(trouble) = &mut self.trouble
            && now < trouble.retry_at
        {
            trouble.lines += lines.len() as u64;
            return Wrote::Nothing;
        }
        match self.try_write(lines, now) {
            Ok(()) => match self.trouble.take() {
                Some(Trouble { lines: missing, .. }) => Wrote::Again { missing },
                None => Wrote::All,
            },
            Err(error) => {
                self.open = None;
                let before = self.trouble.as_ref().map(|trouble| trouble.lines);
                let lines = before.unwrap_or_default() + lines.len() as u64;
                self.trouble = Some(Trouble { retry_at: now + RETRY, lines });
                if before.is_none() { Wrote::Failed(error) } else { Wrote::Nothing }
            }
        }
    }

    fn try_write(&mut self, lines: &Lines, now: Instant) -> io::Result<()> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => {
                let open = self.open_latest()?;
                // An earlier start may have had other limits.
                self.sweep(now);
                open
            }
        };
        // What fits into the file goes there in one piece.
        let (mut begin, mut end) = (0, 0);
        for &line_end in &lines.ends {
            let bytes = open.bytes + (line_end - begin) as u64;
            if bytes > self.limits.file_bytes_max && open.bytes + end as u64 > begin as u64 {
                open.append(lines.text.get(begin..end).unwrap_or_default())?;
                begin = end;
                open = self.create()?;
                self.sweep(now);
            }
            end = line_end;
        }
        open.append(lines.text.get(begin..end).unwrap_or_default())?;
        self.open = Some(open);
        if now.saturating_duration_since(self.swept) >= SWEEP {
            self.sweep(now);
        }
        Ok(())
    }

    /// The file that was written last, unless it is full.
    fn open_latest(&self) -> io::Result<Open> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let Some(path) = self.list()?.pop() else { return self.create() };
        let file = OpenOptions::new().append(true).open(&path)?;
        let bytes = file.metadata()?.len();
        if bytes >= self.limits.file_bytes_max {
            return self.create();
        }
        let mut open = Open { path, file, bytes };
        if !ends_with_newline(&open.path)? {
            open.append(b"\n")?;
        }
        Ok(open)
    }

    /// The next file. Only the host's own user reads it: there is data of users in it.
    fn create(&self) -> io::Result<Open> {
        // The latest has the last name, also when the clock was put back.
        let before = self.list()?.last().and_then(|path| begun(path));
        let after = before.and_then(|at| at.checked_add(SignedDuration::from_millis(1)).ok());
        let at = Timestamp::now().max(after.unwrap_or(Timestamp::MIN));
        let name = format!("{PREFIX}{}{SUFFIX}", at.strftime(NAME));
        let path = self.folder.join(name);
        let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&path)?;
        Ok(Open { path, file, bytes: 0 })
    }

    /// Removes files that are too many or too old. What cannot be removed is tried again with the next.
    fn sweep(&mut self, now: Instant) {
        self.swept = now;
        let Ok(mut files) = self.list() else { return };
        // The last one is written.
        let Some(last) = files.pop() else { return };
        let surplus = (files.len() + 1).saturating_sub(self.limits.files_max.max(1));
        let mut at = 0;
        files.retain(|path| {
            at += 1;
            at > surplus && !self.is_old(path)
        });
        files.push(last);
        let Ok(all) = self.list() else { return };
        for path in all.iter().filter(|path| !files.contains(path)) {
            let _ = fs::remove_file(path);
        }
    }

    fn is_old(&self, path: &Path) -> bool {
        let written = fs::metadata(path).and_then(|file| file.modified());
        let age = written.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
        age.is_ok_and(|age| age > self.limits.age_max)
    }

    /// Its files, the oldest first.
    fn list(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let is_ours = name
                .to_str()
                .is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
            if is_ours {
                files.push(self.folder.join(name));
            }
        }
        files.sort_unstable();
        Ok(files)
    }
}

impl Open {
    /// All or nothing: half a line would be what the next reader stumbles over.
    fn append(&mut self, block: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(block) {
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += block.len() as u64;
        Ok(())
    }
}

/// When a file was begun, by its name.
fn begun(path: &Path) -> Option<Timestamp> {
    let name = path.file_name()?.to_str()?;
    let at = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let at = DateTime::strptime(NAME, at).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// A host that was killed may have left half a line behind.
fn ends_with_newline(path: &Path) -> io::Result<bool> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FileLimits =
        FileLimits { files_max: 3, file_bytes_max: 100, age_max: Duration::from_secs(3600) };

    fn lines(count: usize) -> Lines {
        let mut lines = Lines::default();
        (0..count).for_each(|n| lines.add(&serde_json::json!({"n": format!("{n:>20}")})));
        lines
    }

    fn kept(folder: &Path) -> Vec<String> {
        let files = Files::new(folder.into(), LIMITS, Instant::now()).list().unwrap();
        files.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    #[test]
    fn files_are_rotated_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let now = Instant::now();
        let mut files = Files::new(folder.path().into(), LIMITS, now);
        assert!(matches!(files.write(&lines(20), now), Wrote::All));
        let texts = kept(folder.path());
        assert_eq!(texts.len(), 3);
        assert!(texts.iter().all(|text| text.len() <= 100 && text.ends_with("}\n")), "{texts:?}");
        assert!(texts[2].contains("19"), "the latest is kept: {texts:?}");
    }

    #[test]
    fn the_next_start_goes_on_with_the_last_file_and_mends_half_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let now = Instant::now();
        Files::new(folder.path().into(), LIMITS, now).write(&lines(1), now);
        let path = Files::new(folder.path().into(), LIMITS, now).list().unwrap().pop().unwrap();
        fs::write(&path, "{\"cut").unwrap();
        Files::new(folder.path().into(), LIMITS, now).write(&lines(1), now);
        assert_eq!(kept(folder.path()), [format!("{{\"cut\n{{\"n\":\"{:>20}\"}}\n", 0)]);
    }

    #[test]
    fn files_of_an_earlier_start_are_held_to_the_limits_of_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let now = Instant::now();
        Files::new(folder.path().into(), FileLimits { files_max: 9, ..LIMITS }, now)
            .write(&lines(20), now);
        assert_eq!(kept(folder.path()).len(), 7);
        Files::new(folder.path().into(), LIMITS, now).write(&lines(1), now);
        assert_eq!(kept(folder.path()).len(), LIMITS.files_max);
    }

    #[test]
    fn old_files_go() {
        let folder = tempfile::tempdir().unwrap();
        let now = Instant::now();
        let mut files = Files::new(folder.path().into(), LIMITS, now);
        files.write(&lines(8), now);
        let old = files.list().unwrap().remove(0);
        let yesterday = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
        File::options().write(true).open(&old).unwrap().set_modified(yesterday).unwrap();
        files.write(&lines(1), now + SWEEP);
        assert!(!old.exists());
        assert!(!kept(folder.path()).is_empty());
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told_once_and_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("logs");
        fs::write(&place, "in the way").unwrap();
        let now = Instant::now();
        let mut files = Files::new(place.clone(), LIMITS, now);
        assert!(matches!(files.write(&lines(2), now), Wrote::Failed(_)));
        assert!(matches!(files.write(&lines(2), now), Wrote::Nothing));
        assert!(matches!(files.write(&lines(1), now + RETRY), Wrote::Nothing));
        fs::remove_file(&place).unwrap();
        assert!(matches!(files.write(&lines(1), now + RETRY), Wrote::Nothing), "not yet");
        let later = now + RETRY * 2;
        assert!(matches!(files.write(&lines(1), later), Wrote::Again { missing: 6 }));
        assert!(matches!(files.write(&lines(1), later), Wrote::All));
    }
}
