//! One call, from the consumer's import to the provider's answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use thali_contract::name::{InterfaceName, ServiceName};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep};
use wasmtime::component::Val;

use super::breaker::{Admission, Force, Open, Verdict};
use super::bulkhead::Bulkhead;
use super::circuit::{Circuit, Circuits, ProviderBreaker};
use super::policy::CallPolicy;
use crate::admission::queue_wait;
use crate::context::{TraceContext, callee_share};
use crate::engine::Runtime;
use crate::fault::Fault;
use crate::invoke::Entered;
use crate::state::Scope;
use crate::topology::{Callee, NodeIndex};
use crate::trace::Span;

/// The pause before the first retry is up to this, and doubles with each further one: exponential backoff
/// with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015). A call inside one process
/// takes microseconds, so this is long enough for whatever passes soon.
const BACKOFF_FIRST: Duration = Duration::from_millis(10);

/// The longest of these pauses.
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// A call that ran out of time says something about its provider when it had a quarter of the time that
/// the first call of a request would have had. One that was begun with less says that the caller was late.
/// Calls may nest five levels deep until they get less without anybody being late.
const FAIR_SHARE: u32 = 4;

const CROWDED: &str = "too many calls to this service run already";

/// An interface that a revision imports from other services.
pub struct Upstream {
    interface: InterfaceName,
    policy: CallPolicy,
    bulkhead: Bulkhead,
    circuit: Arc<Circuit>,
}

impl Upstream {
    pub(crate) fn new(
        circuits: &Circuits,
        consumer: &ServiceName,
        concurrency: u32,
        interface: &InterfaceName,
        policy: &CallPolicy,
    ) -> Self {
        Self {
            bulkhead: Bulkhead::new(policy.room(concurrency)),
            circuit: circuits.circuit(consumer, interface),
            interface: interface.clone(),
            policy: policy.clone(),
        }
    }

    /// What is called.
    pub fn interface(&self) -> &InterfaceName {
        &self.interface
    }

    /// Does with the circuit breakers what an operator wants. It holds for all revisions of both sides
    /// until it is taken back or the host stops. Answers whether anything changed.
    pub fn force(&self, force: Force) -> bool {
        let changed = self.circuit.force(force);
        if changed {
            self.circuit.log_forced(force);
        }
        changed
    }

    /// The breaker for a revision that provides this, such as `payments/3`.
    pub(crate) fn breaker_for(&self, provider: &str) -> Arc<ProviderBreaker> {
        self.circuit.breaker_for(provider)
    }

    pub(super) fn policy(&self) -> &CallPolicy {
        &self.policy
    }

    pub(super) fn bulkhead(&self) -> &Bulkhead {
        &self.bulkhead
    }

    pub(super) fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// Calls the function at the position `function` of the import at `import`, in this span.
    pub(crate) async fn call(
        &self,
        runtime: &Arc<Runtime>,
        scope: &Scope,
        import: usize,
        function: usize,
        params: &[Val],
        span: &mut Span,
    ) -> Result<Option<Val>, Fault> {
        let begun = Instant::now();
        let outcome = self.try_call(runtime, scope, import, function, params, span).await;
        self.circuit.counts.ends.count(&outcome, begun.elapsed());
        outcome
    }

    async fn try_call(
        &self,
        runtime: &Arc<Runtime>,
        scope: &Scope,
        import: usize,
        function: usize,
        params: &[Val],
        span: &mut Span,
    ) -> Result<Option<Val>, Fault> {
        let callee = self.callee(scope, import, function)?;
        self.circuit.counts.calls.fetch_add(1, Ordering::Relaxed);

        let begun = Instant::now();
        let left = scope.context.deadline.saturating_duration_since(begun);
        let call = Call {
            runtime,
            scope,
            callee,
            params,
            trace: scope.context.trace.within(span),
            deadline: begun + callee_share(left),
            fair: self.fair(scope, callee.node) / FAIR_SHARE,
        };
        let _seat = self.enter(&call).await?;
        let provider = scope.topology.revision(callee.node);
        span.set_with("server.address", || provider.label().into());
        let is_idempotent = provider.is_idempotent(callee.function);
        if is_idempotent {
            self.circuit.budget.deposit();
        }
        let mut retries = 0;
        loop {
            let fault = match self.attempt(&call).await {
                Err(fault) if is_idempotent => fault,
                outcome => return outcome,
            };
            let Some(pause) = self.pause_before_retry(&fault, retries, call.deadline) else {
                return Err(fault);
            };
            sleep(pause).await;
            retries += 1;
            span.set("thali.call.retries", retries);
            self.circuit.counts.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Who provides the function. That nobody does, or that the provider waits for somebody else, is known
    /// without a call and says nothing about how calls end.
    fn callee<'s>(
        &self,
        scope: &'s Scope,
        import: usize,
        function: usize,
    ) -> Result<Callee<'s>, Fault> {
        let topology = &scope.topology;
        let callee = topology.callee(scope.node, import, function, &scope.context);
        let Some(callee) = callee else {
            return Err(Fault::Unavailable(format!("nobody provides {}", self.interface)));
        };
        match topology.waiting_for(callee.node) {
            None => Ok(callee),
            Some(interface) => {
                let service = topology.revision(callee.node).service();
                Err(Fault::Unavailable(format!("{service} waits for {interface}")))
            }
        }
    }

    /// The time that the first call of a request to its consumer has.
    fn fair(&self, scope: &Scope, provider: NodeIndex) -> Duration {
        let consumer = scope.topology.revision(scope.node).limits().timeout;
        let provider = scope.topology.revision(provider).limits().timeout;
        let policy = self.policy.timeout.unwrap_or(provider);
        callee_share(consumer).min(provider).min(policy)
    }

