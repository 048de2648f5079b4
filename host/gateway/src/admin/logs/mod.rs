//! What the host and its services said: the latest of it, and what comes.

mod query;
mod stream;

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use thali_contract::problem::Mistake;
use thali_telemetry::logs::Record;

use super::Host;
use crate::web::{self, Answer, Items, Params, Refused};
use crate::{faults, reply};

use query::Query;

pub(super) use stream::{LogDesk, follow};

/// Records in one answer.
const LIMIT_DEFAULT: usize = 200;
const LIMIT_MAX: usize = 5000;

/// The latest records that are asked for, the oldest of them first.
pub(super) async fn list(State(host): State<Host>, Params(query): Params<Query>) -> Answer {
    if query.after.is_some() {
        return Err(mistake("?after", "it is for /logs/stream"));
    }
    let limit = query.limit(LIMIT_DEFAULT)?;
    let filter = query.filter()?;
    // Looking through all of memory takes milliseconds.
    let answer = tokio::task::spawn_blocking(move || {
        let records = host.log_desk.logs.latest(&filter, limit).records;
        let items: Vec<&Record> = records.iter().map(Arc::as_ref).collect();
        web::json(StatusCode::OK, Items { items })
    });
    answer.await.map_err(|error| {
        tracing::error!("the log cannot be read: {error}");
        reply::internal().into()
    })
}

fn mistake(pointer: &str, detail: impl Into<String>) -> Refused {
    faults::mistakes(vec![Mistake::new(pointer, detail)]).into()
}
