//! Who calls whom, and who is told by whom, with what goes along it now.

use serde::Serialize;
use thali_contract::events::Topic;
use thali_contract::name::{InterfaceName, ServiceName};
use thali_control::{CircuitState, Live, LiveService};
use thali_platform::events::{SubscriptionId, Subscriptions};
use thali_runtime::NodeIndex;

use super::rates::Window;
use super::shown::rounded;
use super::slow::Looked;

/// More are not told: a map of so many would be black.
const EDGES_MAX: usize = 2000;

/// What goes from one service to another.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Edge {
    /// `from` calls `to`.
    Call {
        from: ServiceName,
        to: ServiceName,
        interface: InterfaceName,
        rate: f64,
        failures: f64,
        breaker: CircuitState,
        forced: bool,
    },
    /// `from` publishes what `to` subscribes to.
    Event {
        from: ServiceName,
        to: ServiceName,
        interface: InterfaceName,
        rate: f64,
        lag: i64,
        dead: i64,
    },
}

pub(super) fn all(live: &Live, window: &Window, looked: &Looked) -> Vec<Edge> {
    let nodes = || (0..).map(NodeIndex).zip(&live.services);
    let calls = nodes().flat_map(|(at, service)| calls(live, at, service, window));
    let events = live.services.iter().flat_map(|service| events(live, service, window, looked));
    calls.chain(events).take(EDGES_MAX).collect()
}

/// The calls of all live revisions of a service. Each edge is there once: revisions share counts and breakers.
fn calls(live: &Live, at: NodeIndex, service: &LiveService, window: &Window) -> Vec<Edge> {
    let mut edges: Vec<(ServiceName, InterfaceName)> = Vec::new();
    let nodes = std::iter::once(at).chain(service.canaries.iter().map(|canary| canary.node));
    for (import, provider) in nodes.flat_map(|node| live.topology.providers(node)) {
        let edge = (live.topology.revision(provider).service().clone(), import.name.clone());
        if !edges.contains(&edge) {
            edges.push(edge);
        }
    }
    let call = |(to, interface): (ServiceName, InterfaceName)| {
        let key = (service.name().clone(), interface);
        let (rate, failures) = window.calls(&key);
        let newest = window.newest().and_then(|sample| sample.calls.get(&key));
        let (from, interface) = key;
        Edge::Call {
            from,
            to,
            interface,
            rate: rounded(rate),
            failures: rounded(failures),
            breaker: newest.map_or(CircuitState::Closed, |calls| calls.breaker.into()),
            forced: newest.is_some_and(|calls| calls.forced),
        }
    };
    edges.into_iter().map(call).collect()
}

/// What a service publishes, to each live subscriber.
fn events(live: &Live, publisher: &LiveService, window: &Window, looked: &Looked) -> Vec<Edge> {
    let mut topics: Vec<(Topic, InterfaceName)> = Vec::new();
    for revision in publisher.revisions() {
        for (_, import) in revision.revision.contract().publishes() {
            let topic = Topic::of(&import.name);
            if topics.iter().all(|(known, _)| *known != topic) {
                topics.push((topic, import.name.clone()));
            }
        }
    }
    let mut edges = Vec::new();
    for (topic, interface) in topics {
        let subscribes = |service: &&LiveService| {
            let subscriptions = service.revision.extensions().get::<Subscriptions>();
            subscriptions.is_some_and(|subscriptions| subscriptions.on(&topic).is_some())
        };
        for subscriber in live.services.iter().filter(subscribes) {
            let id = SubscriptionId {
                publisher: publisher.name().clone(),
                topic: topic.clone(),
                subscriber: subscriber.name().clone(),
            };
            let flow = looked.flows.get(&id).copied().unwrap_or_default();
            let rate = window.delivered(&id);
            edges.push(Edge::Event {
                from: id.publisher,
                to: id.subscriber,
                interface: interface.clone(),
                rate: rounded(rate),
                lag: flow.lag,
                dead: flow.dead,
            });
        }
    }
    edges
}
