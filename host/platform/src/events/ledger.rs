//! What is stored of one subscription, in the publisher's database: how far it has come, and the
//! events that were left behind.
//!
//! Every event up to the *position* is delivered, passed over, or has a row of its own in
//! `_thali_deliveries`: `waiting` for another attempt, or `dead`.

use std::sync::Arc;

use thali_contract::events::Topic;
use thali_contract::manifest::StartFrom;
use thali_contract::name::ServiceName;

use crate::events::outbox::Outbox;
use crate::events::row::{COLUMNS, Columns, Seq, StoredEvent, now_ms};
use crate::sql::{SqlError, Statement, Value};

/// Parked events that are taken into memory at once.
const PARKED_READ_MAX: i64 = 2048;

/// The longest error that is kept, in bytes.
const ERROR_BYTES_MAX: usize = 2048;

/// One subscription in the database of its publisher.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    outbox: Arc<Outbox>,
    subscriber: ServiceName,
    topic: Topic,
}

/// A parked event, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParkedRow {
    pub(super) seq: Seq,
    pub(super) key: String,
    pub(super) attempts: u32,
    /// When it may be tried again, in milliseconds since 1970.
    pub(super) next_at_ms: i64,
}

/// A change of the ledger. Several are written at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// An event waits for another attempt, or behind one that does.
    Park { row: ParkedRow, error: String },
    /// A parked event is done with.
    Unpark(Seq),
    /// An event is given up.
    Bury { row: ParkedRow, error: String },
    /// Everything up to here is done with, or has a row.
    Position(Seq),
}

impl Ledger {
    pub(super) fn new(outbox: Arc<Outbox>, subscriber: ServiceName, topic: Topic) -> Self {
        Self { outbox, subscriber, topic }
    }

    pub(super) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Begins the subscription, unless it has begun before, and answers its position.
    pub(super) async fn begin(&self, from: StartFrom) -> Result<Seq, SqlError> {
        let position = match from {
            StartFrom::Start => "0",
            StartFrom::Now => "(SELECT coalesce(max(seq), 0) FROM _thali_events)",
        };
        if let Some(position) = self.position().await? {
            return self.within(position).await;
        }
        let sql = format!(
            "INSERT INTO _thali_subscriptions (subscriber, topic, position, created_at) \
             VALUES ($1, $2, {position}, $3) ON CONFLICT DO NOTHING"
        );
        let [subscriber, topic] = self.names();
        let insert = Statement::new(sql, [subscriber, topic, now_ms().into()]);
        self.outbox.database().host_batch(vec![insert], false).await?;
        let position = self.position().await?.unwrap_or_default();
        self.within(position).await
    }

    /// The position, which is never behind the last event: places behind that are given out later.
    async fn within(&self, position: Seq) -> Result<Seq, SqlError> {
        Ok(position.min(self.outbox.last_seq().await?))
    }

    async fn position(&self) -> Result<Option<Seq>, SqlError> {
        let sql = "SELECT position FROM _thali_subscriptions WHERE subscriber = $1 AND topic = $2";
        let row = self.rows(sql, []).await?.into_iter().next();
        row.map(|row| Columns::new(row).integer()).transpose()
    }

    /// The events that wait for another attempt, in order, and whether there are more.
    pub(super) async fn parked(&self) -> Result<(Vec<ParkedRow>, bool), SqlError> {
        let sql = "SELECT seq, key, attempts, next_at FROM _thali_deliveries \
                   WHERE subscriber = $1 AND topic = $2 AND state = 'waiting' ORDER BY seq LIMIT $3";
        let rows = self.rows(sql, [PARKED_READ_MAX.into()]).await?;
        let parked: Vec<_> = rows.into_iter().map(ParkedRow::from_row).collect::<Result<_, _>>()?;
        let more = i64::try_from(parked.len()).is_ok_and(|read| read == PARKED_READ_MAX);
        Ok((parked, more))
    }

    /// The events behind `position` that have a row already: a crash came before the position was
    /// stored that goes with them.
    pub(super) async fn ahead(&self, position: Seq) -> Result<Vec<Seq>, SqlError> {
        let sql = "SELECT seq FROM _thali_deliveries \
                   WHERE subscriber = $1 AND topic = $2 AND seq > $3";
        let rows = self.rows(sql, [position.into()]).await?;
        rows.into_iter().map(|row| Columns::new(row).integer()).collect()
    }

