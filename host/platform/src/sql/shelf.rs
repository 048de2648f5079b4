//! How many databases keep connections open.
//!
//! A database opens its connections when it is used. When more than a number of them have some, the
//! one that was not used for longest lets go of its own, which writes its log back into its file. One
//! that is in use never does: with more in use at once than the number, so many are open.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::sql::database::{Closed, Database};

/// The databases that have connections open.
#[derive(Debug)]
pub(crate) struct Shelf {
    open_max: usize,
    /// Grows with every use of a database.
    clock: AtomicU64,
    /// How many there are in `open`, to be looked at without its lock.
    count: AtomicUsize,
    open: Mutex<Vec<Weak<Database>>>,
}

impl Shelf {
    pub(crate) fn new(open_max: usize) -> Arc<Self> {
        Arc::new(Self {
            open_max,
            clock: AtomicU64::new(0),
            count: AtomicUsize::new(0),
            open: Mutex::default(),
        })
    }

    /// A number that is larger than all before.
    pub(crate) fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// How many databases have connections open.
    pub(crate) fn open(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Notes that a database has a connection, and closes those of others if that makes too many.
    /// Blocks.
    pub(crate) fn admit(&self, newcomer: &Weak<Database>) {
        let mut open = self.open.lock();
        if !open.iter().any(|database| database.ptr_eq(newcomer)) {
            open.push(Weak::clone(newcomer));
        }
        let closed = self.take_idle(&mut open);
        drop(open);
        // Closing writes the log back, which others need not wait for.
        drop(closed);
    }

    /// Closes what is too much, now that something may have become idle. Blocks.
    pub(crate) fn trim(&self) {
        if self.open() > self.open_max {
            let closed = self.take_idle(&mut self.open.lock());
            drop(closed);
        }
    }

    /// Notes that a database has closed its connections itself.
    pub(crate) fn forget(&self, database: &Weak<Database>) {
        let mut open = self.open.lock();
        open.retain(|other| !other.ptr_eq(database));
        self.count.store(open.len(), Ordering::Relaxed);
    }

    fn take_idle(&self, open: &mut Vec<Weak<Database>>) -> Vec<Closed> {
        open.retain(|database| database.strong_count() > 0);
        let mut closed = Vec::new();
        if open.len() > self.open_max {
            open.sort_by_cached_key(|database| {
                database.upgrade().map_or(0, |database| database.last_used())
            });
            let mut too_many = open.len() - self.open_max;
            open.retain(|database| {
                if too_many == 0 {
                    return true;
                }
                let idle = database.upgrade().and_then(|database| database.close_if_idle());
                let stays = idle.is_none();
                too_many -= usize::from(!stays);
                closed.extend(idle);
                stays
            });
        }
        self.count.store(open.len(), Ordering::Relaxed);
        closed
    }
}
