//! Publishing: what a component's import of an event interface is linked to.
//!
//! The runtime knows no store. Whoever makes a revision puts a [`Publisher`] among its extensions, and
//! calls of event functions end there.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use thali_contract::contract::{Function, Interface};
use thali_contract::events::{Topic, is_fallible};
use thali_contract::name::InterfaceName;
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Val};

use crate::state::State;
use crate::trace::{Failure, Span, SpanKind};

/// An event that a component publishes.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The interface, as the publisher imports it.
    pub interface: &'a InterfaceName,
    /// The function, which names the event.
    pub function: &'a Function,
    /// The values of its parameters; the first is the key.
    pub params: &'a [Val],
}

/// Stores events.
pub trait EventSink: Send + Sync {
    /// Stores an event; it is durable when this returns, or will be with the transaction that the
    /// invocation has open.
    ///
    /// The error is for the service, so it must not tell of the host's insides.
    fn publish<'a>(
        &'a self,
        state: &'a mut State,
        event: Event<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;
}

/// Where the events of a revision go: one of its [extensions](crate::RevisionSpec::extensions).
pub struct Publisher(pub Arc<dyn EventSink>);

/// What a publisher traps with when its event has no way to say that it was not stored.
#[derive(Debug, thiserror::Error)]
#[error("the event {event} was not published: {reason}")]
struct NotPublished {
    event: String,
    reason: String,
}

/// Links every function of an event interface to the publisher of the revision that runs.
pub(crate) fn link(
    linker: &mut LinkerInstance<'_, State>,
    interface: &Interface,
) -> wasmtime::Result<()> {
    for function in &interface.functions {
        let event =
            Arc::new(Imported { interface: interface.name.clone(), function: function.clone() });
        linker.func_new_async(&function.name, move |caller, _, params, results| {
            let event = Arc::clone(&event);
            Box::new(async move { event.publish(caller, params, results).await })
        })?;
    }
    Ok(())
}

/// An event function, as its publisher sees it.
struct Imported {
    interface: InterfaceName,
    function: Function,
}

impl Imported {
    async fn publish(
        &self,
        mut caller: StoreContextMut<'_, State>,
        params: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let state = caller.data_mut();
        let span = self.span(state);
        // What is stored with the event is the span that published it.
        let trace = state.scope.context.trace;
        state.scope.context.trace = trace.within(&span);
        let outcome = match state.extension::<Publisher>() {
            None => Err("this host stores no events".to_owned()),
            Some(publisher) => {
                let Self { interface, function } = self;
                publisher.0.publish(state, Event { interface, function, params }).await
            }
        };
        state.scope.context.trace = trace;
        ended(span, &outcome);
        let (service, request_id) = (state.service(), state.context().request_id);
        let event = || format!("{}.{}", self.interface, self.function.name);
        if let Err(reason) = &outcome {
            tracing::warn!(%service, event = event(), %request_id, "event not published: {reason}");
        }
        match (outcome, results.first_mut()) {
            (Ok(()), None) => Ok(()),
            (outcome, Some(slot)) if is_fallible(&self.function) => {
                let told = |reason: String| Some(Box::new(Val::String(reason)));
                *slot = Val::Result(outcome.map(|()| None).map_err(told));
                Ok(())
            }
            (Ok(()), Some(_)) => Ok(()),
            (Err(reason), _) => Err(wasmtime::Error::new(NotPublished { event: event(), reason })),
        }
    }

    fn span(&self, state: &State) -> Span {
        let Self { interface, function } = self;
        let name = || format!("publish {}.{}", interface.package, function.name).into();
        let mut span = state.span(SpanKind::Producer, name);
        span.set("messaging.system", "thali");
        span.set("messaging.operation.name", "publish");
        span.set("messaging.operation.type", "send");
        span.set_with("messaging.destination.name", || {
            format!("{}.{}", Topic::of(interface), function.name).into()
        });
        span
    }
}

/// What is wrong is for the service, which may have been told of its own values.
const UNPUBLISHED: Failure = Failure { kind: "not_published", message: "the event was not stored" };

fn ended(mut span: Span, outcome: &Result<(), String>) {
    if outcome.is_err() {
        span.fail(UNPUBLISHED);
    }
    span.end();
}
