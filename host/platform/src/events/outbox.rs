//! The events that one service has published.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thali_contract::events::{Topic, encode};
use thali_runtime::{Event, EventSink, State};
use tokio::sync::watch;
use uuid::Uuid;

use crate::events::limits::EventLimits;
use crate::events::row::{COLUMNS, Columns, Seq, StoredEvent, now_ms};
use crate::sql::{Caller, Database, OpenTransaction, SqlError, Statement, Value};

const INSERT: &str = "INSERT INTO _thali_events \
    (id, topic, function, key, payload, traceparent, request_id, published_at, subject, scopes, \
     tracestate) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// The events that one service has published, in its own database.
///
/// Reading is for the host: nothing here looks at who may see what.
#[derive(Debug)]
pub struct Outbox {
    database: Arc<Database>,
    limits: EventLimits,
}

impl Outbox {
    /// The outbox in a database.
    pub fn new(database: Arc<Database>, limits: EventLimits) -> Self {
        Self { database, limits }
    }

    /// How long an event is kept that every live subscriber has got.
    pub fn retention(&self) -> Duration {
        self.limits.retention
    }

    pub(super) fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// A count that changes after every commit that published something: what was published can be
    /// read by then. Take it before reading, and wait for the next change after.
    pub fn announcements(&self) -> watch::Receiver<u64> {
        self.database.announcements()
    }

    /// The events of a topic after the place `after`, of one key or of all, in order. At most `limit`,
    /// and fewer when they are large: an empty answer means that there is none.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn read(
        &self,
        topic: &Topic,
        key: Option<&str>,
        after: Seq,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, SqlError> {
        let mut limit = limit;
        loop {
            match self.read_at_most(topic, key, after, limit).await {
                // The result would be larger than a query may answer.
                Err(SqlError::TooLarge(_)) if limit > 1 => limit /= 2,
                outcome => return outcome,
            }
        }
    }

    async fn read_at_most(
        &self,
        topic: &Topic,
        key: Option<&str>,
        after: Seq,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, SqlError> {
        let mut params: Vec<Value> =
            vec![topic.as_str().into(), after.into(), i64::from(limit).into()];
        // The plus keeps SQLite from sorting all events of a topic: it is to walk along the places.
        let (topic, key) = match key {
            None => ("+topic = $1", ""),
            Some(key) => {
                params.push(key.into());
                ("topic = $1", "AND key = $4")
            }
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM _thali_events WHERE {topic} {key} AND seq > $2 \
             ORDER BY seq LIMIT $3"
        );
        let rows = self.database.host_query(Statement::new(sql, params)).await?.rows;
        rows.into_iter().map(StoredEvent::from_row).collect()
    }

    /// The place of the last event, of any topic; 0 when there never was one.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn last_seq(&self) -> Result<Seq, SqlError> {
        self.integer("SELECT coalesce(max(seq), 0) FROM _thali_events").await
    }

    /// The place of the first event that is still kept, of any topic; 0 when there never was one. After
    /// it there may be holes: an event that somebody still needs outlives later ones.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn oldest_seq(&self) -> Result<Seq, SqlError> {
        self.integer("SELECT coalesce(min(seq), 0) FROM _thali_events").await
    }

    /// The place of the last event that is not kept any more, of any topic; 0 when all are. Who has got
    /// everything up to there can be given the rest.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn lost_seq(&self) -> Result<Seq, SqlError> {
        let sql = "SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM _thali_meta \
                   WHERE key = 'events_lost_to'";
        self.integer(sql).await
    }

    async fn integer(&self, sql: &str) -> Result<i64, SqlError> {
        let rows = self.database.host_query(Statement::new(sql, [])).await?.rows;
        Columns::new(rows.into_iter().next().unwrap_or_default()).integer()
    }

    /// Stores an event, in the transaction that the invocation has open or in one of its own.
    async fn store(&self, state: &mut State, event: Event<'_>) -> Result<(), String> {
        let insert = self.insert(state, event)?;
        let stored = match state.locals().get::<OpenTransaction>() {
            Some(transaction) => transaction.host_add(insert, true, self.database.limits()),
            None => {
                let caller = Caller::request(state.context().request_id.as_u128());
                self.database.host_batch_for(caller, vec![insert], true).await.map(drop)
            }
        };
        stored.inspect(|()| self.database.count_published()).map_err(|error| error.to_string())
    }

    fn insert(&self, state: &State, event: Event<'_>) -> Result<Statement, String> {
        let encoded = encode(event.function, event.params).map_err(|error| error.to_string())?;
        let EventLimits { payload_bytes_max, key_bytes_max, .. } = self.limits;
        within("payload", encoded.payload.len(), payload_bytes_max)?;
        within("key", encoded.key.len(), key_bytes_max)?;
        let context = state.context();
        let principal = context.principal.as_deref();
        let params: [Value; 11] = [
            Uuid::now_v7().as_bytes().to_vec().into(),
            Topic::of(event.interface).as_str().into(),
            event.function.name.as_str().into(),
            encoded.key.into(),
            encoded.payload.into(),
            context.trace.stored().into(),
            context.request_id.as_bytes().to_vec().into(),
            now_ms().into(),
            principal.map_or(Value::Null, |who| who.subject.as_str().into()),
            principal.map_or(Value::Null, |who| who.scopes.join(" ").into()),
            context.tracestate.as_deref().map_or(Value::Null, |state| state.as_str().into()),
        ];
        Ok(Statement::new(INSERT, params))
    }
}

fn within(what: &str, bytes: usize, bytes_max: usize) -> Result<(), String> {
    if bytes <= bytes_max {
        return Ok(());
    }
    Err(format!("the event's {what} has {bytes} bytes, at most {bytes_max} are allowed"))
}

impl EventSink for Outbox {
    fn publish<'a>(
        &'a self,
        state: &'a mut State,
        event: Event<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> {
        Box::pin(self.store(state, event))
    }
}
