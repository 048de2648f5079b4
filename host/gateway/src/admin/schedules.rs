//! Schedules: when they run next, how they ran last, and running one now.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use thali_contract::name::ServiceName;
use thali_contract::problem::Problem;
use thali_platform::schedules::RunError;

use super::Host;
use crate::status::Change;
use crate::web::{self, Answer, Items, None, Params, Refused, Segments};

/// `?service=orders`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Of {
    service: Option<ServiceName>,
}

pub(super) async fn list(State(host): State<Host>, Params(Of { service }): Params<Of>) -> Answer {
    let mut items = host.control.schedules().status();
    items.retain(|schedule| service.as_ref().is_none_or(|service| schedule.service == *service));
    Ok(web::json(StatusCode::OK, Items { items }))
}

/// Waits for the run to end, which a service's time limit bounds.
pub(super) async fn run(
    State(host): State<Host>,
    Segments((service, name)): Segments<(ServiceName, String)>,
    Params(None {}): Params<None>,
) -> Answer {
    let run = host.control.schedules().run(&service, &name).await;
    host.board.followers.tell(Change::Schedules);
    let run = run.map_err(|error| refused(&error, &service, &name))?;
    Ok(web::json(StatusCode::OK, run))
}

fn refused(error: &RunError, service: &ServiceName, name: &str) -> Refused {
    let (status, code, title) = match error {
        RunError::Unknown => (404, "unknown_schedule", "There is no such schedule"),
        RunError::Running => (409, "schedule_running", "The schedule runs already"),
        RunError::Unavailable(_) => (503, "schedule_unavailable", "The schedule cannot run now"),
    };
    Problem::new(status, code, title).detail(format!("{name} of {service}: {error}")).into()
}
