//! Those who wait, in a lane for each service.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::gate::{Place, Refusal};

/// One who waits.
pub(super) struct Waiter {
    pub(super) id: u64,
    pub(super) since: Instant,
    pub(super) turn: oneshot::Sender<Result<Place, Refusal>>,
}

/// First come, first served within a lane; the lanes take turns, so that a crowd in one of them
/// does not hold up the others.
#[derive(Default)]
pub(super) struct Queue {
    lanes: VecDeque<Lane>,
    length: usize,
}

struct Lane {
    key: u64,
    waiters: VecDeque<Waiter>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many go before one who comes to this lane now.
    pub(super) fn ahead(&self, key: u64) -> usize {
        let before =
            self.lanes.iter().find(|lane| lane.key == key).map_or(0, |lane| lane.waiters.len());
        self.lanes
            .iter()
            .map(|lane| lane.waiters.len().min(before + usize::from(lane.key != key)))
            .sum()
    }

    pub(super) fn push(&mut self, key: u64, waiter: Waiter) {
        self.length += 1;
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.key == key) {
            lane.waiters.push_back(waiter);
            return;
        }
        self.lanes.push_back(Lane { key, waiters: VecDeque::from([waiter]) });
    }

    /// Who is next.
    pub(super) fn front(&self) -> Option<&Waiter> {
        self.lanes.front()?.waiters.front()
    }

    /// Takes out who is next; the next one is of another lane, if there is one.
    pub(super) fn pop(&mut self) -> Option<Waiter> {
        let mut lane = self.lanes.pop_front()?;
        let waiter = lane.waiters.pop_front();
        self.length -= usize::from(waiter.is_some());
        if !lane.waiters.is_empty() {
            self.lanes.push_back(lane);
        }
        waiter
    }

    /// Takes out who is next and is not served: the lane keeps its turn.
    pub(super) fn drop_front(&mut self) -> Option<Waiter> {
        let lane = self.lanes.front_mut()?;
        let waiter = lane.waiters.pop_front()?;
        self.length -= 1;
        if lane.waiters.is_empty() {
            self.lanes.pop_front();
        }
        Some(waiter)
    }

    /// Takes out one who gave up; `false` when it is not there any more.
    pub(super) fn remove(&mut self, key: u64, id: u64) -> bool {
        let Some(at) = self.lanes.iter().position(|lane| lane.key == key) else { return false };
        let Some(lane) = self.lanes.get_mut(at) else { return false };
        // The first one nearly always: who came first gives up first.
        let Some(position) = lane.waiters.iter().position(|waiter| waiter.id == id) else {
            return false;
        };
        lane.waiters.remove(position);
        self.length -= 1;
        if lane.waiters.is_empty() {
            self.lanes.remove(at);
        }
        true
    }
}
