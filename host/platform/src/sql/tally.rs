//! What a database has done since the host started, counted by atomics.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use thali_runtime::{Histogram, HistogramSnapshot};

/// Up to how many jobs shared a commit. A group has 128 at most.
const BATCHES: [u64; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

/// Up to how many microseconds a commit took: a flush takes 100 on a good disk, and 10,000 on a spinning one.
const COMMITS_US: [u64; 12] =
    [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 100_000, 1_000_000, 10_000_000];

/// The counts of one database.
#[derive(Debug)]
pub(crate) struct Tally {
    commit_failures: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
    published: AtomicU64,
    batches: Histogram,
    commits_us: Histogram,
}

/// What a database has done, and how large it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseUsage {
    /// Commits that failed: nothing of them was done.
    pub commit_failures: u64,
    /// Statements that only read.
    pub reads: u64,
    /// Statements that may write, those of transactions that were rolled back among them.
    pub writes: u64,
    /// How many jobs shared each commit.
    pub batches: HistogramSnapshot,
    /// How long each commit took, in microseconds.
    pub commits_us: HistogramSnapshot,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of its write-ahead log.
    pub wal_bytes: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            commit_failures: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            published: AtomicU64::new(0),
            batches: Histogram::new(&BATCHES),
            commits_us: Histogram::new(&COMMITS_US),
        }
    }
}

impl Tally {
    /// A statement is carried out.
    pub(crate) fn statement(&self, only_reads: bool) {
        let count = if only_reads { &self.reads } else { &self.writes };
        count.fetch_add(1, Relaxed);
    }

    /// Events that were stored.
    pub(crate) fn events(&self) -> u64 {
        self.published.load(Relaxed)
    }

    /// An event was stored.
    pub(crate) fn published(&self) {
        self.published.fetch_add(1, Relaxed);
    }

    /// A commit of `jobs` jobs has ended.
    pub(crate) fn committed(&self, jobs: usize, took: Duration, is_ok: bool) {
        if !is_ok {
            self.commit_failures.fetch_add(1, Relaxed);
        } else if jobs > 0 {
            self.batches.count(jobs as u64);
            self.commits_us.count(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// What was counted of the database at `path`. Looks at the files, so it blocks, shortly.
    pub(crate) fn usage(&self, path: &Path) -> DatabaseUsage {
        let bytes = |path: &Path| path.metadata().map_or(0, |file| file.len());
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        DatabaseUsage {
            commit_failures: self.commit_failures.load(Relaxed),
            reads: self.reads.load(Relaxed),
            writes: self.writes.load(Relaxed),
            batches: self.batches.snapshot(),
            commits_us: self.commits_us.snapshot(),
            bytes: bytes(path),
            wal_bytes: bytes(Path::new(&wal)),
        }
    }

    /// Changes with every commit.
    pub(crate) fn commits(&self) -> u64 {
        self.batches.snapshot().buckets.iter().map(|(_, count)| count).sum()
    }
}
