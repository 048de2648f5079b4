//! Delivering to a service: its handler is invoked like any other function, in the revision that is
//! live at that moment.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thali_contract::contract::FunctionRef;
use thali_contract::events::{Topic, decode};
use thali_contract::name::ServiceName;
use thali_contract::problem::Mistake;
use thali_runtime::{Context, Delivery, Fault, NodeIndex, Runtime, Topology};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use uuid::Uuid;
use wasmtime::component::Val;

use crate::events::row::StoredEvent;
use crate::events::subscriber::{Attempt, Outcome, Subscriber};
use crate::events::terms::Subscriptions;

/// How many mistakes of a payload an error names.
const MISTAKES_TOLD: usize = 3;

/// A subscription's way to its subscriber.
pub(super) struct Handlers {
    pub(super) runtime: Arc<Runtime>,
    /// What is live.
    pub(super) topology: watch::Receiver<Arc<Topology>>,
    /// The share of the host that deliveries may take.
    pub(super) permits: Arc<Semaphore>,
    pub(super) publisher: ServiceName,
    pub(super) subscriber: ServiceName,
    pub(super) topic: Topic,
}

/// What is to be called.
enum Handler {
    Function(NodeIndex, FunctionRef),
    /// The live revision does not want such events.
    Unwanted,
    /// The subscriber does not serve now.
    Absent,
}

impl Handlers {
    /// The handler of the revision that the delivery is picked for. What that one does not handle goes
    /// to the stable one: a rollout that is called off must not have lost events.
    fn handler(&self, topology: &Topology, event: &StoredEvent, context: &Context) -> Handler {
        let Some(stable) = topology.node(self.subscriber.as_str()) else { return Handler::Absent };
        let picked = topology.pick(stable, context);
        match self.handler_at(topology, event, picked) {
            Handler::Unwanted | Handler::Absent if picked != stable => {
                self.handler_at(topology, event, stable)
            }
            handler => handler,
        }
    }

    fn handler_at(&self, topology: &Topology, event: &StoredEvent, node: NodeIndex) -> Handler {
        if topology.waiting_for(node).is_some() {
            return Handler::Absent;
        }
        let subscriptions = topology.revision(node).extensions().get::<Subscriptions>();
        match subscriptions.as_deref().and_then(|all| all.on(&self.topic)) {
            None => Handler::Absent,
            Some(terms) => match terms.functions.get(&event.function) {
                Some(function) => Handler::Function(node, *function),
                None => Handler::Unwanted,
            },
        }
    }

    async fn handle(&self, event: &StoredEvent, attempt: Attempt) -> Outcome {
        let Ok(_permit) = self.permits.acquire().await else { return Outcome::Postponed };
        let topology = Arc::clone(&self.topology.borrow());
        let context = self.context(event, attempt);
        let (node, at) = match self.handler(&topology, event, &context) {
            Handler::Function(node, at) => (node, at),
            Handler::Unwanted => return Outcome::Done,
            Handler::Absent => return Outcome::Postponed,
        };
        let revision = topology.revision(node);
        let Some((_, function)) = revision.contract().function(at) else {
            return Outcome::Failed("the handler is not there".into());
        };
        let params = match decode(function, &event.payload) {
            Ok(params) => params,
            Err(mistakes) => return Outcome::Failed(unreadable(&mistakes)),
        };
        let deadline = Instant::now() + revision.limits().timeout;
        let context = Context { deadline, ..context };
        let result = self.runtime.invoke(&topology, node, at, &params, context).await;
        if matches!(result, Ok(Some(Val::Result(Err(_))))) {
            revision.outcomes().count_failure();
        }
        outcome(result)
    }

    /// Every attempt is a request of its own, so another attempt may meet another revision.
    fn context(&self, event: &StoredEvent, attempt: Attempt) -> Context {
        let delivery = Delivery {
            id: event.id,
            publisher: self.publisher.clone(),
            attempt: attempt.number,
            attempts_max: attempt.max,
        };
        let context = Context::new(Uuid::now_v7(), event.trace, Duration::ZERO);
        let principal = event.principal.clone();
        let tracestate = event.tracestate.clone();
        Context { principal, tracestate, delivery: Some(Arc::new(delivery)), ..context }
    }
}

fn outcome(result: Result<Option<Val>, Fault>) -> Outcome {
    match result {
        Ok(Some(Val::Result(Err(reason)))) => Outcome::Failed(match reason.map(|reason| *reason) {
            Some(Val::String(reason)) => reason,
            _ => "the handler returned an error".into(),
        }),
        Ok(_) => Outcome::Done,
        Err(Fault::Overloaded(_)) => Outcome::Postponed,
        Err(fault) => Outcome::Failed(fault.to_string()),
    }
}

fn unreadable(mistakes: &[Mistake]) -> String {
    let told: Vec<_> = mistakes.iter().take(MISTAKES_TOLD).map(Mistake::to_string).collect();
    format!("the event does not fit the subscriber's types: {}", told.join("; "))
}

impl Subscriber for Handlers {
    fn deliver<'a>(
        &'a self,
        event: &'a StoredEvent,
        attempt: Attempt,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.handle(event, attempt))
    }
}
