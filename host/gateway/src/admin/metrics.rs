//! `GET /metrics`.

use axum::extract::State;
use axum::response::IntoResponse;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, VARY};
use tokio::task::spawn_blocking;

use super::Host;
use crate::metrics::Format;
use crate::reply;
use crate::web::{Answer, None, Params};

/// Everything that is measured, as Prometheus and others read it.
pub(super) async fn scrape(
    State(host): State<Host>,
    headers: HeaderMap,
    Params(None {}): Params<None>,
) -> Answer {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(accept);
    let metrics = host.metrics;
    metrics.refresh().await;
    match spawn_blocking(move || metrics.scrape(format)).await {
        Ok(Ok(text)) => {
            let headers = [(CONTENT_TYPE, format.content_type()), (VARY, "accept")];
            Ok((headers, text).into_response())
        }
        failed => {
            tracing::error!("the metrics cannot be written: {failed:?}");
            Err(reply::internal().into())
        }
    }
}
