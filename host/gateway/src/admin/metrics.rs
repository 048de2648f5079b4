//! `GET /metrics`.

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

use super::Host;
use crate::metrics;
use crate::reply;
use crate::web::{Answer, None, Params};

/// Everything that is measured, as Prometheus and others read it.
pub(super) async fn scrape(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    match host.metrics.scrape() {
        Ok(text) => Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()),
        Err(error) => {
            tracing::error!("the metrics cannot be written: {error}");
            Err(reply::internal().into())
        }
    }
}
