//! `invoke`: the one way into a component, for requests from outside and calls from other services.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thali_contract::contract::FunctionRef;
use tokio::time::{Instant, timeout_at};
use wasmtime::component::{Instance, Val};
use wasmtime::{PoolConcurrencyLimitError, Store, StoreContextMut, UpdateDeadline, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::admission::{Admission, Place, place_for_call};
use crate::context::{CALL_DEPTH_MAX, Context, TraceContext};
use crate::cpu;
use crate::engine::Runtime;
use crate::fault::{Fault, Trap, TrapKind};
use crate::link::CallFailed;
use crate::output::Hex;
use crate::revision::{Exported, Revision};
use crate::state::{Scope, State};
use crate::topology::{Chain, NodeIndex, Topology};
use crate::trace::{Span, SpanKind};
use crate::trap_log::Say;
use crate::turns::{Claim, FREE, measured};

/// An instance that has served before and may serve again.
pub(crate) struct Idle {
    live: Live,
    uses_left: u32,
}

struct Live {
    store: Store<State>,
    instance: Instance,
}

impl Runtime {
    /// Runs one exported function of a live revision for the host itself: an event, a schedule. It waits
    /// for its place as long as it may run at most, and the time until `context.deadline` begins anew when it
    /// has one: a host that is busy does not make it fail halfway.
    ///
    /// `params` must fit the function's types, as [`thali_contract::json`] makes them. Dropping the
    /// future ends the guest.
    ///
    /// # Errors
    ///
    /// A [`Fault`]: the guest trapped, the deadline passed, no permit or instance was free in time,
    /// or a service that this one needs is not there.
    ///
    /// # Panics
    ///
    /// When `node` comes from another topology.
    pub async fn invoke(
        self: &Arc<Self>,
        topology: &Arc<Topology>,
        node: NodeIndex,
        function: FunctionRef,
        params: &[Val],
        context: Context,
    ) -> Result<Option<Val>, Fault> {
        let revision = topology.revision(node);
        let asked = Instant::now();
        let time = context.deadline.saturating_duration_since(asked).min(revision.limits().timeout);
        let admission = self.admit_own(revision, asked + time, &context).await?;
        let context = Context { deadline: Instant::now() + time, ..context };
        self.invoke_admitted(&admission, topology, node, function, params, context).await
    }

    /// Instantiates a revision once, until `context.deadline`, and drops it: what can be said of a
    /// component that nobody has called yet.
    ///
    /// # Errors
    ///
    /// As [`Runtime::invoke`].
    ///
    /// # Panics
    ///
    /// When `node` comes from another topology.
    pub async fn probe(
        self: &Arc<Self>,
        topology: &Arc<Topology>,
        node: NodeIndex,
        context: Context,
    ) -> Result<(), Fault> {
        let (deadline, chain) = (context.deadline, Chain::begin(node));
        let scope = Scope { topology: Arc::clone(topology), node, context, chain };
        let revision = topology.revision(node);
        // What exports nothing is never instantiated.
        let Some(exported) = revision.any_exported() else { return Ok(()) };
        let claim = Claim { turns: self.turns(), crowd: revision.crowd() };
        let instance =
            measured(Some(claim), revision.usage(), fresh(self, revision, scope, exported));
        timeout_at(deadline, instance).await.unwrap_or(Err(Fault::Deadline)).map(drop)
    }

    /// Runs one exported function for a client whose request was let in by [`Runtime::admit`], until
    /// `context.deadline`.
    ///
    /// # Errors
    ///
    /// As [`Runtime::invoke`].
    ///
    /// # Panics
    ///
    /// When `node` comes from another topology.
    pub async fn invoke_admitted(
        self: &Arc<Self>,
        _admission: &Admission,
        topology: &Arc<Topology>,
        node: NodeIndex,
        function: FunctionRef,
        params: &[Val],
        context: Context,
    ) -> Result<Option<Val>, Fault> {
        let context = topology.pinned(node, context);
        let chain = Chain::begin(node);
        let scope = Scope { topology: Arc::clone(topology), node, context, chain };
        let revision = topology.revision(node);
        let _in_flight = revision.enter();
        let claim = Claim { turns: self.turns(), crowd: revision.crowd() };
        run(self, scope, function, params, Some(claim)).await
    }
}

/// A call that was let in. It keeps its place until it has ended.
pub(crate) struct Entered {
    scope: Scope,
    _place: Option<Place>,
}

impl Entered {
    /// Waits for a place for a call from one service to another that may take `timeout`, the wait included. `trace`
    /// has the span of the call.
    pub(crate) async fn wait(
        caller: &Scope,
        provider: NodeIndex,
        timeout: Duration,
        trace: TraceContext,
    ) -> Result<Self, Fault> {
        if caller.context.depth >= CALL_DEPTH_MAX {
            return Err(Fault::Depth);
        }
        let revision = caller.topology.revision(provider);
        let begun = Instant::now();
        let timeout = timeout.min(revision.limits().timeout);
        let context = caller.context.callee(begun, timeout, trace);
        // A request that comes back to a service would wait for itself.
        let place = match caller.chain.contains(provider) {
            true => None,
            false => Some(place_for_call(revision, context.deadline - begun, &context).await?),
        };
        let scope = Scope {
            topology: Arc::clone(&caller.topology),
            node: provider,
            context,
            chain: caller.chain.then(provider),
        };
        Ok(Self { scope, _place: place })
    }

    /// When its time is up.
    pub(crate) fn deadline(&self) -> Instant {
        self.scope.context.deadline
    }

    /// Runs it. It is boxed because calls nest in themselves.
    pub(crate) fn call<'a>(
        self,
        runtime: &'a Arc<Runtime>,
        function: FunctionRef,
        params: &'a [Val],
    ) -> Pin<Box<dyn Future<Output = Result<Option<Val>, Fault>> + Send + 'a>> {
        Box::pin(async move {
            let Self { scope, _place } = self;
            let topology = Arc::clone(&scope.topology);
            let _in_flight = topology.revision(scope.node).enter();
            run(runtime, scope, function, params, None).await
        })
    }
}

