//! What the host is told: every setting with where it comes from, and reading it again.

use axum::extract::State;
use http::StatusCode;
use serde_json::json;
use thali_contract::problem::Problem;

use super::Host;
use crate::configured::{Configuration, NotReloaded};
use crate::web::{self, Answer, None, Params, Refused};

/// Every setting. Of secrets it says only where they come from.
pub(super) async fn list(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    let items = known(&host)?.settings();
    Ok(web::json(StatusCode::OK, json!({ "items": items })))
}

/// Reads everything again. What is broken changes nothing, and the answer says what is wrong with it: who
/// asks runs the host.
pub(super) async fn reload(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    match known(&host)?.reload().await {
        Ok(reloaded) => Ok(web::json(StatusCode::OK, reloaded)),
        Err(NotReloaded { detail, mistakes }) => {
            let title = "The configuration cannot be used; what was there before stays";
            let problem = Problem::new(422, "config_refused", title).detail(detail);
            Err(problem.errors(mistakes).into())
        }
    }
}

fn known(host: &Host) -> Result<&dyn Configuration, Refused> {
    host.configured.get().ok_or_else(|| {
        let problem = Problem::new(503, "starting", "The host is still starting");
        problem.detail("it does not know its configuration yet").retry_after(1).into()
    })
}
