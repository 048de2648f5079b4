//! What operators see of subscriptions, and what they can do about events that are dead.
//!
//! Only the databases of publishers that are live are looked into. What belongs to a publisher that was
//! removed stays in its database, and shows again with it.

use std::sync::Arc;

use thali_contract::events::Topic;
use thali_contract::name::ServiceName;
use uuid::Uuid;

use crate::events::dispatcher::{Dispatcher, SubscriptionId, topics};
use crate::events::outbox::Outbox;
use crate::events::row::{COLUMNS, Columns, Seq, StoredEvent, now_ms};
use crate::sql::{SqlError, Statement, Value};

/// A subscription as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionStatus {
    /// Which one.
    pub id: SubscriptionId,
    /// Whether the subscriber is live.
    pub live: bool,
    /// Everything up to here is delivered, or waits, or is dead.
    pub position: Seq,
    /// Events behind that.
    pub lag: i64,
    /// Events that failed and are tried again, or are behind such a one.
    pub waiting: i64,
    /// Events that were given up.
    pub dead: i64,
    /// What the last failure said.
    pub error: Option<String>,
}

/// An event that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Whose it is.
    pub subscription: SubscriptionId,
    /// The event; in a list without its payload.
    pub event: StoredEvent,
    /// How often its delivery was tried.
    pub attempts: i64,
    /// What the last attempt said.
    pub error: String,
    /// When it was given up, in milliseconds since 1970.
    pub died_at_ms: i64,
}

/// What was found, or changed, at the publishers whose databases could be used. One that is damaged
/// hides nothing of the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered<T> {
    /// Of all of them.
    pub all: T,
    /// The publishers that it leaves out.
    pub left_out: Vec<LeftOut>,
}

/// A publisher whose database could not be used.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// Its name.
    pub publisher: ServiceName,
    /// Why.
    pub error: SqlError,
}

/// Which dead letters are meant; those that fit everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Of this publisher.
    pub publisher: Option<ServiceName>,
    /// Of this subscriber.
    pub subscriber: Option<ServiceName>,
    /// Of this event.
    pub id: Option<Uuid>,
}

/// A place in the list of dead letters, which is ordered by publisher, place and subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterCursor {
    /// The publisher of the last one that was seen.
    pub publisher: ServiceName,
    /// Its place.
    pub seq: Seq,
    /// Its subscriber.
    pub subscriber: ServiceName,
}

/// Whether payloads are read. A page of large ones is more than a database answers at once.
#[derive(Clone, Copy)]
enum Payload {
    Read,
    LeftOut,
}

/// A publisher that is live.
pub(super) struct Publisher {
    pub(super) name: ServiceName,
    pub(super) outbox: Arc<Outbox>,
}

impl Dispatcher {
    pub(super) fn publishers(&self) -> Vec<Publisher> {
        let topology = self.topology();
        let publishers = topology.stable().filter_map(|stable| {
            let (_, outbox) = topics(&topology, stable).into_iter().next()?;
            Some(Publisher { name: topology.revision(stable).service().clone(), outbox })
        });
        let mut publishers: Vec<_> = publishers.collect();
        publishers.sort_by(|a, b| a.name.cmp(&b.name));
        publishers
    }

    /// Every subscription that has begun, by publisher, topic and subscriber.
    pub async fn subscriptions(&self) -> Gathered<Vec<SubscriptionStatus>> {
        let topology = self.topology();
        let mut found = Gathered::<Vec<_>>::default();
        for publisher in self.publishers() {
            let subscriptions = publisher.subscriptions().await;
            for mut status in found.of(&publisher, subscriptions).unwrap_or_default() {
                status.live = topology.node(status.id.subscriber.as_str()).is_some();
                found.all.push(status);
            }
        }
        found
    }

