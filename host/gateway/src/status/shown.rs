//! What is told of a host and its services.

use jiff::Timestamp;
use serde::Serialize;
use thali_contract::name::{InterfaceName, ServiceName};
use thali_control::{Live, LiveService, ServiceState, ServiceStatus};
use thali_runtime::NodeIndex;

use super::Board;
use super::edges::{self, Edge};
use super::rates::{Figures, Window};
use super::slow::Looked;

/// How a host is: what `GET /admin/v1/status` answers. Rates are by second, over the last ten.
#[derive(Serialize)]
pub(crate) struct Shown {
    host: Host,
    services: Vec<Service>,
    edges: Vec<Edge>,
    missing: Vec<Missing>,
}

#[derive(Serialize)]
struct Host {
    version: &'static str,
    started_at: Timestamp,
    uptime_s: u64,
    generation: u64,
    /// 100 is one core.
    cpu_percent: f64,
    memory_bytes: u64,
    requests_in_flight: usize,
    connections: usize,
    rate: f64,
    errors: f64,
    shed: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

#[derive(Serialize)]
struct Service {
    name: ServiceName,
    state: ServiceState,
    health: Option<&'static str>,
    reason: Option<String>,
    version: Option<String>,
    revision: Option<u32>,
    canaries: Vec<Canary>,
    rate: f64,
    errors: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    in_flight: usize,
    queued: usize,
    memory_bytes: u64,
    invocations: f64,
    traps: f64,
}

#[derive(Serialize)]
struct Canary {
    revision: u32,
    version: String,
    percent: u8,
}

/// `from` imports `interface`, and nobody provides it.
#[derive(Serialize)]
struct Missing {
    from: ServiceName,
    interface: InterfaceName,
    optional: bool,
}

impl Shown {
    pub(super) fn of(board: &Board) -> Self {
        let live = board.watched.control.live();
        let statuses = board.watched.control.services();
        let past = board.past.lock();
        let looked = board.slow.looked();
        let of = |status| Service::of(status, &live, &past.window, &looked);
        Self {
            host: Host::of(board, &past.window, live.generation),
            services: statuses.into_iter().map(of).collect(),
            edges: edges::all(&live, &past.window, &looked),
            missing: missing(&live),
        }
    }
}

impl Host {
    fn of(board: &Board, window: &Window, generation: u64) -> Self {
        let figures = board.host_figures(window);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            started_at: board.started_at,
            uptime_s: board.started.elapsed().as_secs(),
            generation,
            cpu_percent: rounded(window.cpu_percent()),
            memory_bytes: figures.memory_bytes,
            requests_in_flight: figures.in_flight,
            connections: board.watched.public.connections(),
            rate: rounded(figures.rate),
            errors: rounded(figures.errors),
            shed: rounded(window.shed()),
            p50_ms: figures.p50_ms.map(rounded),
            p99_ms: figures.p99_ms.map(rounded),
        }
    }
}

impl Service {
    fn of(status: ServiceStatus, live: &Live, window: &Window, looked: &Looked) -> Self {
        let service = live.service(&status.name);
        let figures = service.map(|service| figures(window, service)).unwrap_or_default();
        let is_healthy = looked.health.get(&status.name);
        Self {
            health: is_healthy.map(|healthy| if *healthy { "ok" } else { "failing" }),
            canaries: service.map(canaries).unwrap_or_default(),
            queued: service.map_or(0, |service| service.revision.admissions().waiting),
            name: status.name,
            state: status.state,
            reason: status.reason,
            version: status.version.map(|version| version.to_string()),
            revision: status.revision,
            rate: rounded(figures.rate),
            errors: rounded(figures.errors),
            p50_ms: figures.p50_ms.map(rounded),
            p99_ms: figures.p99_ms.map(rounded),
            in_flight: figures.in_flight,
            memory_bytes: figures.memory_bytes,
            invocations: rounded(figures.invocations),
            traps: rounded(figures.traps),
        }
    }
}

/// A service's rates and gauges.
pub(super) fn figures(window: &Window, service: &LiveService) -> Figures {
    Figures {
        in_flight: service.revisions().map(|live| live.revision.in_flight()).sum(),
        ..window.service(service.name())
    }
}

fn canaries(service: &LiveService) -> Vec<Canary> {
    let rollout = service.record.rollout.as_ref();
    let percent = |number| rollout.and_then(|rollout| rollout.percent_of(number));
    let canaries = service.canaries.iter().map(|canary| &canary.service.revision);
    canaries
        .map(|revision| Canary {
            revision: revision.number(),
            version: revision.version().to_string(),
            percent: percent(revision.number()).unwrap_or_default().get(),
        })
        .collect()
}

fn missing(live: &Live) -> Vec<Missing> {
    let nodes = (0..).map(NodeIndex).zip(&live.services);
    let missing = nodes.flat_map(|(at, service)| {
        live.topology.missing(at).iter().map(|missing| Missing {
            from: service.name().clone(),
            interface: missing.interface.clone(),
            optional: missing.optional,
        })
    });
    missing.collect()
}

/// Three decimals: what is behind them is noise.
pub(super) fn rounded(figure: f64) -> f64 {
    (figure * 1e3).round() / 1e3
}
