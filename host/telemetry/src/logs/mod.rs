//! What is logged, kept for who looks: the latest of it in memory ([`Logs::latest`]), more in rotated files.
//!
//! [`LogLayer`] takes the events of `tracing` and hands them to one thread by a queue of bounded size. Nobody who logs
//! waits: what has no room is dropped and counted. Followers read the memory from where they were, at their own pace, so
//! a slow one costs nothing and is told what it has missed.

mod files;
mod filter;
mod json_line;
mod layer;
mod level;
mod printer;
mod queue;
mod record;
mod ring;
mod worker;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;

use files::Files;
use printer::Printer;
use queue::Queue;
use ring::Ring;

pub use files::FileLimits;
pub use filter::{AnyCase, LogFilter};
pub use layer::LogLayer;
pub use level::{Level, UnknownLevel};
pub use printer::Print;
pub use record::{Fields, Record};
pub use ring::{Page, RingLimits};

/// What is logged.
pub struct Logs {
    queue: Queue,
    ring: Mutex<Ring>,
    /// The place of the last record.
    head: watch::Sender<u64>,
    /// Where to write from now on, until the thread has seen it.
    asked: Mutex<Option<Option<Files>>>,
    records: AtomicU64,
    unwritten: AtomicU64,
    unprinted: Arc<AtomicU64>,
}

/// How much was logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCounts {
    /// Records that were kept.
    pub records: u64,
    /// Records that there was no room for.
    pub dropped: u64,
    /// Records that are in no file because it could not be written.
    pub unwritten: u64,
    /// Records that are not on standard error because it was not read fast enough, or could not be written.
    pub unprinted: u64,
}

/// Keeps what is logged while it lives. What waits is kept and written when it is dropped.
pub struct LogGuard {
    logs: Arc<Logs>,
    thread: Option<JoinHandle<()>>,
}

impl Logs {
    /// A log that nothing comes to.
    pub fn none() -> Arc<Self> {
        Self::new(RingLimits::default())
    }

    /// Begins to keep what comes to the layer, in memory, and to write it to standard error as `print` makes it.
    ///
    /// # Errors
    ///
    /// When there can be no other thread.
    pub fn start(
        limits: RingLimits,
        print: Option<Print>,
    ) -> io::Result<(Arc<Self>, LogLayer, LogGuard)> {
        let logs = Self::new(limits);
        let printer = print
            .map(|print| Printer::start(print, io::stderr(), Arc::clone(&logs.unprinted)))
            .transpose()?;
        let kept = Arc::clone(&logs);
        let thread = std::thread::Builder::new().name("logs".into());
        let thread = Some(thread.spawn(move || worker::run(&kept, printer))?);
        let guard = LogGuard { logs: Arc::clone(&logs), thread };
        Ok((Arc::clone(&logs), LogLayer(logs), guard))
    }

    fn new(limits: RingLimits) -> Arc<Self> {
        // Places are never those of an earlier start, whose followers come back with them.
        let base = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or_default();
        Arc::new(Self {
            queue: Queue::new(),
            ring: Mutex::new(Ring::new(limits, base)),
            head: watch::Sender::new(base),
            asked: Mutex::new(None),
            records: AtomicU64::new(0),
            unwritten: AtomicU64::new(0),
            unprinted: Arc::default(),
        })
    }

    /// Writes into rotated files in this folder from now on; `None` writes no more. The first time, what is in
    /// memory is written before anything else.
    pub fn write_to(&self, files: Option<(PathBuf, FileLimits)>) {
        let files = files.map(|(folder, limits)| Files::new(folder, limits, Instant::now()));
        *self.asked.lock() = Some(files);
        self.queue.wake();
    }

    /// The last `limit` records that the filter asks for, the oldest first.
    pub fn latest(&self, filter: &LogFilter, limit: usize) -> Page {
        let requests = match filter.is_about_requests() {
            true => {
                let all = self.ring.lock().after(&LogFilter::default(), 0);
                filter.requests(&all.records)
            }
            false => HashSet::new(),
        };
        let mut page = self.wanted(filter, 0, &requests);
        let surplus = page.records.len().saturating_sub(limit);
        page.records.drain(..surplus);
        page.lost = 0;
        page
    }

    /// The first `limit` records after a place that the filter asks for, the oldest first.
    pub fn after(&self, filter: &LogFilter, cursor: u64, limit: usize) -> Page {
        let mut page = self.wanted(filter, cursor, &HashSet::new());
        if page.records.len() > limit {
            page.records.truncate(limit);
            page.cursor = page.records.last().map_or(page.cursor, |record| record.seq);
        }
        page
    }

    fn wanted(&self, filter: &LogFilter, cursor: u64, requests: &HashSet<Box<str>>) -> Page {
        // Looking at them takes longer, and needs no lock.
        let mut page = self.ring.lock().after(filter, cursor);
        page.records.retain(|record| filter.matches_with(record, requests));
        page.records.sort_unstable_by_key(|record| record.seq);
        page
    }

    /// The place of the last record, as it changes.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// How much was logged.
    pub fn counts(&self) -> LogCounts {
        LogCounts {
            records: self.records.load(Ordering::Relaxed),
            dropped: self.queue.dropped(),
            unwritten: self.unwritten.load(Ordering::Relaxed),
            unprinted: self.unprinted.load(Ordering::Relaxed),
        }
    }

    fn count(&self, records: usize) {
        self.records.fetch_add(records as u64, Ordering::Relaxed);
    }

    fn count_unwritten(&self, records: usize) {
        self.unwritten.fetch_add(records as u64, Ordering::Relaxed);
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.logs.queue.close();
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
