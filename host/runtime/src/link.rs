//! Links a component's imports: what the host offers, calls to whichever service exports the
//! interface when the call is made, and events.

use std::sync::Arc;

use thali_contract::contract::{Contract, Function, Interface, Origin};
use thali_contract::name::InterfaceName;
use thali_contract::ty::Type;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Val};

use crate::calls::Upstream;
use crate::engine::Runtime;
use crate::events;
use crate::fault::Fault;
use crate::revision::{PrepareError, RevisionSpec};
use crate::state::State;
use crate::trace::SpanKind;

/// WASI packages that every component may import. Files and sockets are not among them; what a
/// capability offers is its own affair.
const WASI_GRANTED: [&str; 4] = ["cli", "clocks", "io", "random"];

/// Refuses the first import that this host does not offer.
pub(crate) fn check_imports(runtime: &Runtime, contract: &Contract) -> Result<(), PrepareError> {
    match contract.imports.iter().find(|import| !is_granted(runtime, import)) {
        None => Ok(()),
        Some(import) => Err(PrepareError::NotGranted(import.name.to_string())),
    }
}

/// The linker of one revision, and what its calls to others go through.
pub(crate) fn link(runtime: &Runtime, spec: &RevisionSpec) -> Result<Linked, PrepareError> {
    let contract = &*spec.contract;
    check_imports(runtime, contract)?;
    let mut linker = runtime.linker().clone();
    let mut upstreams = Vec::new();
    for (at, import) in contract.service_imports() {
        let (name, policy) = (&import.name, spec.calls.of(&import.name));
        let concurrency = spec.limits.concurrency;
        let upstream = Upstream::new(runtime.circuits(), &spec.service, concurrency, name, policy);
        let upstream = Arc::new(upstream);
        link_service(&mut linker, at, import, &upstream)?;
        upstreams.push(upstream);
    }
    for (_, import) in contract.publishes() {
        link_events(&mut linker, import)?;
    }
    Ok((linker, upstreams.into()))
}

/// A linker, and the interfaces that come from other services.
pub(crate) type Linked = (Linker<State>, Box<[Arc<Upstream>]>);

fn is_granted(runtime: &Runtime, import: &Interface) -> bool {
    match import.name.origin() {
        Origin::Service => true,
        Origin::Wasi if WASI_GRANTED.contains(&import.name.package.as_str()) => true,
        Origin::Wasi | Origin::Platform => runtime.granted().iter().any(|granted| {
            granted.same_interface(&import.name)
                && thali_contract::compat::version_serves(
                    granted.version.as_ref(),
                    import.name.version.as_ref(),
                )
        }),
    }
}

fn link_events(linker: &mut Linker<State>, interface: &Interface) -> Result<(), PrepareError> {
    let refused = |error: wasmtime::Error| PrepareError::Link(format!("{error:#}"));
    let mut instance = linker.instance(&interface.name.to_string()).map_err(refused)?;
    events::link(&mut instance, interface).map_err(refused)
}

fn link_service(
    linker: &mut Linker<State>,
    import: usize,
    interface: &Interface,
    upstream: &Arc<Upstream>,
) -> Result<(), PrepareError> {
    let refused = |error: wasmtime::Error| PrepareError::Link(format!("{error:#}"));
    let name = interface.name.to_string();
    if let Some(resource) = interface.resources.first() {
        return Err(PrepareError::Link(format!(
            "{name} has the resource {resource}, and resources cannot cross from one service to another"
        )));
    }
    let mut instance = linker.instance(&name).map_err(refused)?;
    for (at, function) in interface.functions.iter().enumerate() {
        let call = Arc::new(ImportedFunction::new(import, at, interface, function, upstream));
        instance
            .func_new_async(&function.name, move |caller, _, params, results| {
                let call = Arc::clone(&call);
                Box::new(async move { call.call(caller, params, results).await })
            })
            .map_err(refused)?;
    }
    Ok(())
}

/// A function of another service, as its consumer sees it.
struct ImportedFunction {
    import: usize,
    function: usize,
    upstream: Arc<Upstream>,
    label: String,
    /// `charging.charge`, which its spans are called.
    name: Arc<str>,
    /// `thali:payments/charging/charge`
    method: Arc<str>,
    unavailable: Option<Unavailable>,
}