    /// The events after `cursor`, and the place up to which there are no others. A place before `cursor`
    /// means that another database has taken the place of the one that was read before.
    pub(super) async fn read(
        &self,
        cursor: Seq,
        limit: u32,
    ) -> Result<(Vec<StoredEvent>, Seq), SqlError> {
        let last = self.outbox.last_seq().await?;
        if last <= cursor {
            return Ok((Vec::new(), last));
        }
        let events = self.outbox.read(&self.topic, None, cursor, limit).await?;
        let reached = match events.last() {
            Some(event) => event.seq,
            None => last,
        };
        Ok((events, reached))
    }

    /// One event; `None` when it is not kept any more.
    pub(super) async fn event(&self, seq: Seq) -> Result<Option<StoredEvent>, SqlError> {
        let sql = format!("SELECT {COLUMNS} FROM _thali_events WHERE seq = $1");
        let statement = Statement::new(sql, [seq.into()]);
        let rows = self.outbox.database().host_query(statement).await?.rows;
        rows.into_iter().next().map(StoredEvent::from_row).transpose()
    }

    /// Writes changes, all or none; durable when it returns.
    pub(super) async fn write(&self, changes: &[Change]) -> Result<(), SqlError> {
        let statements = changes.iter().map(|change| self.statement(change)).collect();
        self.outbox.database().host_batch(statements, false).await.map(drop)
    }

    fn statement(&self, change: &Change) -> Statement {
        match change {
            Change::Park { row, error } => self.upsert("waiting", row, error),
            Change::Bury { row, error } => self.upsert("dead", row, error),
            Change::Unpark(seq) => {
                let sql = "DELETE FROM _thali_deliveries WHERE seq = $1 AND subscriber = $2";
                Statement::new(sql, [(*seq).into(), self.subscriber.as_str().into()])
            }
            Change::Position(seq) => {
                // The database may have been replaced since the position was reached.
                let sql = "UPDATE _thali_subscriptions SET position = \
                           min($3, (SELECT coalesce(max(seq), 0) FROM _thali_events)) \
                           WHERE subscriber = $1 AND topic = $2";
                let [subscriber, topic] = self.names();
                Statement::new(sql, [subscriber, topic, (*seq).into()])
            }
        }
    }

    fn upsert(&self, state: &str, row: &ParkedRow, error: &str) -> Statement {
        let sql = "INSERT INTO _thali_deliveries \
            (subscriber, topic, seq, key, state, attempts, next_at, error, updated_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
            ON CONFLICT (seq, subscriber) DO UPDATE SET state = excluded.state, \
                attempts = excluded.attempts, next_at = excluded.next_at, \
                error = excluded.error, updated_at = excluded.updated_at";
        let [subscriber, topic] = self.names();
        let params: [Value; 9] = [
            subscriber,
            topic,
            row.seq.into(),
            row.key.as_str().into(),
            state.into(),
            i64::from(row.attempts).into(),
            row.next_at_ms.into(),
            cut(error).into(),
            now_ms().into(),
        ];
        Statement::new(sql, params)
    }

    fn names(&self) -> [Value; 2] {
        [self.subscriber.as_str().into(), self.topic.as_str().into()]
    }

    /// A query whose first two parameters are the subscriber and the topic.
    async fn rows<const N: usize>(
        &self,
        sql: &str,
        more: [Value; N],
    ) -> Result<Vec<Vec<Value>>, SqlError> {
        let params: Vec<Value> = self.names().into_iter().chain(more).collect();
        Ok(self.outbox.database().host_query(Statement::new(sql, params)).await?.rows)
    }
}

impl std::fmt::Display for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.subscriber, self.topic)
    }
}

impl ParkedRow {
    fn from_row(row: Vec<Value>) -> Result<Self, SqlError> {
        let mut columns = Columns::new(row);
        let (seq, key) = (columns.integer()?, columns.text()?);
        let attempts = u32::try_from(columns.integer()?).unwrap_or(u32::MAX);
        Ok(Self { seq, key, attempts, next_at_ms: columns.integer()? })
    }
}

/// The text without NUL, which no database takes, and not longer than what is kept.
fn cut(error: &str) -> String {
    let end = error.floor_char_boundary(ERROR_BYTES_MAX.min(error.len()));
    error.get(..end).unwrap_or_default().replace('\0', "\u{fffd}")
}
