//! Who fills which gap, and who waits for it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::Value;

/// From so many on, those who have gone away are taken out of a queue before it grows.
const QUEUE_SWEPT_AT: usize = 64;

/// The gaps that are being filled, by key.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Arc<str>, Gap>>);

/// One gap.
struct Gap {
    /// Who fills it.
    holder: u64,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    caller: u64,
    tell: oneshot::Sender<Landed>,
}

/// What comes of waiting for a gap.
pub(super) enum Landed {
    /// Somebody filled it.
    Value(Value),
    /// Now it is the turn of the one who waited.
    Right(Right),
}

/// The caller holds the right already.
#[derive(Debug)]
pub(super) struct Selfish;

/// The right to fill a gap. While it lives everybody else waits.
pub(super) struct Right {
    key: Arc<str>,
    /// `None` once the right is used up.
    flights: Option<Arc<Flights>>,
}

impl Flights {
    /// The right to fill the gap at `key`, or what becomes of it in the hands of another.
    pub(super) async fn join(self: &Arc<Self>, key: &str, caller: u64) -> Result<Landed, Selfish> {
        loop {
            let waiting = match self.enter(key, caller)? {
                Entered::First(right) => return Ok(Landed::Right(right)),
                Entered::Waiting(waiting) => waiting,
            };
            // Without an answer the gap is gone; whoever asks next is the first.
            if let Ok(landed) = waiting.await {
                return Ok(landed);
            }
        }
    }

    fn enter(self: &Arc<Self>, key: &str, caller: u64) -> Result<Entered, Selfish> {
        let mut gaps = self.0.lock();
        let Some(gap) = gaps.get_mut(key) else {
            let key: Arc<str> = key.into();
            gaps.insert(Arc::clone(&key), Gap { holder: caller, waiting: VecDeque::new() });
            return Ok(Entered::First(Right { key, flights: Some(Arc::clone(self)) }));
        };
        if gap.holder == caller {
            return Err(Selfish);
        }
        if gap.waiting.len() >= QUEUE_SWEPT_AT {
            gap.waiting.retain(|waiting| !waiting.tell.is_closed());
        }
        let (tell, waiting) = oneshot::channel();
        gap.waiting.push_back(Waiting { caller, tell });
        Ok(Entered::Waiting(waiting))
    }

    /// Forgets who fills the gap at `key`: what was read for it may be out of date. Whoever waits begins
    /// again.
    pub(super) fn cancel(&self, key: &str) {
        let gap = self.0.lock().remove(key);
        // Those who wait are woken after the lock is open again.
        drop(gap);
    }

    /// The next one who still waits, as the new holder; without any the gap is forgotten.
    fn next(&self, key: &Arc<str>) -> Option<oneshot::Sender<Landed>> {
        let mut gaps = self.0.lock();
        if !is_open(&gaps, key) {
            return None;
        }
        let gap = gaps.get_mut(key)?;
        let next = std::iter::from_fn(|| gap.waiting.pop_front())
            .find(|waiting| !waiting.tell.is_closed());
        match next {
            Some(next) => {
                gap.holder = next.caller;
                Some(next.tell)
            }
            None => {
                gaps.remove(key);
                None
            }
        }
    }
}

/// Whether the gap is the one that was entered with this key, and not a later one after it was cancelled.
fn is_open(gaps: &HashMap<Arc<str>, Gap>, key: &Arc<str>) -> bool {
    gaps.get_key_value(key).is_some_and(|(entered, _)| Arc::ptr_eq(entered, key))
}

enum Entered {
    First(Right),
    Waiting(oneshot::Receiver<Landed>),
}

impl Right {
    pub(super) fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// Closes the gap with a value for everybody who waits, after `keep` has kept it. Nothing is kept when
    /// the gap was cancelled.
    pub(super) fn land(mut self, value: &Value, keep: impl FnOnce()) {
        let Some(flights) = self.flights.take() else { return };
        let mut gaps = flights.0.lock();
        if !is_open(&gaps, &self.key) {
            return;
        }
        // Under the lock, so that whoever cancels later also finds what is kept.
        keep();
        let gap = gaps.remove(&self.key);
        drop(gaps);
        for waiting in gap.into_iter().flat_map(|gap| gap.waiting) {
            // Who has gone away needs no value.
            let _ = waiting.tell.send(Landed::Value(Arc::clone(value)));
        }
    }
}

impl Drop for Right {
    /// Hands the right to the next one who waits.
    fn drop(&mut self) {
        let Some(flights) = self.flights.take() else { return };
        while let Some(tell) = flights.next(&self.key) {
            let right = Self { key: Arc::clone(&self.key), flights: Some(Arc::clone(&flights)) };
            match tell.send(Landed::Right(right)) {
                Ok(()) => return,
                // Gone in this very moment. Dropping the right that came back would nest.
                Err(Landed::Right(mut unused)) => unused.flights = None,
                Err(Landed::Value(_)) => {}
            }
        }
    }
}
