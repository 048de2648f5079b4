//! The keys that tokens are checked by.

use axum::extract::State;
use http::StatusCode;
use serde_json::json;
use thali_contract::problem::Problem;

use super::Host;
use crate::auth::ReloadError;
use crate::web::{self, Answer, None, Params};

/// Reads the keys again. A file that is broken changes nothing, and the answer says what is wrong with
/// it: who asks runs the host.
pub(super) async fn reload(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    match host.auth.reload().await {
        Ok(keys) => Ok(web::json(StatusCode::OK, json!({ "keys": keys }))),
        Err(error) => Err(problem(&error).into()),
    }
}

fn problem(error: &ReloadError) -> Problem {
    let problem = match error {
        ReloadError::NoSource => Problem::new(409, "no_keys", "There is nowhere to read keys from"),
        ReloadError::Refused(_) => {
            Problem::new(422, "keys_refused", "The keys cannot be used; those of before stay")
        }
    };
    problem.detail(error.to_string())
}
