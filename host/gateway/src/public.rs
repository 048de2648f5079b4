//! The listener for the services: calls, health, and the description of what there is.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::json;
use thali_contract::name::ServiceName;
use thali_control::{Control, ServiceState, ServiceStatus};
use tower::ServiceExt;
use uuid::Uuid;

use crate::admin::pages;
use crate::assets;
use crate::body::Body;
use crate::dispatch::Dispatch;
use crate::dress::{Dress, DressConfig};
use crate::listen::{Call, Handler};
use crate::readiness::Readiness;
use crate::reply;
use crate::site::Site;
use crate::web::{self, Answer, Items, None, Params, Refused, Segments, is_tag};

/// What is in front of every route of a service.
pub(crate) const PREFIX: &str = "/api/v1";

/// Answers on the listener for the services.
#[derive(Clone)]
pub(crate) struct PublicHandler(Arc<Parts>);

struct Parts {
    dispatch: Arc<Dispatch>,
    router: Router,
    dress: Arc<ArcSwap<DressConfig>>,
}

#[derive(Clone)]
struct Host {
    control: Arc<Control>,
    readiness: Arc<Readiness>,
    /// Tells the documents of this run of the host from those of the ones before.
    run: Uuid,
}

/// What everybody may know of a service.
#[derive(Serialize)]
struct Health {
    name: ServiceName,
    state: ServiceState,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<String>,
    /// What it says itself, of one service that exports `thali:platform/health`.
    #[serde(skip_serializing_if = "Option::is_none")]
    healthy: Option<bool>,
}

impl PublicHandler {
    pub(crate) fn new(
        control: &Arc<Control>,
        dispatch: Arc<Dispatch>,
        readiness: Arc<Readiness>,
        dress: Arc<ArcSwap<DressConfig>>,
        site: Option<Site>,
    ) -> Self {
        let host = Host { control: Arc::clone(control), readiness, run: Uuid::now_v7() };
        Self(Arc::new(Parts { dispatch, router: router(host, site), dress }))
    }
}

impl Handler for PublicHandler {
    async fn handle(&self, request: Request<Incoming>, call: Call) -> Response<Body> {
        let parts = &self.0;
        let by_tls = || call.came_by_tls(request.headers());
        let dress = Dress::choose(&parts.dress.load(), request.headers(), by_tls);
        dress.put_on(parts.answer(request, call).await).await
    }
}

impl Parts {
    async fn answer(&self, request: Request<Incoming>, call: Call) -> Response<Body> {
        match request.uri().path().strip_prefix(PREFIX) {
            Some(path) if path.starts_with('/') => {
                self.dispatch.answer(request, PREFIX.len(), call).await
            }
            // None of these takes a body. One that comes anyway ends the connection, unread.
            _ => {
                let (head, _) = request.into_parts();
                web::answer(self.router.clone(), head, bytes::Bytes::new(), call).await
            }
        }
    }
}

/// With a site, whatever is not the host's own is looked for there, `/` as well.
fn router(host: Host, site: Option<Site>) -> Router {
    let router = Router::new()
        .route("/health", get(health))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/health/{service}", get(health_of))
        .route("/openapi.json", get(openapi));
    let router = match site {
        Some(site) => {
            web::with_fallbacks(router).fallback(move |request: axum::extract::Request| {
                let site = site.clone();
                async move { answer_beside(&site, request.into_parts().0).await }
            })
        }
        None => web::with_fallbacks(router.merge(docs()).route("/", get(index))),
    };
    router.with_state(host)
}

/// The page that shows what the services offer.
fn docs<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let page = async |headers: HeaderMap| assets::docs("index.html", &headers);
    Router::new()
        .route("/docs", get(pages::to_docs))
        .route("/docs/", get(page))
        .route("/docs/{*file}", get(pages::docs_file))
}

/// A file of the site. One that is not there may be of the page at `/docs`: the site's own comes first.
async fn answer_beside(site: &Site, head: http::request::Parts) -> Answer {
    let is_docs = head.uri.path() == "/docs" || head.uri.path().starts_with("/docs/");
    let request = is_docs.then(|| Request::from_parts(head.clone(), axum::body::Body::empty()));
    match (site.answer(head).await, request) {
        (Err(Refused(problem)), Some(request)) if problem.status == 404 => {
            match web::with_fallbacks(docs::<()>()).oneshot(request).await {
                Ok(response) => Ok(response),
                Err(never) => match never {},
            }
        }
        (answer, _) => answer,
    }
}

async fn index() -> Json<serde_json::Value> {
    Json(json!({
        "name": "thali",
        "version": env!("CARGO_PKG_VERSION"),
        "links": { "services": PREFIX, "openapi": "/openapi.json", "docs": "/docs", "health": "/health" },
    }))
}

/// The process answers.
async fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "live" }))
}

/// The host wants requests: it has brought its services up, one of them at least can serve, and it is not on its
/// way down.
async fn ready(State(host): State<Host>) -> axum::response::Response {
    match host.readiness.check(&host.control) {
        Ok(()) => web::json(StatusCode::OK, json!({ "status": "ready" })),
        Err(why) => {
            let status = json!({ "status": "not_ready", "reason": why.reason() });
            web::json(StatusCode::SERVICE_UNAVAILABLE, status)
        }
    }
}

/// Every service. The host is well when it can say so, whatever became of them: hence always 200.
async fn health(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    let items =
        host.control.services().into_iter().map(|status| Health::of(&host, status)).collect();
    Ok(web::json(StatusCode::OK, Items { items }))
}

async fn health_of(
    State(host): State<Host>,
    Segments(name): Segments<ServiceName>,
    Params(None {}): Params<None>,
) -> Answer {
    let mut services = host.control.services().into_iter();
    let Some(status) = services.find(|status| status.name == name) else {
        return Err(reply::unknown_service(name.as_str()).into());
    };
    let healthy = match status.state {
        ServiceState::Running => host.control.is_healthy(&name).await,
        _ => Option::None,
    };
    let code = match (status.state, healthy) {
        (ServiceState::Running, Option::None | Some(true)) => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok(web::json(code, Health { healthy, ..Health::of(&host, status) }))
}

impl Health {
    fn of(host: &Host, status: ServiceStatus) -> Self {
        let live = host.control.live();
        let waiting_for = live.service(&status.name).and_then(|live| live.waiting_for.as_ref());
        let waiting_for = waiting_for.map(ToString::to_string);
        Self { name: status.name, state: status.state, waiting_for, healthy: Option::None }
    }
}

async fn openapi(State(host): State<Host>, headers: HeaderMap) -> axum::response::Response {
    let live = host.control.live();
    let tag = format!("\"{:x}-{}\"", host.run.as_u128(), live.generation);
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|list| list.split(',')).any(|one| is_tag(one.trim(), &tag));
    let head = [(ETAG, tag), (CACHE_CONTROL, "no-cache".into())];
    if is_known {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    (head, [(CONTENT_TYPE, "application/json")], live.openapi()).into_response()
}