    /// Dead letters behind a place in their list, at most `limit`, without their payloads.
    pub async fn dead_letters(
        &self,
        filter: &LetterFilter,
        after: Option<&LetterCursor>,
        limit: usize,
    ) -> Gathered<Vec<DeadLetter>> {
        let mut found = Gathered::<Vec<_>>::default();
        for publisher in self.publishers() {
            let is_behind = after.is_some_and(|after| publisher.name < after.publisher);
            let room = limit.saturating_sub(found.all.len());
            if !filter.wants(&publisher) || is_behind || room == 0 {
                continue;
            }
            let after = after.filter(|after| after.publisher == publisher.name);
            let letters = publisher.dead_letters(filter, after, room, Payload::LeftOut).await;
            let letters = found.of(&publisher, letters).unwrap_or_default();
            found.all.extend(letters);
        }
        found
    }

    /// One dead letter of an event, with its payload.
    pub async fn dead_letter(&self, id: Uuid) -> Gathered<Option<DeadLetter>> {
        let filter = LetterFilter { id: Some(id), ..LetterFilter::default() };
        let mut found = Gathered::<Option<_>>::default();
        for publisher in self.publishers() {
            let letters = publisher.dead_letters(&filter, None, 1, Payload::Read).await;
            let letter = found.of(&publisher, letters).unwrap_or_default().into_iter().next();
            if letter.is_some() {
                return Gathered { all: letter, left_out: Vec::new() };
            }
        }
        found
    }

    /// Has dead letters delivered again, from the first attempt on. Answers how many there were.
    pub async fn redrive(&self, filter: &LetterFilter) -> Gathered<u64> {
        let sql = "UPDATE _thali_deliveries \
                   SET state = 'waiting', attempts = 0, next_at = 0, updated_at = $1";
        let redriven = self.change(filter, sql, vec![now_ms().into()]).await;
        self.look_again();
        redriven
    }

    /// Forgets dead letters. Answers how many there were.
    pub async fn discard(&self, filter: &LetterFilter) -> Gathered<u64> {
        self.change(filter, "DELETE FROM _thali_deliveries", Vec::new()).await
    }

    async fn change(&self, filter: &LetterFilter, sql: &str, params: Vec<Value>) -> Gathered<u64> {
        let mut changed = Gathered::<u64>::default();
        for publisher in self.publishers().iter().filter(|publisher| filter.wants(publisher)) {
            let mut statement =
                Statement::new(format!("{sql} WHERE state = 'dead'"), params.clone());
            filter.narrow(&mut statement);
            let changes = publisher.outbox.database().host_batch(vec![statement], false).await;
            let changes = changed.of(publisher, changes).unwrap_or_default();
            changed.all += changes.first().copied().unwrap_or_default();
        }
        changed
    }
}

impl<T> Gathered<T> {
    /// What a publisher has to say, unless its database cannot be used.
    fn of<P>(&mut self, publisher: &Publisher, said: Result<P, SqlError>) -> Option<P> {
        let left_out = |error| LeftOut { publisher: publisher.name.clone(), error };
        said.map_err(|error| self.left_out.push(left_out(error))).ok()
    }
}

impl LetterFilter {
    fn wants(&self, publisher: &Publisher) -> bool {
        self.publisher.as_ref().is_none_or(|name| *name == publisher.name)
    }

    /// Adds the conditions to a statement over the deliveries.
    fn narrow(&self, statement: &mut Statement) {
        if let Some(subscriber) = &self.subscriber {
            statement.params.push(subscriber.as_str().into());
            let condition = format!(" AND subscriber = ${}", statement.params.len());
            statement.sql.push_str(&condition);
        }
        if let Some(id) = &self.id {
            statement.params.push(id.as_bytes().to_vec().into());
            // Dead letters are few, and found faster by place than an event by its id.
            let condition = format!(
                " AND (SELECT id FROM _thali_events e WHERE e.seq = _thali_deliveries.seq) = ${}",
                statement.params.len()
            );
            statement.sql.push_str(&condition);
        }
    }
}

