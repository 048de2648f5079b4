//! Calls between services, and their circuit breakers in an operator's hand.

use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use thali_contract::name::ServiceName;
use thali_contract::problem::{Mistake, Problem};
use thali_control::BreakerError;
use thali_runtime::Force;

use super::{Host, unknown};
use crate::faults;
use crate::status::Change;
use crate::web::{self, Answer, Items, None, Params, Refused, Segments};

/// `{"state": "open"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forced {
    state: Wanted,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    Open,
    Closed,
    Auto,
}

pub(super) async fn list(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    Ok(web::json(StatusCode::OK, Items { items: host.control.breakers() }))
}

/// Holds a breaker open or closed, or lets go of it.
pub(super) async fn force(
    State(host): State<Host>,
    Segments((consumer, interface)): Segments<(ServiceName, String)>,
    Params(None {}): Params<None>,
    body: Bytes,
) -> Answer {
    let Forced { state } = serde_json::from_slice(&body).map_err(|error| {
        let example = "send {\"state\": \"open\"}, \"closed\" or \"auto\"";
        faults::mistakes(vec![Mistake::new("", format!("{error}: {example}"))])
    })?;
    let force = match state {
        Wanted::Open => Force::Open,
        Wanted::Closed => Force::Closed,
        Wanted::Auto => Force::Auto,
    };
    let forced = host.control.force_breaker(&consumer, &interface, force).map_err(refused)?;
    host.board.followers.tell(Change::Breakers);
    Ok(web::json(StatusCode::OK, forced))
}

fn refused(error: BreakerError) -> Refused {
    let title = match &error {
        BreakerError::UnknownConsumer(consumer) => return unknown(consumer),
        BreakerError::UnknownInterface { .. } => "The service makes no such calls",
        BreakerError::Ambiguous { .. } => "The service makes several such calls",
    };
    Problem::new(404, "unknown_breaker", title).detail(error.to_string()).into()
}