/// How a callee's interface spells "this call could not be made".
#[derive(Clone, Copy)]
enum Unavailable {
    Enum,
    Variant,
    VariantWithReason,
}

/// What a consumer traps with when its callee's interface has no way to tell it.
#[derive(Debug, thiserror::Error)]
#[error("a call to another service failed: {0}")]
pub(crate) struct CallFailed(pub(crate) Fault);

impl ImportedFunction {
    fn new(
        import: usize,
        at: usize,
        interface: &Interface,
        function: &Function,
        upstream: &Arc<Upstream>,
    ) -> Self {
        Self {
            import,
            function: at,
            upstream: Arc::clone(upstream),
            label: format!("{}.{}", interface.name, function.name),
            name: format!("{}.{}", interface.name.interface, function.name).into(),
            method: rpc_method(interface, function).into(),
            unavailable: Unavailable::of(function),
        }
    }

    async fn call(
        &self,
        caller: StoreContextMut<'_, State>,
        params: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let State { runtime, scope, .. } = caller.data();
        let mut span = caller.data().span(SpanKind::Client, || Arc::clone(&self.name).into());
        span.set("rpc.system.name", "thali");
        span.set_with("rpc.method", || Arc::clone(&self.method).into());
        let Self { upstream, import, function, .. } = self;
        let outcome = upstream.call(runtime, scope, *import, *function, params, &mut span).await;
        span.end_with(&outcome);
        match outcome {
            Ok(value) => {
                if let (Some(slot), Some(value)) = (results.first_mut(), value) {
                    *slot = value;
                }
                Ok(())
            }
            Err(fault) => self.tell(fault, results, caller.data()),
        }
    }

    /// Tells the consumer in its own terms that the call could not be made, or traps it.
    fn tell(&self, fault: Fault, results: &mut [Val], state: &State) -> wasmtime::Result<()> {
        let request_id = state.scope.context.request_id;
        let (service, callee) = (state.service(), &self.label);
        match fault {
            // That the breaker opened was told once; that it is open would be told with every request.
            Fault::CutOff { .. } => tracing::debug!(%service, callee, %request_id, "{fault}"),
            _ => tracing::warn!(%service, callee, %request_id, "call failed: {fault}"),
        }
        match (self.unavailable, results.first_mut()) {
            (Some(unavailable), Some(slot)) => {
                *slot = Val::Result(Err(Some(Box::new(unavailable.value(&fault)))));
                Ok(())
            }
            _ => Err(wasmtime::Error::new(CallFailed(fault))),
        }
    }
}

/// A function's name in full, as RPC systems write it; compatible versions share it.
fn rpc_method(interface: &Interface, function: &Function) -> String {
    let InterfaceName { namespace, package, interface, .. } = &interface.name;
    format!("{namespace}:{package}/{interface}/{}", function.name)
}

impl Unavailable {
    const CASE: &str = "unavailable";

    /// The case `unavailable` of the function's error type, with no payload or a string.
    fn of(function: &Function) -> Option<Self> {
        match function.error()? {
            Type::Enum(cases) => {
                cases.cases.iter().any(|case| case.name == Self::CASE).then_some(Self::Enum)
            }
            Type::Variant(variant) => {
                let case = variant.cases.iter().find(|case| case.name == Self::CASE)?;
                match case.ty {
                    None => Some(Self::Variant),
                    Some(Type::String) => Some(Self::VariantWithReason),
                    Some(_) => None,
                }
            }
            _ => None,
        }
    }

    fn value(self, fault: &Fault) -> Val {
        let case = Self::CASE.to_owned();
        match self {
            Self::Enum => Val::Enum(case),
            Self::Variant => Val::Variant(case, None),
            Self::VariantWithReason => {
                Val::Variant(case, Some(Box::new(Val::String(reason(fault).to_owned()))))
            }
        }
    }
}

/// What a consumer is told: enough to decide, nothing of the callee's insides.
fn reason(fault: &Fault) -> &'static str {
    match fault {
        Fault::Deadline | Fault::CpuTime => "the call took too long",
        Fault::Trap(_) => "the service failed",
        Fault::Overloaded(_) => "the service is overloaded",
        Fault::Unavailable(_) => "the service is not available",
        Fault::CutOff { .. } => "calls to the service are cut off for a while, because it failed",
        Fault::Depth => "calls nest too deep",
        Fault::Internal(_) => "the host failed",
    }
}
