//! What a subscription makes of what happened.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, warn};

use super::{BEHIND, DATABASE_PAUSE, POSTPONED_FIRST, POSTPONED_MAX, Read, Subscription, Woken};
use crate::events::lanes::{Entry, Job, Parked};
use crate::events::ledger::{Change, ParkedRow};
use crate::events::progress::Batch;
use crate::events::row::{Seq, StoredEvent, now_ms};
use crate::events::subscriber::{Outcome, Subscriber};
use crate::sql::SqlError;

impl<S: Subscriber> Subscription<S> {
    pub(super) fn react(&mut self, woken: Woken, now: Instant) {
        match woken {
            Woken::Ended(job, outcome) => self.ended(job, outcome, now),
            Woken::Read(Read::Events(Ok((events, reached)))) => self.take_in(events, reached, now),
            Woken::Read(Read::Parked(Ok((rows, more)))) => self.take_in_parked(rows, more, now),
            Woken::Read(Read::Events(Err(error)) | Read::Parked(Err(error))) => {
                warn!(ledger = %self.ledger, "events cannot be read: {error}");
                self.more = true;
                self.rest.reads = Some(now + DATABASE_PAUSE);
            }
            Woken::Wrote(batch, Ok(())) => self.progress.written(&batch, now),
            Woken::Wrote(batch, Err(error)) => self.not_written(batch, &error, now),
            Woken::Announced => self.more = true,
            Woken::Stance => {
                self.stance = self.orders.stance.borrow_and_update().clone();
                self.rest.deliveries = None;
            }
            Woken::Redriven => {
                self.orders.redriven.borrow_and_update();
                self.reload = true;
                // What is read now may be what was there before.
                self.again |= self.reading.is_some();
            }
            Woken::Replaced => self.replaced = true,
            Woken::Stop => self.stopping = true,
            Woken::Time => {}
        }
        self.rest.reads = self.rest.reads.filter(|rest| *rest > now);
    }

    fn take_in(&mut self, events: Vec<StoredEvent>, reached: Seq, now: Instant) {
        self.replaced |= reached < self.progress.cursor();
        // Until a read brings nothing there may be more.
        self.more |= !events.is_empty();
        for event in events {
            let (seq, key) = (event.seq, event.key.clone());
            let wanted = self.stance.terms.wants(&event.function);
            if !wanted || self.ahead.remove(&seq) {
                continue;
            }
            match self.lanes.push(event, now) {
                Entry::Known => continue,
                Entry::Waits => {}
                Entry::Parked => self.record_behind(seq, &key),
            }
            self.progress.open(seq);
        }
        self.progress.reach(reached, now);
    }

    fn take_in_parked(&mut self, rows: Vec<ParkedRow>, more: bool, now: Instant) {
        (self.reload, self.more_parked) = (std::mem::take(&mut self.again), more);
        let today = now_ms();
        for row in rows {
            let pause = u64::try_from(row.next_at_ms - today).unwrap_or(0);
            let due = now + Duration::from_millis(pause);
            let parked = Parked { attempts: row.attempts, due };
            self.lanes.park(row.seq, row.key.into(), parked);
        }
    }

    fn ended(&mut self, job: Job, outcome: Outcome, now: Instant) {
        self.counts.attempted(&outcome);
        if outcome != Outcome::Postponed {
            (self.rest.deliveries, self.rest.postponed) = (None, 0);
        }
        match outcome {
            Outcome::Done if self.lanes.settle(&job) => {
                self.progress.record(Change::Unpark(job.seq), None);
            }
            Outcome::Done => self.progress.close(job.seq, now),
            Outcome::Failed(error) => self.failed(&job, error, now),
            Outcome::Postponed => {
                self.rest.postponed += 1;
                let doublings = self.rest.postponed.min(6) - 1;
                let pause = (POSTPONED_FIRST * (1 << doublings)).min(POSTPONED_MAX);
                self.rest.deliveries = Some(now + pause);
                self.lanes.put_back(job);
            }
        }
    }

    fn failed(&mut self, job: &Job, error: String, now: Instant) {
        let attempts = job.attempts + 1;
        let terms = Arc::clone(&self.stance.terms);
        if attempts >= terms.attempts {
            let (seq, key) = (job.seq, &job.key);
            warn!(ledger = %self.ledger, seq, %key, attempts, "an event is dead: {error}");
            self.counts.buried();
            self.lanes.settle(job);
            let row = ParkedRow { seq, key: key.to_string(), attempts, next_at_ms: 0 };
            self.progress.record(Change::Bury { row, error }, Some(seq));
            return;
        }
        let pause = terms.backoff.pause(attempts, &mut self.dice);
        debug!(ledger = %self.ledger, seq = job.seq, attempts, ?pause, "an event failed: {error}");
        let behind = self.lanes.fail(job, attempts, now + pause, now);
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let next_at_ms = now_ms().saturating_add(pause_ms);
        let row = ParkedRow { seq: job.seq, key: job.key.to_string(), attempts, next_at_ms };
        self.progress.record(Change::Park { row, error }, Some(job.seq));
        for seq in behind {
            self.record_behind(seq, &job.key);
        }
    }

    /// An event is parked because of another one.
    fn record_behind(&mut self, seq: Seq, key: &str) {
        let row = ParkedRow { seq, key: key.to_owned(), attempts: 0, next_at_ms: 0 };
        self.progress.record(Change::Park { row, error: BEHIND.into() }, Some(seq));
    }

    fn not_written(&mut self, batch: Batch, error: &SqlError, now: Instant) {
        warn!(ledger = %self.ledger, "a subscription cannot be stored: {error}");
        self.rest.writes = Some(now + DATABASE_PAUSE);
        if self.stopping {
            // Whatever is lost is delivered again.
            return;
        }
        self.progress.not_written(batch, now);
    }
}
