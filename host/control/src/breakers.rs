//! The calls of services as operators see them, and their circuit breakers in an operator's hand.

use std::time::Duration;

use serde::Serialize;
use thali_contract::name::{InterfaceName, ServiceName};
use thali_runtime::{
    BreakerState, BreakerView, CallPolicy, CallRoom, CallSnapshot, Force, Upstream,
};
use thiserror::Error;

use crate::control::Control;
use crate::live::LiveService;

/// The calls of a service to one interface. Counts begin with the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallStatus {
    /// What is called.
    pub interface: InterfaceName,
    /// Whether calls go through.
    pub state: CircuitState,
    /// An operator wants it so.
    pub forced: bool,
    /// Failures in a row.
    pub failures_in_a_row: u32,
    /// Milliseconds until a call may probe; absent unless the breaker opened by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_in_ms: Option<u64>,
    /// Calls that were made.
    pub calls: u64,
    /// Attempts that failed by the provider's fault.
    pub failures: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Calls that the open breaker refused.
    pub cut_off: u64,
    /// Calls that found no room.
    pub crowded_out: u64,
    /// How often the breaker opened.
    pub opened: u64,
    /// The breaker of each revision of the provider, when there are several; the worst of them is `state`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<RevisionBreaker>,
    /// Calls that run now.
    pub running: u32,
    /// Calls that wait for those.
    pub waiting: u32,
    /// How they are made.
    pub policy: PolicyStatus,
}

/// The breaker of the calls to one revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevisionBreaker {
    /// Such as `payments/3`.
    pub revision: String,
    /// Whether calls go through.
    pub state: CircuitState,
    /// Failures in a row.
    pub failures_in_a_row: u32,
    /// Milliseconds until a call may probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_in_ms: Option<u64>,
}

/// Whether calls go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// They do.
    Closed,
    /// None does.
    Open,
    /// One does, and decides.
    HalfOpen,
}

/// How calls are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyStatus {
    /// The longest time of one attempt; absent: what the provider and the caller allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Attempts after the first.
    pub retries: u32,
    /// Failures in a row that open the breaker.
    pub failures: u32,
    /// How long it stays open at first.
    pub reset_ms: u64,
    /// How long at most.
    pub reset_ms_max: u64,
    /// What is added to that at random, in percent.
    pub jitter_percent: u32,
    /// Calls at the same time.
    pub concurrency: u32,
    /// Calls that may wait for those.
    pub queue: u32,
}

/// The calls of one service to one interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreakerStatus {
    /// Who calls.
    pub consumer: ServiceName,
    /// The calls.
    #[serde(flatten)]
    pub calls: CallStatus,
}

/// Why no breaker could be forced.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BreakerError {
    /// There is no such service, or it is not live.
    #[error("no live service is called {0}")]
    UnknownConsumer(ServiceName),
    /// It does not call such an interface.
    #[error("{consumer} calls no interface {interface:?}; it calls {known}")]
    UnknownInterface {
        /// Who.
        consumer: ServiceName,
        /// What was asked for.
        interface: String,
        /// What there is.
        known: String,
    },
    /// Several interfaces are called that.
    #[error("{consumer} calls several interfaces {interface:?}; say which: {known}")]
    Ambiguous {
        /// Who.
        consumer: ServiceName,
        /// What was asked for.
        interface: String,
        /// Those that match.
        known: String,
    },
}

impl Control {
    /// The calls between services that can be made now, by consumer.
    pub fn breakers(&self) -> Vec<BreakerStatus> {
        let of = |service: &LiveService| {
            let calls = CallStatus::all(service);
            let consumer = service.name().clone();
            calls.into_iter().map(move |calls| BreakerStatus { consumer: consumer.clone(), calls })
        };
        self.live().services.iter().flat_map(of).collect()
    }

