//! Deleting events that nobody needs any more.
//!
//! An event goes when every live subscriber has got it and it is older than its publisher keeps events,
//! or is not among the newest of the outbox. One that is dead, or waits for another attempt, is kept.
//! So is the newest of all: places are given out from there on, and must never be given out twice.

use std::sync::{Arc, Weak};
use std::time::Duration;

use thali_contract::events::Topic;
use thali_contract::name::ServiceName;
use tracing::warn;

use crate::events::dispatcher::{Dispatcher, demands, topics};
use crate::events::outbox::Outbox;
use crate::events::row::{Columns, Seq, now_ms};
use crate::sql::{SqlError, Statement, Value};

/// How often is looked for events to delete.
const SWEEP_PAUSE: Duration = Duration::from_secs(30);

/// Events deleted in one transaction, so that writers wait for no more than that.
const BATCH_EVENTS: i64 = 500;

/// Transactions of one topic in one sweep; the rest is for the next.
const BATCHES_MAX: usize = 200;

/// Events that are kept although they are delivered, per outbox.
const DELIVERED_MAX: Seq = 100_000;

/// Sweeps from time to time, for as long as there is a dispatcher.
pub(super) async fn sweep_forever(dispatcher: Weak<Dispatcher>) {
    loop {
        tokio::time::sleep(SWEEP_PAUSE).await;
        let Some(dispatcher) = dispatcher.upgrade() else { return };
        dispatcher.sweep().await;
    }
}

/// The events of a topic, and who has to have got them.
struct Shelf {
    outbox: Arc<Outbox>,
    topic: Topic,
    subscribers: Vec<ServiceName>,
}

impl Dispatcher {
    /// Deletes the events of all live publishers that nobody needs any more. Answers how many.
    pub async fn sweep(&self) -> u64 {
        let mut deleted = 0;
        for shelf in self.shelves() {
            match shelf.sweep().await {
                Ok(events) => deleted += events,
                Err(error) => warn!(topic = %shelf.topic, "old events cannot be deleted: {error}"),
            }
        }
        deleted
    }

    fn shelves(&self) -> Vec<Shelf> {
        let topology = self.topology();
        let demands = demands(&topology);
        let mut shelves = Vec::new();
        for stable in topology.stable() {
            let publisher = topology.revision(stable).service();
            for (topic, outbox) in topics(&topology, stable) {
                let subscribers = demands
                    .iter()
                    .filter(|demand| demand.id.publisher == *publisher && demand.id.topic == topic)
                    .map(|demand| demand.id.subscriber.clone());
                let subscribers = subscribers.collect();
                shelves.push(Shelf { outbox, topic, subscribers });
            }
        }
        shelves
    }
}

impl Shelf {
    async fn sweep(&self) -> Result<u64, SqlError> {
        let last = self.outbox.last_seq().await?;
        let delivered = self.delivered().await?;
        let retention = i64::try_from(self.outbox.retention().as_millis()).unwrap_or(i64::MAX);
        let params: Vec<Value> = vec![
            self.topic.as_str().into(),
            delivered.min(last - 1).into(),
            now_ms().saturating_sub(retention).into(),
            (last - DELIVERED_MAX).into(),
            BATCH_EVENTS.into(),
        ];
        let mut deleted = 0;
        for _ in 0..BATCHES_MAX {
            let statements = [NOTE, DELETE].map(|sql| Statement::new(sql, params.clone()));
            let changes = self.outbox.database().host_batch(statements.to_vec(), false).await?;
            let events = changes.last().copied().unwrap_or_default();
            deleted += events;
            if i64::try_from(events).is_ok_and(|events| events < BATCH_EVENTS) {
                break;
            }
        }
        Ok(deleted)
    }

    /// The place up to which every live subscriber has come; one that has not begun has not come
    /// anywhere.
    async fn delivered(&self) -> Result<Seq, SqlError> {
        let sql = "SELECT subscriber, position FROM _thali_subscriptions WHERE topic = $1";
        let statement = Statement::new(sql, [self.topic.as_str().into()]);
        let rows = self.outbox.database().host_query(statement).await?.rows;
        let mut positions = Vec::with_capacity(rows.len());
        for row in rows {
            let mut columns = Columns::new(row);
            positions.push((columns.text()?, columns.integer()?));
        }
        let position = |name: &ServiceName| {
            let found = positions.iter().find(|(subscriber, _)| subscriber == name.as_str());
            found.map_or(0, |(_, position)| *position)
        };
        Ok(self.subscribers.iter().map(position).min().unwrap_or(Seq::MAX))
    }
}

/// Keeps the place of the last event that is deleted: between those that are left there may be holes.
const NOTE: &str = "INSERT INTO _thali_meta (key, value) \
    SELECT 'events_lost_to', max(seq) FROM (\
        SELECT seq FROM _thali_events e \
        WHERE +e.topic = $1 AND e.seq <= $2 AND (e.published_at < $3 OR e.seq <= $4) \
            AND NOT EXISTS (SELECT 1 FROM _thali_deliveries d WHERE d.seq = e.seq) \
        ORDER BY e.seq LIMIT $5) \
    HAVING max(seq) IS NOT NULL \
    ON CONFLICT (key) DO UPDATE \
        SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))";

const DELETE: &str = "DELETE FROM _thali_events WHERE seq IN (\
    SELECT seq FROM _thali_events e \
    WHERE +e.topic = $1 AND e.seq <= $2 AND (e.published_at < $3 OR e.seq <= $4) \
        AND NOT EXISTS (SELECT 1 FROM _thali_deliveries d WHERE d.seq = e.seq) \
    ORDER BY e.seq LIMIT $5)";
