//! Following the log: server-sent events, each with its place as its id.
//!
//! Nothing waits for a follower: it reads memory from where it was, whenever its connection takes more. What had to go
//! meanwhile it is told of. Its place goes along with every beat, so that it can come back and go on from there.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use serde_json::json;
use thali_contract::problem::Problem;
use thali_telemetry::logs::{LogFilter, Logs, Page, Record};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::query::Query;
use super::{LIMIT_MAX, mistake};
use crate::admin::Host;
use crate::reply;
use crate::sse::{self, BEAT_TIME};
use crate::web::{Answer, Params, Refused};

/// Followers at the same time.
const FOLLOWERS_MAX: usize = 32;

/// Seconds until somebody may have left.
const RETRY_SECONDS: u32 = 5;

/// Records that are sent at once.
const BATCH: usize = 256;

/// How long records gather: nobody reads faster, and a log that is busy wakes its followers seldom.
const GATHER: Duration = Duration::from_millis(50);

/// Where a client that comes back has been.
const LAST_EVENT_ID: &str = "last-event-id";

/// The log, with places for those who follow it.
#[derive(Clone)]
pub(in crate::admin) struct LogDesk {
    pub(super) logs: Arc<Logs>,
    places: Arc<Semaphore>,
}

impl LogDesk {
    pub(in crate::admin) fn new(logs: Arc<Logs>) -> Self {
        Self { logs, places: Arc::new(Semaphore::new(FOLLOWERS_MAX)) }
    }
}

/// One who follows.
struct Follower {
    logs: Arc<Logs>,
    head: watch::Receiver<u64>,
    filter: LogFilter,
    cursor: u64,
    /// What is sent before anything new.
    backlog: VecDeque<Arc<Record>>,
    begun: bool,
    _place: OwnedSemaphorePermit,
}

/// What is logged from now on, and before it what `after` says, or `since` and `limit`.
pub(in crate::admin) async fn follow(
    State(host): State<Host>,
    Params(query): Params<Query>,
    headers: HeaderMap,
) -> Answer {
    if host.closing.has_begun() {
        return Err(reply::draining().into());
    }
    let LogDesk { logs, places } = host.log_desk;
    let place = places.try_acquire_owned().map_err(|_| full())?;
    let (after, limit) = (resumed(&headers)?.or(query.after), query.limit(LIMIT_MAX)?);
    let asks_for_earlier = query.asks_for_earlier();
    let filter = query.filter()?;
    let mut head = logs.head();
    let now = *head.borrow_and_update();
    let (cursor, backlog) = match after {
        Some(after) => (after, VecDeque::new()),
        None if asks_for_earlier => {
            let Page { records, cursor, .. } = logs.latest(&filter, limit);
            (cursor, records.into())
        }
        None => (now, VecDeque::new()),
    };
    let follower = Follower { logs, head, filter, cursor, backlog, begun: false, _place: place };
    let pieces = stream::unfold(follower, |mut follower| async move {
        let piece = follower.next().await?;
        Some((piece, follower))
    });
    Ok(sse::response(pieces, &host.closing))
}

/// The place that the client says it has been.
fn resumed(headers: &HeaderMap) -> Result<Option<u64>, Refused> {
    let Some(given) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let id = given.to_str().ok().and_then(|text| text.trim().parse().ok());
    id.map(Some).ok_or_else(|| mistake("Last-Event-ID", "it is not the id of a line"))
}

fn full() -> Problem {
    Problem::new(503, "too_many_followers", "As many follow the log as may")
        .detail(format!("{FOLLOWERS_MAX} follow it at the same time at most: close one"))
        .retry_after(RETRY_SECONDS)
}

impl Follower {
    /// What is sent next. `None` when nothing will be logged any more.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.backlog.is_empty() {
            let batch: Vec<_> = self.backlog.drain(..self.backlog.len().min(BATCH)).collect();
            return Some(pieces(&batch, 0));
        }
        loop {
            self.head.borrow_and_update();
            let page = self.logs.after(&self.filter, self.cursor, BATCH);
            self.cursor = page.cursor;
            if !page.records.is_empty() || page.lost > 0 {
                self.begun = true;
                return Some(pieces(&page.records, page.lost));
            }
            if !std::mem::replace(&mut self.begun, true) {
                return Some(self.place());
            }
            match timeout(BEAT_TIME, self.head.changed()).await {
                Ok(Ok(())) => sleep(GATHER).await,
                Ok(Err(_)) => return None,
                Err(_) => return Some(self.place()),
            }
        }
    }

    /// Where it is, although there is nothing for it: an id without data is no event.
    fn place(&self) -> Bytes {
        Bytes::from(format!(":\nid: {}\n\n", self.cursor))
    }
}

fn pieces(records: &[Arc<Record>], lost: u64) -> Bytes {
    let mut text = String::new();
    if lost > 0 {
        text += &format!("event: lost\ndata: {}\n\n", json!({ "lines": lost }));
    }
    for record in records {
        // What is in memory can be written: texts and numbers.
        let data = serde_json::to_string(&**record).unwrap_or_else(|_| "null".to_owned());
        text += &format!("event: log\nid: {}\ndata: {data}\n\n", record.seq);
    }
    Bytes::from(text)
}
