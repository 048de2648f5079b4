//! Links a component's imports: what the host offers, calls to whichever service exports the
//! interface when the call is made, and events.

use std::sync::Arc;

use thali_contract::contract::{Contract, Function, Interface, Origin};
use thali_contract::ty::Type;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Val};

use crate::engine::Runtime;
use crate::events;
use crate::fault::Fault;
use crate::invoke;
use crate::revision::PrepareError;
use crate::state::State;

/// WASI packages that a component may import. Files and the network are not among them.
const WASI_GRANTED: [&str; 4] = ["cli", "clocks", "io", "random"];

/// Refuses the first import that this host does not offer.
pub(crate) fn check_imports(runtime: &Runtime, contract: &Contract) -> Result<(), PrepareError> {
    match contract.imports.iter().find(|import| !is_granted(runtime, import)) {
        None => Ok(()),
        Some(import) => Err(PrepareError::NotGranted(import.name.to_string())),
    }
}

/// The linker of one revision.
pub(crate) fn link(runtime: &Runtime, contract: &Contract) -> Result<Linker<State>, PrepareError> {
    check_imports(runtime, contract)?;
    let mut linker = runtime.linker().clone();
    for (at, import) in contract.service_imports() {
        link_service(&mut linker, at, import)?;
    }
    for (_, import) in contract.publishes() {
        link_events(&mut linker, import)?;
    }
    Ok(linker)
}

fn is_granted(runtime: &Runtime, import: &Interface) -> bool {
    match import.name.origin() {
        Origin::Service => true,
        Origin::Wasi => WASI_GRANTED.contains(&import.name.package.as_str()),
        Origin::Platform => runtime.granted().iter().any(|granted| {
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
        let call = Arc::new(ImportedFunction::new(import, at, interface, function));
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
    label: String,
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
    fn new(import: usize, at: usize, interface: &Interface, function: &Function) -> Self {
        Self {
            import,
            function: at,
            label: format!("{}.{}", interface.name, function.name),
            unavailable: Unavailable::of(function),
        }
    }

    async fn call(
        &self,
        caller: StoreContextMut<'_, State>,
        params: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let state = caller.data();
        let scope = &state.scope;
        let context = &scope.context;
        let callee = scope.topology.callee(scope.node, self.import, self.function, context);
        let outcome = match callee {
            None => Err(Fault::Unavailable(format!("nobody provides {}", self.label))),
            Some((provider, function)) => {
                invoke::call(&state.runtime, &scope.topology, provider, function, params, context)
                    .await
            }
        };
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
        tracing::warn!(service = %state.service(), callee = %self.label, %request_id, "call failed: {fault}");
        match (self.unavailable, results.first_mut()) {
            (Some(unavailable), Some(slot)) => {
                *slot = Val::Result(Err(Some(Box::new(unavailable.value(&fault)))));
                Ok(())
            }
            _ => Err(wasmtime::Error::new(CallFailed(fault))),
        }
    }
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
        Fault::Depth => "calls nest too deep",
        Fault::Internal(_) => "the host failed",
    }
}
