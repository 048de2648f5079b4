//! `thali:platform/context`: what the host knows about the invocation that runs.
//!
//! Everything comes from the [`Context`](thali_runtime::Context) that travels with the request; a
//! service can read it and change none of it.

mod bindings;

use thali_contract::name::InterfaceName;
use thali_runtime::{Capability, State};
use tokio::time::Instant;
use wasmtime::component::{HasSelf, Linker};

use bindings::thali::platform::context as wit;

/// Tells a service about the invocation that runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct ContextCapability;

impl Capability for ContextCapability {
    fn interface(&self) -> InterfaceName {
        crate::interface("context")
    }

    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wit::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
    }
}

impl wit::Host for State {
    fn request_id(&mut self) -> String {
        self.context().request_id.to_string()
    }

    fn traceparent(&mut self) -> String {
        self.context().trace.to_string()
    }

    fn current_principal(&mut self) -> Option<wit::Principal> {
        self.context().principal.as_ref().map(|principal| wit::Principal {
            subject: principal.subject.clone(),
            scopes: principal.scopes.clone(),
        })
    }

    fn deadline_ms(&mut self) -> u64 {
        let left = self.deadline().saturating_duration_since(Instant::now());
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
    }

    fn current_delivery(&mut self) -> Option<wit::Delivery> {
        self.context().delivery.as_ref().map(|delivery| wit::Delivery {
            id: delivery.id.to_string(),
            publisher: delivery.publisher.to_string(),
            attempt: delivery.attempt,
            attempts_max: delivery.attempts_max,
        })
    }

    fn idempotency_id(&mut self) -> Option<String> {
        self.context().idempotency.map(|id| id.to_string())
    }
}
