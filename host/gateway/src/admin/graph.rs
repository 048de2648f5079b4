//! Who calls whom.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use thali_contract::name::{InterfaceName, ServiceName};
use thali_control::{Live, LiveService, ServiceState};
use thali_runtime::NodeIndex;

use super::Host;
use crate::web::{self, Answer, None, Params};

/// The live services and the calls between them.
#[derive(Serialize)]
struct Graph {
    services: Vec<Node>,
    edges: Vec<Edge>,
    missing: Vec<Missing>,
}

#[derive(Serialize)]
struct Node {
    name: ServiceName,
    revision: u32,
    version: String,
    state: ServiceState,
}

/// `consumer` calls `provider` through `interface`.
#[derive(Serialize)]
struct Edge {
    consumer: ServiceName,
    provider: ServiceName,
    interface: InterfaceName,
}

/// `consumer` imports `interface`, and nobody provides it.
#[derive(Serialize)]
struct Missing {
    consumer: ServiceName,
    interface: InterfaceName,
    optional: bool,
}

pub(super) async fn graph(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    Ok(web::json(StatusCode::OK, Graph::of(&host.control.live())))
}

impl Graph {
    fn of(live: &Arc<Live>) -> Self {
        let nodes = || (0..).map(NodeIndex).zip(&live.services);
        Self {
            services: live.services.iter().map(Node::of).collect(),
            edges: nodes().flat_map(|(at, service)| edges(live, at, service)).collect(),
            missing: nodes().flat_map(|(at, service)| missing(live, at, service)).collect(),
        }
    }
}

impl Node {
    fn of(service: &LiveService) -> Self {
        let waits = service.waiting_for.is_some();
        let ails = service.care.as_ref().is_some_and(|care| care.trouble().is_some());
        Self {
            name: service.name().clone(),
            revision: service.revision.number(),
            version: service.revision.version().to_string(),
            state: match (waits, ails) {
                (true, _) => ServiceState::Waiting,
                (false, true) => ServiceState::Unavailable,
                (false, false) => ServiceState::Running,
            },
        }
    }
}

fn edges(live: &Live, at: NodeIndex, service: &LiveService) -> impl Iterator<Item = Edge> {
    live.topology.providers(at).map(|(import, provider)| Edge {
        consumer: service.name().clone(),
        provider: live.topology.revision(provider).service().clone(),
        interface: import.name.clone(),
    })
}

fn missing(live: &Live, at: NodeIndex, service: &LiveService) -> impl Iterator<Item = Missing> {
    live.topology.missing(at).iter().map(|missing| Missing {
        consumer: service.name().clone(),
        interface: missing.interface.clone(),
        optional: missing.optional,
    })
}