    /// A seat for the call. A request that comes back to a service it is inside of has one already: if
    /// it waited for another, it would wait for itself.
    async fn enter(&self, call: &Call<'_>) -> Result<Option<SemaphorePermit<'_>>, Fault> {
        if call.scope.chain.contains(call.callee.node) {
            return Ok(None);
        }
        if let Some(seat) = self.bulkhead.try_enter() {
            return Ok(Some(seat));
        }
        // Whoever would be refused behind the door need not wait before it.
        let checked = call.callee.breaker.breaker.check(&self.policy.breaker);
        checked.map_err(|open| self.cut_off(open))?;
        let now = Instant::now();
        let left = call.deadline.saturating_duration_since(now);
        self.bulkhead.wait(now + queue_wait(left)).await.map(Some).map_err(|_| {
            self.circuit.counts.crowded_out.fetch_add(1, Ordering::Relaxed);
            Fault::Overloaded(CROWDED)
        })
    }

    /// One attempt, unless the breaker is open.
    async fn attempt(&self, call: &Call<'_>) -> Result<Option<Val>, Fault> {
        let Call { runtime, scope, callee, params, trace, deadline, fair } = *call;
        let admitted = callee.breaker.breaker.admit(&self.policy.breaker);
        let admission = admitted.map_err(|open| self.cut_off(open))?;
        let breaker = callee.breaker;
        let mut pending =
            Pending { upstream: self, breaker, admission, fair, runs_since: None, verdict: None };
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = self.policy.timeout.map_or(left, |timeout| timeout.min(left));
        let entered = Entered::wait(scope, callee.node, timeout, trace).await?;
        // What it waited for its place is not the provider's time.
        let now = Instant::now();
        pending.runs_since = Some(now);
        let time = entered.deadline().saturating_duration_since(now);
        let outcome = entered.call(runtime, callee.function, params).await;
        pending.verdict = Some(judge(&outcome, time >= fair));
        outcome
    }

    /// How long to wait before another attempt; `None` when there is none.
    fn pause_before_retry(
        &self,
        fault: &Fault,
        retries: u32,
        deadline: Instant,
    ) -> Option<Duration> {
        if retries >= self.policy.retries || !may_pass(fault) {
            return None;
        }
        let longest = BACKOFF_FIRST.saturating_mul(1 << retries.min(16)).min(BACKOFF_MAX);
        let pause = self.circuit.chance.up_to(longest);
        let in_time = pause < deadline.saturating_duration_since(Instant::now());
        (in_time && self.circuit.budget.withdraw()).then_some(pause)
    }

    fn cut_off(&self, open: Open) -> Fault {
        self.circuit.counts.cut_off.fetch_add(1, Ordering::Relaxed);
        Fault::CutOff { retry_after: open.retry_after }
    }
}

/// A call with what all its attempts have in common.
struct Call<'a> {
    runtime: &'a Arc<Runtime>,
    scope: &'a Scope,
    callee: Callee<'a>,
    params: &'a [Val],
    /// With the span of the call.
    trace: TraceContext,
    /// When the last attempt must be done.
    deadline: Instant,
    /// An attempt that had less time than this says nothing about the provider when it runs out of it.
    fair: Duration,
}

/// Says what a call says about its provider when it has ended, or was dropped because nobody wants its
/// answer any more.
struct Pending<'a> {
    upstream: &'a Upstream,
    breaker: &'a ProviderBreaker,
    admission: Admission,
    fair: Duration,
    /// `None` before it has its place.
    runs_since: Option<Instant>,
    /// `None` before it has ended.
    verdict: Option<Verdict>,
}

impl Pending<'_> {
    /// What it says that a call was dropped: nothing, unless the provider had its time. Clients that do not
    /// wait for a deadline would else keep the breaker of one that hangs closed.
    fn dropped(&self) -> Verdict {
        match self.runs_since.is_some_and(|since| since.elapsed() >= self.fair) {
            true => Verdict::Failure,
            false => Verdict::Nothing,
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let verdict = self.verdict.unwrap_or_else(|| self.dropped());
        let policy = &self.upstream.policy.breaker;
        self.upstream.circuit.record(self.breaker, self.admission, verdict, policy);
    }
}

/// What an outcome says about the provider. An error case is an answer. A provider at its limit works; it
/// is the bulkhead that keeps others from waiting for it. That its own callees are cut off has a breaker
/// already. Depth and the host's own faults are not of its making.
fn judge(outcome: &Result<Option<Val>, Fault>, had_its_time: bool) -> Verdict {
    match outcome {
        Ok(_) => Verdict::Success,
        Err(Fault::Trap(_) | Fault::CpuTime | Fault::Unavailable(_)) => Verdict::Failure,
        Err(Fault::Deadline) if had_its_time => Verdict::Failure,
        Err(
            Fault::Deadline
            | Fault::Overloaded(_)
            | Fault::CutOff { .. }
            | Fault::Depth
            | Fault::Internal(_),
        ) => Verdict::Nothing,
    }
}

/// Whether another attempt may end better. A guest does the same thing with the same arguments, so one
/// that trapped is not asked again.
fn may_pass(fault: &Fault) -> bool {
    match fault {
        Fault::Unavailable(_) | Fault::Overloaded(_) | Fault::Deadline => true,
        Fault::Trap(_)
        | Fault::CpuTime
        | Fault::CutOff { .. }
        | Fault::Depth
        | Fault::Internal(_) => false,
    }
}
