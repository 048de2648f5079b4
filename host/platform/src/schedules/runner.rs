//! How a schedule runs: its function is invoked like any other, in the revision that is live then.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::RwLock;
use thali_contract::contract::FunctionRef;
use thali_contract::json;
use thali_contract::name::ServiceName;
use thali_contract::ty::Type;
use thali_runtime::trace::{Failure, SpanKind};
use thali_runtime::{Context, NodeIndex, Runtime, Topology};
use tokio::sync::Semaphore;
use uuid::Uuid;
use wasmtime::component::Val;

use super::plan::Schedules;
use crate::messaging::shown;

/// What it says is the service's own, and in the log.
const REFUSED: Failure = Failure { kind: "refused", message: "the function returned an error" };

/// Names a schedule.
pub(super) type Id = (ServiceName, String);

/// Whoever runs schedules.
pub(super) trait Runner: Send + Sync + 'static {
    /// Whether a schedule could run now: its service serves.
    fn serves(&self, id: &Id) -> bool;
    /// Runs a schedule once, or says why that failed.
    fn run<'a>(
        &'a self,
        id: &'a Id,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;
}

/// Runs schedules as functions of what is live.
pub(super) struct Services {
    runtime: Arc<Runtime>,
    topology: RwLock<Arc<Topology>>,
    /// The share of the host that schedules may take.
    permits: Semaphore,
}

impl Services {
    pub(super) fn new(runtime: Arc<Runtime>) -> Self {
        let permits = Semaphore::new((runtime.requests_max() / 4).max(1));
        let topology = RwLock::new(Arc::new(Topology::build(Vec::new())));
        Self { runtime, topology, permits }
    }

    /// What is live from now on.
    pub(super) fn serve(&self, topology: &Arc<Topology>) {
        *self.topology.write() = Arc::clone(topology);
    }

    fn topology(&self) -> Arc<Topology> {
        Arc::clone(&self.topology.read())
    }

    async fn invoke(&self, id: &Id) -> Result<(), String> {
        let Ok(_permit) = self.permits.acquire().await else { return Err("it stops".into()) };
        let topology = self.topology();
        let (node, at) = find(&topology, id).ok_or("the service does not serve now")?;
        let revision = topology.revision(node);
        let request_id = Uuid::now_v7();
        let (trace, recording) = self.runtime.tracer().begin(request_id, None, Instant::now());
        let timeout = revision.limits().timeout;
        let context = Context { recording, ..Context::new(request_id, trace, timeout) };
        let name = || format!("schedule {}", id.1).into();
        let mut span = context.span(SpanKind::Internal, Some(revision.source()), name);
        let ended = self.runtime.invoke(&topology, node, at, &[], context).await;
        if matches!(ended, Ok(Some(Val::Result(Err(_))))) {
            span.fail(REFUSED);
        }
        span.end_with(&ended);
        match ended.map_err(|fault| fault.to_string())? {
            Some(Val::Result(Err(error))) => {
                let function = revision.contract().function(at).map(|(_, function)| function);
                let ty = function.and_then(|function| function.error());
                Err(told(ty, error.as_deref()))
            }
            _ => Ok(()),
        }
    }
}

impl Runner for Services {
    fn serves(&self, id: &Id) -> bool {
        find(&self.topology(), id).is_some()
    }

    fn run<'a>(
        &'a self,
        id: &'a Id,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> {
        Box::pin(self.invoke(id))
    }
}

fn find(topology: &Topology, (service, name): &Id) -> Option<(NodeIndex, FunctionRef)> {
    let node = topology.node(service.as_str())?;
    if topology.waiting_for(node).is_some() {
        return None;
    }
    let schedules = topology.revision(node).extensions().get::<Schedules>()?;
    let schedule = schedules.iter().find(|schedule| schedule.name == *name)?;
    Some((node, schedule.function))
}

/// The error that a function returned, as JSON.
fn told(ty: Option<&Type>, error: Option<&Val>) -> String {
    let mut text = Vec::new();
    match (ty, error) {
        (Some(ty), Some(error)) if json::encode(ty, error, &mut text).is_ok() => {
            shown(&String::from_utf8_lossy(&text))
        }
        _ => "it returned an error".to_owned(),
    }
}
