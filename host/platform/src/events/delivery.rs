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
use thali_runtime::trace::{Failure, Link, Source, Span, SpanKind, Text};
use thali_runtime::{Context, Delivery, Fault, NodeIndex, Runtime, Topology, TraceContext};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use uuid::Uuid;
use wasmtime::component::Val;

use crate::events::row::StoredEvent;
use crate::events::subscriber::{Attempt, Outcome, Subscriber};
use crate::events::terms::Subscriptions;

/// How many mistakes of a payload an error names.
const MISTAKES_TOLD: usize = 3;

/// What it says is the subscriber's own, and in the log.
const REFUSED: Failure = Failure { kind: "refused", message: "the subscriber returned an error" };

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
        let mut span = self.span(event, attempt, &context, revision.source());
        let context = Context { deadline, ..context };
        let result = self.runtime.invoke(&topology, node, at, &params, context).await;
        if matches!(result, Ok(Some(Val::Result(Err(_))))) {
            revision.outcomes().count_failure();
            span.fail(REFUSED);
        }
        span.end_with(&result);
        outcome(result)
    }

    /// The span of a delivery: below the one that published the event, and linked to it, for who looks at links only.
    fn span(
        &self,
        event: &StoredEvent,
        attempt: Attempt,
        context: &Context,
        source: &Arc<Source>,
    ) -> Span {
        let Some(recording) = &context.recording else { return Span::NONE };
        let TraceContext { trace_id, parent_id, .. } = event.trace;
        let name = format!("deliver {}.{}", self.publisher, event.function);
        let mut span =
            recording.begin(SpanKind::Consumer, Some(source), Some(parent_id), name.into());
        span.link(Link { trace_id, span_id: parent_id });
        span.set("messaging.system", "thali");
        span.set("messaging.operation.name", "deliver");
        span.set("messaging.operation.type", "process");
        span.set("messaging.destination.name", format!("{}.{}", self.topic, event.function));
        span.set("messaging.consumer.group.name", Text::copied(self.subscriber.as_str()));
        span.set("messaging.message.id", event.id.to_string());
        span.set("thali.delivery.attempt", attempt.number);
        span
    }

    /// Every attempt is a request of its own, so another attempt may meet another revision.
    fn context(&self, event: &StoredEvent, attempt: Attempt) -> Context {
        let delivery = Delivery {
            id: event.id,
            publisher: self.publisher.clone(),
            attempt: attempt.number,
            attempts_max: attempt.max,
        };
        let request_id = Uuid::now_v7();
        let (trace, recording) = self.runtime.tracer().resume(event.trace, request_id);
        let context = Context::new(request_id, trace, Duration::ZERO);
        let (principal, tracestate) = (event.principal.clone(), event.tracestate.clone());
        let delivery = Some(Arc::new(delivery));
        Context { recording, principal, tracestate, delivery, ..context }
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