/// One invocation that has its permits: instance and call, under one deadline. The epoch ends a guest that
/// computes, the outer timeout one that waits, for a turn to compute as well.
async fn run(
    runtime: &Arc<Runtime>,
    mut scope: Scope,
    function: FunctionRef,
    params: &[Val],
    claim: Option<Claim<'_>>,
) -> Result<Option<Val>, Fault> {
    let topology = Arc::clone(&scope.topology);
    let revision = topology.revision(scope.node);
    let deadline = scope.context.deadline;
    let exported = revision
        .exported(function)
        .ok_or_else(|| Fault::Internal("no such function in this revision".into()))?;
    // Without a claim it is a call: its own time is what its caller's span is about.
    let kind = if claim.is_some() { SpanKind::Internal } else { SpanKind::Server };
    let name = || Arc::clone(&exported.name).into();
    let mut span = scope.context.span(kind, Some(revision.source()), name);
    scope.context.trace = scope.context.trace.within(&span);
    let work = in_instance(runtime, revision, scope, exported, params, &mut span);
    let begun = Instant::now();
    let work = measured(claim, revision.usage(), work);
    let outcome = timeout_at(deadline, work).await.unwrap_or(Err(Fault::Deadline));
    revision.outcomes().count(begun.elapsed(), &outcome);
    revision.usage().ended(&outcome);
    span.end_with(&outcome);
    outcome
}

async fn in_instance(
    runtime: &Arc<Runtime>,
    revision: &Revision,
    scope: Scope,
    exported: &Exported,
    params: &[Val],
    span: &mut Span,
) -> Result<Option<Val>, Fault> {
    let Idle { mut live, uses_left } = acquire(runtime, revision, scope, exported, span).await?;
    let mut results = [Val::Bool(false)];
    let slots = if exported.returns { &mut results[..] } else { &mut [] };
    let Some(function) = live.instance.get_func(&mut live.store, exported.index) else {
        return Err(Fault::Internal(format!("{} is not a function", exported.name)));
    };
    match function.call_async(&mut live.store, params, slots).await {
        Ok(()) => {
            release(runtime, revision, Idle { live, uses_left });
            let [value] = results;
            Ok(exported.returns.then_some(value))
        }
        Err(error) => Err(fault(revision, exported, &error, live.store.data())),
    }
}

/// An instance that has waited, or a fresh one.
async fn acquire(
    runtime: &Arc<Runtime>,
    revision: &Revision,
    scope: Scope,
    exported: &Exported,
    span: &mut Span,
) -> Result<Idle, Fault> {
    let idle = revision.take_idle();
    span.set("thali.instance.reused", idle.is_some());
    if let Some(mut idle) = idle {
        idle.live.store.data_mut().restart(scope);
        idle.live.store.set_epoch_deadline(1);
        return Ok(idle);
    }
    let topology = Arc::clone(&scope.topology);
    match fresh(runtime, revision, scope.clone(), exported).await {
        // Idle instances wait in slots of the pool; the one who needs a slot now goes first.
        Err(Fault::Overloaded(_)) if topology.drop_idle() > 0 => {
            fresh(runtime, revision, scope, exported).await
        }
        acquired => acquired,
    }
}

async fn fresh(
    runtime: &Arc<Runtime>,
    revision: &Revision,
    scope: Scope,
    exported: &Exported,
) -> Result<Idle, Fault> {
    let name = || "instantiate".into();
    let span = scope.context.span(SpanKind::Internal, Some(revision.source()), name);
    let mut store = Store::new(runtime.engine(), State::new(runtime, revision, scope));
    store.limiter(|state| &mut state.meter);
    store.set_hostcall_fuel(runtime.limits().host_call_bytes_max);
    store.set_max_component_handles(runtime.limits().handles_max);
    store.epoch_deadline_callback(at_epoch);
    store.set_epoch_deadline(1);
    let begun = std::time::Instant::now();
    let idle = match revision.pre().instantiate_async(&mut store).await {
        Ok(instance) => {
            revision.usage().instantiated(begun.elapsed());
            Ok(Idle { live: Live { store, instance }, uses_left: revision.limits().reuse })
        }
        Err(error) => Err(fault(revision, exported, &error, store.data())),
    };
    span.end_with(&idle);
    idle
}

