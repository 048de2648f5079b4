//! How far a subscription has come, and what of that is still to be written.

use std::collections::BTreeSet;
use std::mem;
use std::time::Duration;

use tokio::time::Instant;

use crate::events::ledger::Change;
use crate::events::row::Seq;

/// The position is written after so many events at the latest,
const POSITION_EVENTS_MAX: Seq = 128;

/// or this long after it moved. What a crash loses of it is delivered again.
const POSITION_TIME: Duration = Duration::from_millis(50);

/// How far a subscription has come.
#[derive(Debug)]
pub(super) struct Progress {
    /// Everything up to here was read.
    cursor: Seq,
    /// What was read and is neither done with nor has a row.
    open: BTreeSet<Seq>,
    /// The position that is stored.
    stored: Seq,
    /// Since when the position is ahead of that.
    moved: Option<Instant>,
    batch: Batch,
}

/// What is written at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) changes: Vec<Change>,
    /// Events that have a row once this is written.
    closes: Vec<Seq>,
    position: Option<Seq>,
}

impl Progress {
    /// A subscription that has come to `position`.
    pub(super) fn at(position: Seq) -> Self {
        let open = BTreeSet::new();
        Self { cursor: position, open, stored: position, moved: None, batch: Batch::default() }
    }

    pub(super) fn cursor(&self) -> Seq {
        self.cursor
    }

    /// How many places lie between the first that is not done with and the last that was read.
    pub(super) fn span(&self) -> Seq {
        self.cursor - self.position()
    }

    /// Everything up to here is delivered, passed over, or has a row.
    pub(super) fn position(&self) -> Seq {
        self.open.first().map_or(self.cursor, |first| first - 1)
    }

    /// Everything up to here was read.
    pub(super) fn reach(&mut self, seq: Seq, now: Instant) {
        self.cursor = self.cursor.max(seq);
        self.note(now);
    }

    /// An event was read that has to be delivered.
    pub(super) fn open(&mut self, seq: Seq) {
        self.open.insert(seq);
    }

    /// An event is done with.
    pub(super) fn close(&mut self, seq: Seq, now: Instant) {
        self.open.remove(&seq);
        self.note(now);
    }

    /// Something is to be written; `closes` has a row then.
    pub(super) fn record(&mut self, change: Change, closes: Option<Seq>) {
        self.batch.changes.push(change);
        self.batch.closes.extend(closes);
    }

    fn note(&mut self, now: Instant) {
        if self.moved.is_none() && self.position() > self.stored {
            self.moved = Some(now);
        }
    }

    /// Whether rows are to be written.
    pub(super) fn has_changes(&self) -> bool {
        !self.batch.changes.is_empty()
    }

    /// When something is to be written.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let many = self.position() - self.stored >= POSITION_EVENTS_MAX;
        if self.has_changes() || many {
            return Some(now);
        }
        self.moved.map(|moved| moved + POSITION_TIME)
    }

    /// What is to be written now.
    pub(super) fn take(&mut self) -> Option<Batch> {
        let mut batch = mem::take(&mut self.batch);
        let position = self.position();
        if position > self.stored {
            batch.position = Some(position);
            batch.changes.push(Change::Position(position));
        }
        self.moved = None;
        (!batch.changes.is_empty()).then_some(batch)
    }

    /// What was taken is durable.
    pub(super) fn written(&mut self, batch: &Batch, now: Instant) {
        self.stored = batch.position.unwrap_or(self.stored);
        for seq in &batch.closes {
            self.open.remove(seq);
        }
        self.note(now);
    }

    /// What was taken was not written: it comes first the next time.
    pub(super) fn not_written(&mut self, batch: Batch, now: Instant) {
        let newer = mem::take(&mut self.batch);
        let is_row = |change: &Change| !matches!(change, Change::Position(_));
        self.batch.changes =
            batch.changes.into_iter().filter(is_row).chain(newer.changes).collect();
        self.batch.closes = batch.closes.into_iter().chain(newer.closes).collect();
        self.note(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(progress: &mut Progress, events: &[Seq], now: Instant) {
        for seq in events {
            progress.open(*seq);
            progress.reach(*seq, now);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_position_is_before_the_first_event_that_is_open() {
        let now = Instant::now();
        let mut progress = Progress::at(10);
        read(&mut progress, &[11, 12, 13], now);
        progress.close(12, now);
        assert_eq!((progress.position(), progress.due(now)), (10, None));
        progress.close(11, now);
        assert_eq!(progress.position(), 12);
        progress.reach(20, now);
        assert_eq!(progress.position(), 12);
        progress.close(13, now);
        assert_eq!((progress.position(), progress.span()), (20, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_position_is_written_after_a_while_or_after_many_events() {
        let now = Instant::now();
        let mut progress = Progress::at(0);
        progress.reach(1, now);
        assert_eq!(progress.due(now), Some(now + POSITION_TIME));
        let later = now + POSITION_TIME / 2;
        progress.reach(POSITION_EVENTS_MAX, later);
        assert_eq!(progress.due(later), Some(later));
        let batch = progress.take().unwrap();
        assert_eq!(batch.changes, [Change::Position(POSITION_EVENTS_MAX)]);
        progress.written(&batch, later);
        assert_eq!((progress.due(later), progress.take().is_none()), (None, true));
    }

    #[tokio::test(start_paused = true)]
    async fn the_position_passes_an_event_only_once_its_row_is_written() {
        let now = Instant::now();
        let mut progress = Progress::at(0);
        read(&mut progress, &[1, 2], now);
        progress.record(Change::Unpark(1), Some(1));
        progress.close(2, now);
        let batch = progress.take().unwrap();
        assert_eq!(batch.changes, [Change::Unpark(1)]);
        assert_eq!(progress.position(), 0);
        progress.not_written(batch, now);
        assert_eq!((progress.position(), progress.due(now)), (0, Some(now)));
        let batch = progress.take().unwrap();
        progress.written(&batch, now);
        assert_eq!(progress.position(), 2);
        assert_eq!(progress.take().unwrap().changes, [Change::Position(2)]);
    }
}
