//! The table `_thali_idempotency` of a service's database.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::{Answer, Request};
use crate::sql::{Database, SqlError, Statement, Unavailable, Value};

/// Bytes of an answer's body and `Location` that are kept.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What a row has besides: id, fingerprint, numbers, content type and revision.
const ROW_BYTES: usize = 1024;

/// Rows that one statement of a sweep looks at: no writer waits long behind it.
const SWEEP_ROWS: u64 = 500;

/// How often a claim that was swept between two looks is tried again.
const CLAIM_TRIES: u32 = 3;

/// Forgets what is over, and a claim for the same request without an answer: whoever had it is gone.
const MAKE_ROOM: &str = "DELETE FROM _thali_idempotency WHERE id = $1 \
    AND (claimed_at <= $2 OR (status IS NULL AND fingerprint = $3))";
const CLAIM: &str = "INSERT INTO _thali_idempotency (id, fingerprint, claimed_at) \
    VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING";
const FIND: &str = "SELECT fingerprint, status, content_type, location, revision, body \
    FROM _thali_idempotency WHERE id = $1";
const KEEP: &str = "UPDATE _thali_idempotency SET status = $1, content_type = $2, location = $3, \
    revision = $4, body = $5 WHERE id = $6";
const RELEASE: &str = "DELETE FROM _thali_idempotency WHERE id = $1 AND status IS NULL";
/// Rows are in the order of their claims, so the oldest are the first.
const SWEEP: &str = "DELETE FROM _thali_idempotency WHERE claimed_at <= $1 \
    AND seq IN (SELECT seq FROM _thali_idempotency ORDER BY seq LIMIT $2)";

/// The table of one service.
#[derive(Clone, Debug)]
pub(crate) struct Store(Arc<Database>);

/// What there was under an id.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing; it is claimed now.
    Nothing,
    Answer(Answer),
    OtherRequest,
}

impl Store {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self(database)
    }

    /// Claims an id, durably, unless there is something under it. Only the one whose turn it is may.
    pub(crate) async fn claim(
        &self,
        request: Request,
        now: SystemTime,
        ttl: Duration,
    ) -> Result<Found, SqlError> {
        for _ in 0..CLAIM_TRIES {
            if self.try_claim(request, now, ttl).await? {
                return Ok(Found::Nothing);
            }
            if let Some(found) = self.find(request).await? {
                return Ok(found);
            }
        }
        Err(SqlError::Busy)
    }

    async fn try_claim(
        &self,
        request: Request,
        now: SystemTime,
        ttl: Duration,
    ) -> Result<bool, SqlError> {
        let fingerprint = Value::Blob(request.fingerprint.bytes().to_vec());
        let over = [id(request.id), over(now, ttl), fingerprint.clone()];
        let claim = [id(request.id), fingerprint, millis(now)];
        let statements = vec![Statement::new(MAKE_ROOM, over), Statement::new(CLAIM, claim)];
        let changed = self.0.host_batch(statements, false).await?;
        if let [1, 1] = changed.as_slice() {
            tracing::info!(id = %request.id, "a request runs anew: no answer to it is kept");
        }
        Ok(changed.last() == Some(&1))
    }

    async fn find(&self, request: Request) -> Result<Option<Found>, SqlError> {
        let rows = self.0.host_query(Statement::new(FIND, [id(request.id)])).await?;
        let Some(row) = rows.rows.into_iter().next() else { return Ok(None) };
        let Ok([fingerprint, status, content_type, location, revision, body]) =
            <[Value; 6]>::try_from(row)
        else {
            return Err(Unavailable::Corrupt.into());
        };
        let is_same =
            matches!(&fingerprint, Value::Blob(bytes) if bytes == request.fingerprint.bytes());
        let status = match status {
            Value::Integer(status) if is_same => u16::try_from(status).ok(),
            _ => return Ok(Some(Found::OtherRequest)),
        };
        let (Some(status), Value::Blob(body)) = (status, body) else {
            return Err(Unavailable::Corrupt.into());
        };
        Ok(Some(Found::Answer(Answer {
            status,
            content_type: text(content_type),
            location: text(location),
            revision: text(revision).unwrap_or_default(),
            body,
        })))
    }

    /// Whether an answer is small enough to be kept.
    pub(crate) fn fits(&self, answer: &Answer) -> bool {
        let room = self.0.limits().value_bytes_max.saturating_sub(ROW_BYTES).min(ANSWER_BYTES_MAX);
        answer.body.len() + answer.location.as_ref().map_or(0, String::len) <= room
    }

    pub(crate) async fn keep(&self, claim: Uuid, answer: &Answer) -> Result<(), SqlError> {
        let optional = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
        let params = [
            Value::Integer(answer.status.into()),
            optional(&answer.content_type),
            optional(&answer.location),
            Value::Text(answer.revision.clone()),
            Value::Blob(answer.body.clone()),
            id(claim),
        ];
        self.0.host_batch(vec![Statement::new(KEEP, params)], false).await.map(drop)
    }

    pub(crate) async fn release(&self, claim: Uuid) -> Result<(), SqlError> {
        self.0.host_batch(vec![Statement::new(RELEASE, [id(claim)])], false).await.map(drop)
    }

    pub(crate) async fn sweep(&self, now: SystemTime, ttl: Duration) -> Result<u64, SqlError> {
        let mut swept = 0;
        loop {
            let params = [over(now, ttl), Value::Integer(SWEEP_ROWS.cast_signed())];
            let batch = self.0.host_batch(vec![Statement::new(SWEEP, params)], false).await?;
            let deleted = batch.first().copied().unwrap_or_default();
            swept += deleted;
            if deleted < SWEEP_ROWS {
                return Ok(swept);
            }
        }
    }
}

fn id(id: Uuid) -> Value {
    Value::Blob(id.as_bytes().to_vec())
}

/// What was claimed at this moment or before is over.
fn over(now: SystemTime, ttl: Duration) -> Value {
    millis(now.checked_sub(ttl).unwrap_or(UNIX_EPOCH))
}

fn millis(at: SystemTime) -> Value {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Value::Integer(i64::try_from(since).unwrap_or(i64::MAX))
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
