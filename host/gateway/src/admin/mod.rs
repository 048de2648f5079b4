//! The admin listener: deploys and what there is to see, under `/admin/v1`.
//!
//! It asks for a token when it is given one, and belongs on loopback when it is not. It is for programs: what
//! a browser sends for a page of somebody else is refused (see the module `guard`). Every change is written
//! down (see the module `audit`).

pub(crate) mod audit;
mod auth;
mod breakers;
mod call;
mod database;
mod events;
mod graph;
mod guard;
mod metrics;
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
use axum::{Json, Router, middleware};
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use hyper::body::Incoming;
use serde_json::json;
use thali_contract::name::ServiceName;
use thali_control::Control;
use thali_runtime::Runtime;
use thali_telemetry::Telemetry;

use audit::AuditLog;
use token::Door;

use crate::auth::Auth;
use crate::body::Body;
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
    board: Arc<Board>,
    closing: Closing,
    telemetry: Telemetry,
}

/// What the handlers work on besides what guards the host.
pub(crate) struct Parts {
    pub(crate) control: Arc<Control>,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) metrics: Metrics,
    pub(crate) board: Arc<Board>,
    pub(crate) closing: Closing,
    pub(crate) telemetry: Telemetry,
}

impl AdminHandler {
    pub(crate) fn new(parts: Parts, guards: Guards, address: SocketAddr) -> Self {
        let Guards { auth, admin_token, audit } = guards;
        let Parts { control, runtime, metrics, board, closing, telemetry } = parts;
        let host = Host {
            control: Arc::clone(&control),
            runtime,
            auth,
            metrics,
            audit,
            board,
            closing,
            telemetry,
        };
        let door = Arc::new(Door::new(admin_token));
        Self { router: router(host), control, door, address }
    }
}

impl Handler for AdminHandler {
    async fn handle(&self, mut request: Request<Incoming>, mut call: Call) -> Response<Body> {
        if let Err(error) = guard::check(&request, self.address) {
            return call.refuse(&error.problem());
        }
        match self.door.enter(request.headers(), call.peer().ip()) {
            Ok(actor) => request.extensions_mut().insert(actor),
            Err(denied) => {
                let response = denied.response(call.id());
                return call.finish(response);
            }
        };
        if database::is_restore(&request) {
            let (router, control) = (self.router.clone(), self.control.clone());
            return database::receive(router, control, request, call).await;
        }
        let (head, body) = request.into_parts();
        let body = match call.read_body(body).await {
            Ok(body) => body,
            Err(error) => return call.refuse(&error.problem()),
        };
        let (router, id) = (self.router.clone(), call.id());
        if head.method.is_safe() {
            return web::answer(router, head, body, call).await;
        }
        // A deploy is not left half done because somebody closed a terminal.
        let running = tokio::spawn(web::answer(router, head, body, call));
        match running.await {
            Ok(response) => response,
            Err(error) => listen::panicked(id, &error.to_string()),
        }
    }
}

fn router(host: Host) -> Router {
    let api = Router::new()
        .route("/services", get(services::list).post(services::deploy))
        .route("/services/{name}", get(services::show).merge(delete(services::remove)))
        .route("/services/{name}/revisions", get(services::revisions))
        .route("/services/{name}/rollback", post(services::rollback))
        .route("/services/{name}/traffic", put(rollouts::traffic))
        .route("/services/{name}/promote", post(rollouts::promote))
        .route("/services/{name}/history", get(rollouts::history))
        .route("/services/{name}/database", put(database::restore))
        .route("/services/{name}/database/query", post(database::query))
        .route("/services/{name}/database/check", get(database::check))
        .route("/services/{name}/database/backup", get(database::backup))
        .route("/services/{name}/database/export", get(database::export))
        .route("/services/{name}/call/{interface}/{function}", post(call::call))
        .route("/events", get(events::list))
        .route("/events/dead", get(events::dead))
        .route("/events/dead/redrive", post(events::redrive))
        .route("/events/dead/discard", post(events::discard))
        .route("/events/dead/{id}", get(events::show))
        .route("/schedules", get(schedules::list))
        .route("/schedules/{service}/{name}/run", post(schedules::run))
        .route("/breakers", get(breakers::list))
        .route("/breakers/{consumer}/{interface}", put(breakers::force))
        .route("/auth/reload", post(auth::reload))
        .route("/audit", get(audit::list))
        .route("/traces", get(traces::list))
        .route("/traces/{id}", get(traces::show))
        .route("/graph", get(graph::graph))
        .route("/openapi.json", get(openapi))
        .route("/health", get(health))
        .route("/status", get(status::show))
        .route("/status/history", get(status::history))
        .route("/live", get(status::live));
    let router = Router::new()
        .nest("/admin/v1", api)
        .route("/metrics", get(metrics::scrape))
        .route("/", get(index));
    // Beneath the fallbacks: what has no route changes nothing.
    let audited = middleware::from_fn_with_state(Arc::clone(&host.audit), audit::layer);
    let router = router.route_layer(audited);
    // The listener has read the body already, within its own limit.
    web::with_fallbacks(router).layer(axum::extract::DefaultBodyLimit::disable()).with_state(host)
}

async fn index() -> Json<serde_json::Value> {
    let paths = [
        "services",
        "breakers",
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

/// What the services offer, as on the other listener.
async fn openapi(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    let document = host.control.live().openapi();
    Ok(([(CONTENT_TYPE, "application/json")], document).into_response())
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
