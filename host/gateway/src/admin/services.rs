//! Services and their revisions: what is there, and every change to it.

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use thali_contract::name::ServiceName;
use thali_control::{
    Cause, DeployError, DeployOptions, Deployed, Message, Percent, ServiceDetails, Source, Tag,
};

use super::audit::{About, Actor};
use super::may::{May, Need};
use super::{Host, events, unknown};
use crate::reply;
use crate::web::{self, Answer, Items, None, Params, Refused, RequestId, Segments};

/// `?force=true&canary=10&message=..&watch=..`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deploy {
    #[serde(default)]
    force: bool,
    canary: Option<Percent>,
    message: Option<Message>,
    watch: Option<Tag>,
}

/// `?force=true&message=..`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remove {
    #[serde(default)]
    force: bool,
    message: Option<Message>,
}

/// `?message=..`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    message: Option<Message>,
}

/// A service, with the subscriptions that it has a part in.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    details: ServiceDetails,
    subscriptions: Vec<events::Subscription>,
}

pub(super) async fn list(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    Ok(web::json(StatusCode::OK, Items { items: host.control.services() }))
}

pub(super) async fn show(
    State(host): State<Host>,
    Extension(may): Extension<May>,
    Segments(name): Segments<ServiceName>,
    Params(None {}): Params<None>,
) -> Answer {
    let mut details = host.control.service(&name).ok_or_else(|| unknown(&name))?;
    if may.have(Need::Data).is_err() {
        details.config.iter_mut().for_each(|setting| setting.value.clear());
    }
    let subscriptions = events::of_service(&host, &name, may).await;
    Ok(web::json(StatusCode::OK, Shown { details, subscriptions }))
}

pub(super) async fn revisions(
    State(host): State<Host>,
    Segments(name): Segments<ServiceName>,
    Params(None {}): Params<None>,
) -> Answer {
    let details = host.control.service(&name).ok_or_else(|| unknown(&name))?;
    Ok(web::json(StatusCode::OK, Items { items: details.revisions }))
}

pub(super) async fn deploy(
    State(host): State<Host>,
    Extension(actor): Extension<Actor>,
    Extension(RequestId(id)): Extension<RequestId>,
    Params(Deploy { force, canary, message, watch }): Params<Deploy>,
    headers: HeaderMap,
    component: Bytes,
) -> Answer {
    check_type(&headers)?;
    let (source, cause) = (Source::Upload, cause(actor, message));
    let options = DeployOptions { force, source, canary, cause, request: Some(id), watch };
    let deployed = host.control.deploy(component, options).await.map_err(refused)?;
    Ok(changed(&deployed))
}

pub(super) async fn rollback(
    State(host): State<Host>,
    Extension(actor): Extension<Actor>,
    Segments(name): Segments<ServiceName>,
    Params(Why { message }): Params<Why>,
) -> Answer {
    let deployed = host.control.rollback(&name, cause(actor, message)).await.map_err(refused)?;
    Ok(changed(&deployed))
}

pub(super) async fn remove(
    State(host): State<Host>,
    Extension(actor): Extension<Actor>,
    Segments(name): Segments<ServiceName>,
    Params(Remove { force, message }): Params<Remove>,
) -> Answer {
    let removed =
        host.control.remove(&name, force, cause(actor, message)).await.map_err(refused)?;
    Ok(web::json(StatusCode::OK, removed))
}

pub(super) fn changed(deployed: &Deployed) -> axum::response::Response {
    let status = StatusCode::from_u16(deployed.status()).unwrap_or(StatusCode::OK);
    let mut response = web::json(status, deployed).into_response();
    let about = About { revision: deployed.revision.to_string(), digest: deployed.digest };
    response.extensions_mut().insert(about);
    let location = format!("/admin/v1/services/{}", deployed.service);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// A component, or bytes that do not say what they are.
fn check_type(headers: &HeaderMap) -> Result<(), Refused> {
    let Some(given) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    match given.as_bytes() {
        b"application/wasm" | b"application/octet-stream" => Ok(()),
        _ => {
            let detail = "expected application/wasm or application/octet-stream";
            Err(reply::unsupported_media_type(detail).into())
        }
    }
}

pub(super) fn refused(error: DeployError) -> Refused {
    error.problem().into()
}

/// Who makes a change through this API, named as in the audit log, and why.
pub(super) fn cause(actor: Actor, message: Option<Message>) -> Cause {
    Cause { by: actor.name.into(), message }
}
