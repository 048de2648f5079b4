//! From whoever logs to the one thread that keeps what is logged: nobody who logs ever waits.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use crossbeam_queue::ArrayQueue;

use super::record::Record;

/// Records that may wait: more than half a second of what a host that is flooded can say.
const RECORDS_MAX: usize = 16 << 10;

/// What they may take in memory.
const BYTES_MAX: usize = 8 << 20;

pub(super) struct Queue {
    /// Each has one owner until the thread has it.
    records: ArrayQueue<Arc<Record>>,
    bytes: AtomicUsize,
    dropped: AtomicU64,
    /// The thread sleeps until it is woken.
    is_asleep: AtomicBool,
    is_closed: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            records: ArrayQueue::new(RECORDS_MAX),
            bytes: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            is_asleep: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            thread: OnceLock::new(),
        }
    }

    /// Adds a record, or counts that there was no room for it.
    pub(super) fn push(&self, record: Record) {
        let bytes = record.bytes();
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_full = before + bytes > BYTES_MAX;
        if is_full || self.records.push(Arc::new(record)).is_err() {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        // Either the thread sees the record, or this sees that it sleeps.
        fence(Ordering::SeqCst);
        if self.is_asleep.load(Ordering::Relaxed) && self.is_asleep.swap(false, Ordering::AcqRel) {
            self.wake();
        }
    }

    pub(super) fn pop(&self) -> Option<Arc<Record>> {
        let record = self.records.pop()?;
        self.bytes.fetch_sub(record.bytes(), Ordering::Relaxed);
        Some(record)
    }

    /// Records that there was no room for.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The calling thread is the one to wake.
    pub(super) fn is_read_here(&self) {
        let _ = self.thread.set(std::thread::current());
    }

    /// Sleeps until there is a record, the queue is closed, or the time is up.
    pub(super) fn sleep(&self, time: Duration) {
        self.is_asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.records.is_empty() && !self.is_closed() {
            std::thread::park_timeout(time);
        }
        self.is_asleep.store(false, Ordering::Relaxed);
    }

    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.wake();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    pub(super) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::record;
    use super::*;

    #[test]
    fn what_has_no_room_is_counted_and_not_waited_for() {
        let queue = Queue::new();
        for _ in 0..RECORDS_MAX + 5 {
            queue.push(record("orders"));
        }
        assert_eq!(queue.dropped(), 5);
        while queue.pop().is_some() {}
        assert_eq!(queue.bytes.load(Ordering::Relaxed), 0);
        for _ in 0..3000 {
            queue.push(Record { message: "x".repeat(8 << 10), ..record("orders") });
        }
        assert!(queue.dropped() > 1900, "{}", queue.dropped());
        assert!(queue.bytes.load(Ordering::Relaxed) <= BYTES_MAX);
    }
}