impl Publisher {
    async fn rows(&self, statement: Statement) -> Result<Vec<Vec<Value>>, SqlError> {
        Ok(self.outbox.database().host_query(statement).await?.rows)
    }

    pub(super) async fn subscriptions(&self) -> Result<Vec<SubscriptionStatus>, SqlError> {
        let sql = "SELECT subscriber, topic, position, \
            (SELECT count(*) FROM _thali_events e WHERE e.seq > s.position AND +e.topic = s.topic), \
            (SELECT count(*) FROM _thali_deliveries d WHERE d.subscriber = s.subscriber \
                AND d.topic = s.topic AND d.state = 'waiting'), \
            (SELECT count(*) FROM _thali_deliveries d WHERE d.subscriber = s.subscriber \
                AND d.topic = s.topic AND d.state = 'dead'), \
            coalesce((SELECT error FROM _thali_deliveries d WHERE d.subscriber = s.subscriber \
                AND d.topic = s.topic AND d.attempts > 0 ORDER BY d.updated_at DESC LIMIT 1), '') \
            FROM _thali_subscriptions s ORDER BY topic, subscriber";
        let rows = self.rows(Statement::new(sql, [])).await?;
        rows.into_iter().map(|row| self.status(&mut Columns::new(row))).collect()
    }

    fn status(&self, columns: &mut Columns) -> Result<SubscriptionStatus, SqlError> {
        let id = self.subscription(columns.text()?, columns.text()?)?;
        Ok(SubscriptionStatus {
            id,
            live: false,
            position: columns.integer()?,
            lag: columns.integer()?,
            waiting: columns.integer()?,
            dead: columns.integer()?,
            error: Some(columns.text()?).filter(|error| !error.is_empty()),
        })
    }

    fn subscription(&self, subscriber: String, topic: String) -> Result<SubscriptionId, SqlError> {
        let subscriber = subscriber.parse();
        Ok(SubscriptionId {
            publisher: self.name.clone(),
            topic: Topic::stored(topic),
            subscriber: subscriber.map_err(|error| SqlError::Invalid(format!("{error}")))?,
        })
    }

    async fn dead_letters(
        &self,
        filter: &LetterFilter,
        after: Option<&LetterCursor>,
        limit: usize,
        payload: Payload,
    ) -> Result<Vec<DeadLetter>, SqlError> {
        let (seq, subscriber) = match after {
            Some(after) => (after.seq, after.subscriber.as_str()),
            None => (0, ""),
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // The alias of the deliveries is their name, so that the filter fits both here and in changes.
        let columns = COLUMNS.split(", ").map(|column| match (column, payload) {
            ("payload", Payload::LeftOut) => "'' AS payload".to_owned(),
            _ => format!("e.{column}"),
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let mut statement = Statement::new(
            format!(
                "SELECT {columns}, subscriber, _thali_deliveries.topic, attempts, error, updated_at \
                 FROM _thali_deliveries JOIN _thali_events e ON e.seq = _thali_deliveries.seq \
                 WHERE state = 'dead' AND (_thali_deliveries.seq, subscriber) > ($1, $2)"
            ),
            vec![seq.into(), subscriber.into(), limit.into()],
        );
        filter.narrow(&mut statement);
        statement.sql.push_str(" ORDER BY _thali_deliveries.seq, subscriber LIMIT $3");
        let rows = self.rows(statement).await?;
        rows.into_iter().map(|row| self.letter(row)).collect()
    }

    fn letter(&self, row: Vec<Value>) -> Result<DeadLetter, SqlError> {
        let mut columns = Columns::new(row);
        let event = StoredEvent::from_columns(&mut columns)?;
        Ok(DeadLetter {
            subscription: self.subscription(columns.text()?, columns.text()?)?,
            event,
            attempts: columns.integer()?,
            error: columns.text()?,
            died_at_ms: columns.integer()?,
        })
    }
}
