//! How the host is now, how it was, and following it.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use thali_contract::name::ServiceName;

use super::{Host, unknown};
use crate::reply;
use crate::sse;
use crate::web::{self, Answer, None, Params, Refused};

/// `?service=orders`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Of {
    service: Option<ServiceName>,
}

pub(super) async fn show(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    Ok(web::json(StatusCode::OK, host.board.look().await))
}

/// Of a service, or without one of the host.
pub(super) async fn history(
    State(host): State<Host>,
    Params(Of { service }): Params<Of>,
) -> Answer {
    match (host.board.history(service.as_ref()), service) {
        (Some(history), _) => Ok(web::json(StatusCode::OK, history)),
        (Option::None, Some(name)) => Err(unknown(&name)),
        (Option::None, Option::None) => Err(reply::not_found().into()),
    }
}

pub(super) async fn live(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    if host.closing.has_begun() {
        return Err(reply::draining().into());
    }
    let status = host.board.look().await;
    let pieces = host.board.followers.follow(&status).map_err(Refused)?;
    Ok(sse::response(pieces, &host.closing))
}
