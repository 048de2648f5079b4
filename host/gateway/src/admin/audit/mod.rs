//! Who changed what: one line for every request of the admin API that is not a `GET`, whatever came of it.
//!
//! It is one layer around the router, so a route that is added is in it. A request that is cut off, or
//! whose handler panics, has its line too. What is refused before the router (a body that is too large, a
//! bad token) has changed nothing and is in the access log.

mod log;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thali_contract::name::Digest;
use thali_control::{Control, TakenOut};

use super::Host;
use crate::reply;
use crate::web::{self, Answer, Items, Params, Refused, RequestId};

pub use log::AuditLog;

/// How many lines are shown unless something else is asked for, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1000;

/// One change, or an attempt at one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// When it was over.
    pub time: Timestamp,
    /// `token` for a request with the admin token, `loopback` for one of a host without, `folder` for
    /// what the watched folder deploys, `signal` for SIGHUP, `automatic` for what the host does itself.
    pub actor: &'static str,
    /// Where the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// The method and the route, or what else was done.
    pub action: String,
    /// What it was done to: the path of the request, or a file.
    pub target: String,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// The revision that is live now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The digest of its component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Why, when the host did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The request, as the log names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It was answered with this status.
    Status(u16),
    /// It was refused with this status and code.
    Refused(u16, String),
    /// Nobody knows how far it came: the client left, or the host failed.
    CutOff,
}

impl AuditEntry {
    /// Something that the host was told otherwise than by a request.
    pub fn own(actor: &'static str, action: &str, target: String, outcome: AuditOutcome) -> Self {
        Self {
            time: Timestamp::now(),
            actor,
            peer: None,
            action: action.to_owned(),
            target,
            outcome,
            revision: None,
            digest: None,
            reason: None,
            request_id: None,
        }
    }
}

/// Writes down what the host does to services by itself.
pub(crate) fn watch(control: &Control, log: &Arc<AuditLog>) {
    let log = Arc::clone(log);
    control.on_taken_out(move |taken_out| log.append_soon(taken_out.into()));
}

impl From<&TakenOut> for AuditEntry {
    fn from(taken_out: &TakenOut) -> Self {
        let TakenOut { service, canary, stable, digest, reason } = taken_out;
        let outcome = AuditOutcome::Status(StatusCode::OK.as_u16());
        Self {
            revision: Some(stable.to_string()),
            digest: Some(digest.to_string()),
            reason: Some(format!("revision {canary}: {reason}")),
            ..Self::own("automatic", "rollback", service.to_string(), outcome)
        }
    }
}

/// Who sends a request to the admin API.
#[derive(Clone, Copy)]
pub(super) struct Actor {
    pub(super) name: &'static str,
    pub(super) peer: IpAddr,
}

/// What a change is about, as its handler knows: put into the response for the layer to find.
#[derive(Clone)]
pub(super) struct About {
    pub(super) revision: String,
    pub(super) digest: Option<Digest>,
}

/// Writes the line of every request that is not a `GET`.
pub(super) async fn layer(
    State(log): State<Arc<AuditLog>>,
    request: Request,
    next: Next,
) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let mut pending = Pending { log, entry: Some(begin(&request)) };
    let response = next.run(request).await;
    if let Some(mut entry) = pending.entry.take() {
        entry.time = Timestamp::now();
        entry.outcome = outcome(&response);
        if let Some(About { revision, digest }) = response.extensions().get() {
            entry.revision = Some(revision.clone());
            entry.digest = digest.as_ref().map(ToString::to_string);
        }
        pending.log.append(entry).await;
    }
    response
}

fn begin(request: &Request) -> AuditEntry {
    let extensions = request.extensions();
    let path = request.uri().path();
    let route = extensions.get::<MatchedPath>().map_or(path, MatchedPath::as_str);
    let actor = extensions.get::<Actor>();
    AuditEntry {
        peer: actor.map(|actor| actor.peer),
        request_id: extensions.get::<RequestId>().map(|RequestId(id): &RequestId| id.to_string()),
        ..AuditEntry::own(
            actor.map_or("unknown", |actor| actor.name),
            &format!("{} {route}", request.method()),
            path.to_owned(),
            AuditOutcome::CutOff,
        )
    }
}

fn outcome(response: &Response) -> AuditOutcome {
    match response.extensions().get::<Refused>() {
        Some(Refused(problem)) => AuditOutcome::Refused(problem.status, problem.code.clone()),
        None => AuditOutcome::Status(response.status().as_u16()),
    }
}

/// A line that is written whatever becomes of the request.
struct Pending {
    log: Arc<AuditLog>,
    entry: Option<AuditEntry>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.log.append_soon(entry);
        }
    }
}

/// `?limit=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    limit: Option<usize>,
}

/// The latest lines, the newest first.
pub(super) async fn list(
    State(host): State<Host>,
    Params(Limit { limit }): Params<Limit>,
) -> Answer {
    let limit = limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    match host.audit.latest(limit).await {
        Ok(items) => Ok(web::json(StatusCode::OK, Items { items })),
        Err(error) => {
            tracing::error!("the audit log cannot be read: {error}");
            Err(reply::internal().into())
        }
    }
}