    /// Does with a circuit breaker what an operator wants. `interface` is a last name, or in full. It
    /// outlives deploys, not the host.
    ///
    /// # Errors
    ///
    /// When nothing is called that, or more than one thing.
    pub fn force_breaker(
        &self,
        consumer: &ServiceName,
        interface: &str,
        force: Force,
    ) -> Result<BreakerStatus, BreakerError> {
        let live = self.live();
        let service = live.service(consumer);
        let service = service.ok_or_else(|| BreakerError::UnknownConsumer(consumer.clone()))?;
        let upstream = find(service, interface)?;
        upstream.force(force);
        let calls = CallStatus::of(upstream.snapshot());
        Ok(BreakerStatus { consumer: consumer.clone(), calls })
    }
}

fn find<'a>(service: &'a LiveService, interface: &str) -> Result<&'a Upstream, BreakerError> {
    let upstreams = service.revision.upstreams();
    let is_called = |name: &InterfaceName| {
        name.interface == interface
            || name.unversioned() == interface
            || name.line() == interface
            || name.to_string() == interface
    };
    let matching: Vec<_> = upstreams.iter().filter(|one| is_called(one.interface())).collect();
    let (consumer, interface) = (service.name().clone(), interface.to_owned());
    match matching[..] {
        [one] => Ok(one),
        [] => {
            let known = names(upstreams.iter().map(|upstream| upstream.interface()));
            Err(BreakerError::UnknownInterface { consumer, interface, known })
        }
        _ => {
            let known = names(matching.iter().map(|upstream| upstream.interface()));
            Err(BreakerError::Ambiguous { consumer, interface, known })
        }
    }
}

fn names<'a>(interfaces: impl Iterator<Item = &'a InterfaceName>) -> String {
    match interfaces.map(ToString::to_string).collect::<Vec<_>>() {
        none if none.is_empty() => "nobody".to_owned(),
        names => names.join(", "),
    }
}

impl CallStatus {
    /// The calls of a service.
    pub(crate) fn all(service: &LiveService) -> Vec<Self> {
        let upstreams = service.revision.upstreams().iter();
        upstreams.map(|upstream| Self::of(upstream.snapshot())).collect()
    }

    fn of(snapshot: CallSnapshot) -> Self {
        let CallSnapshot { interface, policy, room, taken, breaker, breakers, .. } = snapshot;
        let several = breakers.len() > 1;
        let breakers = breakers.into_iter().filter(|_| several);
        Self {
            interface,
            state: breaker.state.into(),
            forced: breaker.forced,
            failures_in_a_row: breaker.failures,
            probe_in_ms: breaker.probe_in.map(milliseconds),
            calls: snapshot.calls,
            failures: snapshot.failures,
            retries: snapshot.retries,
            cut_off: snapshot.cut_off,
            crowded_out: snapshot.crowded_out,
            opened: snapshot.opened,
            revisions: breakers.map(RevisionBreaker::of).collect(),
            running: taken.concurrency,
            waiting: taken.queue,
            policy: PolicyStatus::of(&policy, room),
        }
    }
}

impl RevisionBreaker {
    fn of((revision, breaker): (String, BreakerView)) -> Self {
        Self {
            revision,
            state: breaker.state.into(),
            failures_in_a_row: breaker.failures,
            probe_in_ms: breaker.probe_in.map(milliseconds),
        }
    }
}

impl From<BreakerState> for CircuitState {
    fn from(state: BreakerState) -> Self {
        match state {
            BreakerState::Closed => Self::Closed,
            BreakerState::Open => Self::Open,
            BreakerState::HalfOpen => Self::HalfOpen,
        }
    }
}

impl PolicyStatus {
    fn of(policy: &CallPolicy, room: CallRoom) -> Self {
        Self {
            timeout_ms: policy.timeout.map(milliseconds),
            retries: policy.retries,
            failures: policy.breaker.failures,
            reset_ms: milliseconds(policy.breaker.reset),
            reset_ms_max: milliseconds(policy.breaker.reset_max),
            jitter_percent: policy.breaker.jitter_percent,
            concurrency: room.concurrency,
            queue: room.queue,
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
