//! The admin listener: deploys and what there is to see, under `/admin/v1`.
//!
//! It asks for a token when it is given one, and belongs on loopback when it is not: who may what is in the module `may`. What
//! a browser sends for a page of somebody else is refused (see the module `guard`). Every change is written
//! down (see the module `audit`).

pub(crate) mod audit;
mod auth;
mod breakers;
mod call;
mod config;
mod database;
mod databases;
mod events;
mod graph;
mod guard;
mod logs;
mod may;
mod metrics;
pub(crate) mod pages;
mod rollouts;
mod schedules;
mod services;
mod status;
pub(crate) mod token;
mod traces;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post, put};
use axum::{Extension, Json, Router, middleware};
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use serde_json::json;
use thali_contract::name::ServiceName;
use thali_control::Control;
use thali_runtime::Runtime;
use thali_telemetry::Telemetry;
use thali_telemetry::logs::Logs;
use tokio::sync::Semaphore;

use audit::AuditLog;
use logs::LogDesk;
use may::{May, Need, Routes};
use token::{Door, Visitor};

use crate::auth::Auth;
use crate::body::Body;
use crate::configured::Configured;
use crate::dress::{Dress, DressConfig};
use crate::gateway::Guards;
use crate::listen::{Call, Handler};
use crate::metrics::Metrics;
use crate::sse::Closing;
use crate::status::Board;
use crate::web::{self, Answer, None, Params, Refused};
use crate::{listen, reply};

/// Answers on the admin listener.
#[derive(Clone)]
pub(crate) struct AdminHandler {
    router: Router,
    control: Arc<Control>,
    door: Arc<Door>,
    dress: Arc<DressConfig>,
    address: SocketAddr,
}

/// What the handlers work on.
#[derive(Clone)]
pub(crate) struct Host {
    control: Arc<Control>,
    runtime: Arc<Runtime>,
    auth: Arc<Auth>,
    metrics: Metrics,
    audit: Arc<AuditLog>,
    log_desk: LogDesk,
    board: Arc<Board>,
    closing: Closing,
    telemetry: Telemetry,
    configured: Arc<Configured>,
    /// Places for downloads.
    downloads: Arc<Semaphore>,
}

/// What the handlers work on besides what guards the host.
pub(crate) struct Parts {
    pub(crate) control: Arc<Control>,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) metrics: Metrics,
    pub(crate) logs: Arc<Logs>,
    pub(crate) board: Arc<Board>,
    pub(crate) closing: Closing,
    pub(crate) telemetry: Telemetry,
    /// Whoever reaches the listener may look at the host without the token, wherever it listens.
    pub(crate) anonymous_reads: bool,
}

impl AdminHandler {
    pub(crate) fn new(parts: Parts, guards: Guards, address: SocketAddr) -> Self {
        let Guards { auth, admin_token, audit, configured } = guards;
        let Parts { control, runtime, metrics, logs, board, closing, telemetry, anonymous_reads } =
            parts;
        let host = Host {
            control: Arc::clone(&control),
            runtime,
            auth,
            metrics,
            audit,
            log_desk: LogDesk::new(logs),
            board,
            closing,
            telemetry,
            configured,
            downloads: Arc::new(Semaphore::new(database::DOWNLOADS_MAX)),
        };
        let reads_are_open = anonymous_reads || address.ip().is_loopback();
        let door = Arc::new(Door::new(admin_token, reads_are_open));
        let dress = Arc::default();
        Self { router: router(host), control, door, dress, address }
    }
}

impl Handler for AdminHandler {
    async fn handle(&self, request: Request<Incoming>, call: Call) -> Response<Body> {
        let dress = Dress::choose(&self.dress, request.headers(), || false);
        dress.put_on(self.answer(request, call).await).await
    }
}

impl AdminHandler {
    async fn answer(&self, mut request: Request<Incoming>, mut call: Call) -> Response<Body> {
        let is_safe = request.method().is_safe();
        let visitor = self.door.enter(request.headers(), call.peer().ip());
        let trusted = match &visitor {
            Ok(visitor) => visitor.has_token || visitor.may == May::Nothing,
            Err(_) => true,
        };
        if let Err(error) = guard::check(&request, self.address, trusted) {
            return call.refuse(&error.problem());
        }
        // Nobody uploads what will be refused.
        let visitor = visitor.and_then(|visitor| {
            visitor.may.have(if is_safe { Need::Open } else { Need::Write }).map(|()| visitor)
        });
        match visitor {
            Ok(Visitor { actor, may, .. }) => {
                request.extensions_mut().insert(actor);
                request.extensions_mut().insert(may);
            }
            Err(denied) => {
                let response = denied.response(call.id());
                return call.finish(response);
            }
        }
        if database::is_restore(&request) {
            let (router, control) = (self.router.clone(), self.control.clone());
            return database::receive(router, control, request, call).await;
        }
        let (router, id) = (self.router.clone(), call.id());
        let (head, body) = request.into_parts();
        if is_safe {
            // None of these takes a body. One that comes anyway ends the connection, unread.
            return web::answer(router, head, Bytes::new(), call).await;
        }
        let body = match call.read_body(body).await {
            Ok(body) => body,
            Err(error) => return call.refuse(&error.problem()),
        };
        // A deploy is not left half done because somebody closed a terminal.
        let running = tokio::spawn(web::answer(router, head, body, call));
        match running.await {
            Ok(response) => response,
            Err(error) => listen::panicked(id, &error.to_string()),
        }
    }
}