/// Keeps an instance for the next invocation, when the service allows it.
fn release(runtime: &Runtime, revision: &Revision, mut idle: Idle) {
    let Some(queue) = revision.idle() else { return };
    idle.uses_left = idle.uses_left.saturating_sub(1);
    // What one request left open, the next one must not find.
    if idle.uses_left > 0 && !idle.live.store.data().holds_something() {
        // An idle instance must not keep alive the topology it last ran in: the topology holds the
        // revision, and the revision holds the instance.
        idle.live.store.data_mut().park(runtime.nowhere());
        let _ = queue.push(idle);
    }
}

/// Past its deadline or its CPU time the guest ends; before, others get their turn. `yield_now` of tokio and
/// not wasmtime's own yield, which would put this task at the front of the worker's queue again.
fn at_epoch(store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let since = Instant::now();
    let state = store.data();
    if since >= state.deadline() {
        return Ok(UpdateDeadline::Interrupt);
    }
    let computed = cpu::own();
    if computed >= state.revision().limits().cpu {
        return Err(wasmtime::Error::new(CpuTimeUsedUp));
    }
    // Many who compute for a moment each are no crowd: they are seldom here, and only by chance.
    let is_busy = computed >= FREE;
    let (runtime, scope) = (Arc::clone(&state.runtime), &state.scope);
    // It is the service that the request came to that takes the turns, and whose gate lets in fewer.
    let root = Arc::clone(scope.topology.revision(scope.chain.root()));
    Ok(UpdateDeadline::YieldCustom(
        1,
        Box::pin(async move {
            tokio::task::yield_now().await;
            if is_busy && !runtime.turns().waits_for_others(root.crowd()) {
                root.gate().slice_waited(since.elapsed());
            }
        }),
    ))
}

/// What ends a guest that has computed for as long as it may.
#[derive(Debug, thiserror::Error)]
#[error("the CPU time of one invocation is used up")]
struct CpuTimeUsedUp;

/// Says why an instance ended, and logs a trap with its WebAssembly backtrace.
fn fault(
    revision: &Revision,
    exported: &Exported,
    error: &wasmtime::Error,
    state: &State,
) -> Fault {
    if let Some(CallFailed(cause)) = error.downcast_ref() {
        return match cause {
            Fault::Deadline if Instant::now() >= state.deadline() => Fault::Deadline,
            // Whoever asked can do something with these, however deep they happened.
            Fault::Depth | Fault::CutOff { .. } | Fault::Overloaded(_) => cause.clone(),
            other => Fault::Unavailable(other.to_string()),
        };
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return Fault::Overloaded("no instance is free");
    }
    if error.downcast_ref::<CpuTimeUsedUp>().is_some() {
        return Fault::CpuTime;
    }
    let trap = error.downcast_ref::<wasmtime::Trap>();
    if trap == Some(&wasmtime::Trap::Interrupt) {
        return Fault::Deadline;
    }
    let kind = match trap {
        Some(wasmtime::Trap::StackOverflow) => TrapKind::Stack,
        _ if state.meter.memory_refused() => TrapKind::Memory,
        Some(_) => TrapKind::Guest,
        None if error.downcast_ref::<I32Exit>().is_some() => TrapKind::Exit,
        None => TrapKind::Host,
    };
    let say = revision.count_trap();
    let trap = Trap {
        kind,
        service: revision.service().to_string(),
        revision: revision.number(),
        function: exported.name.to_string(),
        message: message(error, state),
    };
    if let Say::Logged { passed_over } = say {
        log(&trap, error, state, passed_over);
    }
    Fault::Trap(trap)
}

fn log(trap: &Trap, error: &wasmtime::Error, state: &State, passed_over: u64) {
    if passed_over > 0 {
        tracing::error!(service = %trap.service, revision = trap.revision, "{passed_over} more traps were not logged");
    }
    let context = state.context();
    let (request_id, trace_id) = (context.request_id, Hex(context.trace.trace_id));
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(ToString::to_string);
    tracing::error!(
        service = %trap.service,
        revision = trap.revision,
        function = %trap.function,
        kind = ?trap.kind,
        %request_id,
        %trace_id,
        memory_bytes_peak = state.meter.memory_bytes_peak(),
        backtrace = backtrace.unwrap_or_default(),
        "trap: {}",
        trap.message,
    );
}

fn message(error: &wasmtime::Error, state: &State) -> String {
    let root = error.root_cause().to_string();
    match state.output.last_words() {
        words if words.is_empty() => root,
        words => format!("{root}: {words}"),
    }
}
