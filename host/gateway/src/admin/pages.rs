//! What a browser shows: the dashboard, and the page that shows the API.

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::Host;
use super::audit::Actor;
use super::may::May;
use crate::assets;
use crate::web::{self, Answer, None, Params};

pub(super) async fn dashboard(headers: HeaderMap) -> Answer {
    assets::dashboard("index.html", &headers)
}

pub(super) async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Answer {
    assets::dashboard(&format!("assets/{file}"), &headers)
}

/// What the page loads is beneath it.
pub(crate) async fn to_docs() -> impl IntoResponse {
    (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, "docs/")])
}

pub(super) async fn docs(headers: HeaderMap) -> Answer {
    assets::docs("admin.html", &headers)
}

pub(crate) async fn docs_file(Path(file): Path<String>, headers: HeaderMap) -> Answer {
    assets::docs(&file, &headers)
}

/// What the services offer, as on the other listener.
pub(super) async fn openapi(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    let document = host.control.live().openapi();
    Ok(([(CONTENT_TYPE, "application/json")], document).into_response())
}

/// Who asks, and what they may do.
pub(super) async fn session(
    axum::Extension(actor): axum::Extension<Actor>,
    axum::Extension(may): axum::Extension<May>,
    Params(None {}): Params<None>,
) -> Answer {
    Ok(web::json(StatusCode::OK, json!({ "may": may, "actor": actor.name })))
}
