//! Which event may be delivered next: one lane per key, events of one lane strictly in order.
//!
//! A lane has the events of the window that wait (in memory, with their payload), and those that are
//! *parked*: they failed, or are behind one that failed. Parked events are rows of the database; here
//! is only what is needed to know when the first of them is due. While a lane has parked events, later
//! ones of its key are parked behind them, so that they keep nobody else waiting.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use crate::events::row::{Seq, StoredEvent};

/// The key of a lane.
pub(super) type Key = Arc<str>;

/// Lanes by key.
#[derive(Default)]
pub(super) struct Lanes {
    lanes: HashMap<Key, Lane>,
    /// Lanes whose first event may start now.
    ready: VecDeque<Key>,
    /// Lanes whose first event is parked, by when it is due.
    due: BTreeSet<(Instant, Key)>,
    waiting: usize,
    parked: usize,
}

#[derive(Default)]
struct Lane {
    running: Option<Seq>,
    waiting: VecDeque<StoredEvent>,
    parked: BTreeMap<Seq, Parked>,
    listed: Listed,
}

/// An event that failed, or is behind one that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parked {
    /// How often its delivery was tried.
    pub(super) attempts: u32,
    /// When it may be tried again.
    pub(super) due: Instant,
}

/// In which list the lane is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Listed {
    #[default]
    Nowhere,
    Ready,
    Due(Instant),
}

/// A delivery to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) key: Key,
    pub(super) seq: Seq,
    /// How often it was tried before.
    pub(super) attempts: u32,
    /// The event itself; absent for a parked one, which has to be read again.
    pub(super) event: Option<StoredEvent>,
}

/// What becomes of an event that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// It waits for its turn.
    Waits,
    /// It is behind one that failed: it needs a row.
    Parked,
    /// It is there already.
    Known,
}

impl Lanes {
    /// Events that wait in memory.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Events that are parked.
    pub(super) fn parked(&self) -> usize {
        self.parked
    }

    /// Takes in an event that was read from the outbox, in the order of the outbox.
    pub(super) fn push(&mut self, event: StoredEvent, now: Instant) -> Entry {
        let key: Key = event.key.as_str().into();
        let lane = self.lanes.entry(Arc::clone(&key)).or_default();
        if lane.parked.contains_key(&event.seq) {
            return Entry::Known;
        }
        if !lane.parked.is_empty() {
            lane.parked.insert(event.seq, Parked { attempts: 0, due: now });
            self.parked += 1;
            return Entry::Parked;
        }
        lane.waiting.push_back(event);
        self.waiting += 1;
        self.list(&key);
        Entry::Waits
    }

    /// Takes in a parked event from its row, unless it is there already.
    pub(super) fn park(&mut self, seq: Seq, key: Key, parked: Parked) {
        let lane = self.lanes.entry(Arc::clone(&key)).or_default();
        if lane.running == Some(seq) || lane.parked.contains_key(&seq) {
            return;
        }
        lane.parked.insert(seq, parked);
        self.parked += 1;
        self.unlist(&key);
        self.list(&key);
    }

    /// The next delivery that may start.
    pub(super) fn next(&mut self, now: Instant) -> Option<Job> {
        while let Some((due, key)) = self.due.first().filter(|(due, _)| *due <= now).cloned() {
            self.due.remove(&(due, Arc::clone(&key)));
            if let Some(lane) = self.lanes.get_mut(&key) {
                lane.listed = Listed::Ready;
                self.ready.push_back(key);
            }
        }
        let key = self.ready.pop_front()?;
        let lane = self.lanes.get_mut(&key)?;
        lane.listed = Listed::Nowhere;
        if let Some((seq, parked)) = lane.parked.first_key_value() {
            let (seq, attempts) = (*seq, parked.attempts);
            lane.running = Some(seq);
            return Some(Job { key, seq, attempts, event: None });
        }
        let event = lane.waiting.pop_front()?;
        lane.running = Some(event.seq);
        self.waiting -= 1;
        Some(Job { key, seq: event.seq, attempts: 0, event: Some(event) })
    }

    /// When the next parked event is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Whether an event could start now.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The running event of the lane is over and done with. Answers whether it was parked before.
    pub(super) fn settle(&mut self, job: &Job) -> bool {
        let Some(lane) = self.lanes.get_mut(&job.key) else { return false };
        lane.running = None;
        let was_parked = lane.parked.remove(&job.seq).is_some();
        self.parked -= usize::from(was_parked);
        self.list(&job.key);
        was_parked
    }

    /// The running event failed: it is parked until `due`, and with it everything of its key that waits
    /// in memory. Answers the places of the latter.
    pub(super) fn fail(
        &mut self,
        job: &Job,
        attempts: u32,
        due: Instant,
        now: Instant,
    ) -> Vec<Seq> {
        let Some(lane) = self.lanes.get_mut(&job.key) else { return Vec::new() };
        lane.running = None;
        let mut parked = Vec::with_capacity(lane.waiting.len());
        if lane.parked.insert(job.seq, Parked { attempts, due }).is_none() {
            self.parked += 1;
        }
        for event in lane.waiting.drain(..) {
            lane.parked.insert(event.seq, Parked { attempts: 0, due: now });
            parked.push(event.seq);
        }
        self.waiting -= parked.len();
        self.parked += parked.len();
        self.list(&job.key);
        parked
    }

    /// The running event was not tried: it comes first again.
    pub(super) fn put_back(&mut self, job: Job) {
        let Some(lane) = self.lanes.get_mut(&job.key) else { return };
        lane.running = None;
        if let Some(event) = job.event {
            lane.waiting.push_front(event);
            self.waiting += 1;
        }
        self.list(&job.key);
    }

    /// Puts a lane into the list where it belongs, or drops it when it is empty.
    fn list(&mut self, key: &Key) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        if lane.running.is_some() || lane.listed != Listed::Nowhere {
            return;
        }
        if let Some((_, first)) = lane.parked.first_key_value() {
            lane.listed = Listed::Due(first.due);
            self.due.insert((first.due, Arc::clone(key)));
        } else if lane.waiting.is_empty() {
            self.lanes.remove(key);
        } else {
            lane.listed = Listed::Ready;
            self.ready.push_back(Arc::clone(key));
        }
    }

    /// Takes a lane out of its list.
    fn unlist(&mut self, key: &Key) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        match std::mem::take(&mut lane.listed) {
            Listed::Nowhere => {}
            Listed::Ready => self.ready.retain(|ready| ready != key),
            Listed::Due(due) => {
                self.due.remove(&(due, Arc::clone(key)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
