//! Rows of the outbox.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use thali_runtime::{Principal, TraceContext, TraceState};
use uuid::Uuid;

use crate::sql::{SqlError, Value};

/// The place of an event in its outbox: 1 is the first. In the order of the commits, and without gaps
/// but for events that are not kept any more.
pub type Seq = i64;

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place in the outbox.
    pub seq: Seq,
    /// Names it everywhere, at every attempt to deliver it.
    pub id: Uuid,
    /// The function of the event interface, kebab-case.
    pub function: String,
    /// Events of one key are in order.
    pub key: String,
    /// All parameters by their JSON names, as one JSON object in one line.
    pub payload: String,
    /// The trace of the request that published it.
    pub trace: TraceContext,
    /// What came with that trace.
    pub tracestate: Option<Arc<TraceState>>,
    /// The request that published it.
    pub request_id: Uuid,
    /// When it was published, in milliseconds since 1970.
    pub published_at_ms: i64,
    /// Whom that request acted for.
    pub principal: Option<Arc<Principal>>,
}

/// The columns of a [`StoredEvent`], in order.
pub(super) const COLUMNS: &str = "seq, id, function, key, payload, traceparent, request_id, published_at, subject, scopes, \
     tracestate";

impl StoredEvent {
    /// An event from its [`COLUMNS`].
    pub(super) fn from_row(row: Vec<Value>) -> Result<Self, SqlError> {
        Self::from_columns(&mut Columns::new(row))
    }

    /// An event from its [`COLUMNS`], behind which there may be others.
    pub(super) fn from_columns(columns: &mut Columns) -> Result<Self, SqlError> {
        let seq = columns.integer()?;
        let (id, function, key, payload) =
            (columns.uuid()?, columns.text()?, columns.text()?, columns.text()?);
        let trace = columns.text()?;
        let request_id = columns.uuid()?;
        let trace = trace.parse().unwrap_or_else(|_| TraceContext::begin(request_id));
        let published_at_ms = columns.integer()?;
        let principal = principal(columns.text_or_null()?, columns.text_or_null()?);
        let tracestate = columns.text_or_null()?;
        let tracestate = tracestate.and_then(|text| TraceState::read([&*text])).map(Arc::new);
        Ok(Self {
            seq,
            id,
            function,
            key,
            payload,
            trace,
            tracestate,
            request_id,
            published_at_ms,
            principal,
        })
    }
}

/// Who is kept as a subject and as scopes that are separated by spaces.
fn principal(subject: Option<String>, scopes: Option<String>) -> Option<Arc<Principal>> {
    let scopes = scopes.unwrap_or_default();
    let scopes = scopes.split(' ').filter(|scope| !scope.is_empty()).map(Into::into).collect();
    subject.map(|subject| Arc::new(Principal { subject, scopes }))
}

/// The values of a row, one after the other.
pub(super) struct Columns(std::vec::IntoIter<Value>);

impl Columns {
    pub(super) fn new(row: Vec<Value>) -> Self {
        Self(row.into_iter())
    }

    pub(super) fn integer(&mut self) -> Result<i64, SqlError> {
        match self.0.next() {
            Some(Value::Integer(integer)) => Ok(integer),
            other => Err(unexpected("an integer", other.as_ref())),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, SqlError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(text),
            other => Err(unexpected("text", other.as_ref())),
        }
    }

    pub(super) fn text_or_null(&mut self) -> Result<Option<String>, SqlError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            other => Err(unexpected("text or nothing", other.as_ref())),
        }
    }

    pub(super) fn uuid(&mut self) -> Result<Uuid, SqlError> {
        match self.0.next() {
            Some(Value::Blob(bytes)) => {
                Uuid::from_slice(&bytes).map_err(|error| SqlError::Invalid(error.to_string()))
            }
            other => Err(unexpected("an id", other.as_ref())),
        }
    }
}

fn unexpected(expected: &str, found: Option<&Value>) -> SqlError {
    SqlError::Invalid(format!("a table of the host holds {found:?} where {expected} should be"))
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