/// Everything there is: what is below `/admin/v1`, and the rest.
fn routes() -> [Routes; 2] {
    let api = Routes::new()
        .open("/health", get(health))
        .open("/session", get(pages::session))
        .open("/api.json", get(api))
        .read("/status", get(status::show))
        .read("/status/history", get(status::history))
        .read("/live", get(status::live))
        .read("/services", get(services::list))
        .write("/services", post(services::deploy))
        .read("/services/{name}", get(services::show))
        .write("/services/{name}", delete(services::remove))
        .read("/services/{name}/revisions", get(services::revisions))
        .write("/services/{name}/rollback", post(services::rollback))
        .write("/services/{name}/traffic", put(rollouts::traffic))
        .write("/services/{name}/promote", post(rollouts::promote))
        .read("/services/{name}/history", get(rollouts::history))
        .read("/services/{name}/database", get(databases::show))
        .write("/services/{name}/database", put(database::restore))
        .data("/services/{name}/database/query", post(database::query))
        .data("/services/{name}/database/check", get(database::check))
        .data("/services/{name}/database/backup", get(database::backup))
        .data("/services/{name}/database/export", get(database::export))
        .write("/services/{name}/call/{interface}/{function}", post(call::call))
        .read("/databases", get(databases::list))
        .read("/events", get(events::list))
        .read("/events/dead", get(events::dead))
        .write("/events/dead/redrive", post(events::redrive))
        .write("/events/dead/discard", post(events::discard))
        .data("/events/dead/{id}", get(events::show))
        .read("/schedules", get(schedules::list))
        .write("/schedules/{service}/{name}/run", post(schedules::run))
        .read("/breakers", get(breakers::list))
        .write("/breakers/{consumer}/{interface}", put(breakers::force))
        .write("/auth/reload", post(auth::reload))
        .data("/config", get(config::list))
        .write("/config/reload", post(config::reload))
        .data("/audit", get(audit::list))
        .data("/logs", get(logs::list))
        .data("/logs/stream", get(logs::follow))
        .data("/traces", get(traces::list))
        .data("/traces/{id}", get(traces::show))
        .read("/graph", get(graph::graph))
        .read("/openapi.json", get(pages::openapi));
    let rest = Routes::new()
        .open("/", get(pages::dashboard))
        .open("/assets/{*file}", get(pages::asset))
        .open("/docs", get(pages::to_docs))
        .open("/docs/", get(pages::docs))
        .open("/docs/{*file}", get(pages::docs_file))
        .read("/openapi.json", get(pages::openapi))
        .read("/admin/v1", get(index))
        .read("/metrics", get(metrics::scrape));
    [api, rest]
}

fn router(host: Host) -> Router {
    let [api, rest] = routes();
    let router = rest.router().nest("/admin/v1", api.router());
    // Beneath the fallbacks: what has no route changes nothing.
    let audited = middleware::from_fn_with_state(Arc::clone(&host.audit), audit::layer);
    let router = router.route_layer(audited);
    // The listener has read the body already, within its own limit.
    web::with_fallbacks(router)
        .fallback(nothing)
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(host)
}

/// What this API is: OpenAPI 3.1.
const API: &str = include_str!("api.json");

async fn api(Params(None {}): Params<None>) -> Answer {
    Ok(([(http::header::CONTENT_TYPE, "application/json")], API).into_response())
}

/// Whoever may see nothing does not learn what there is not, either.
async fn nothing(Extension(may): Extension<May>) -> axum::response::Response {
    match may.have(Need::Read) {
        Ok(()) => Refused::from(reply::not_found()).into_response(),
        Err(denied) => may::refuse(&denied),
    }
}

async fn index() -> Json<serde_json::Value> {
    let paths = [
        "status",
        "services",
        "breakers",
        "databases",
        "schedules",
        "events",
        "events/dead",
        "traces",
        "graph",
        "openapi.json",
        "health",
    ];
    let links = paths.map(|path| format!("/admin/v1/{path}"));
    Json(json!({ "name": "thali admin", "version": env!("CARGO_PKG_VERSION"), "links": links }))
}

/// The admin API answers.
async fn health(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    let live = host.control.live();
    let health = json!({
        "status": "ok",
        "services": live.services.len(),
        "generation": live.generation,
        "engine": host.runtime.report(),
    });
    Ok(Json(health).into_response())
}

fn unknown(name: &ServiceName) -> Refused {
    reply::unknown_service(name.as_str()).into()
}
