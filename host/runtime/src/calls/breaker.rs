//! The circuit breaker of one service's calls to one interface in one revision.
//!
//! ```text
//!              so many failures in a row
//!   closed -------------------------------> open <-------.
//!     ^                                      |           | the probe fails: the pause doubles
//!     |  the probe succeeds                  | the pause is over, and a call comes
//!     '------------------------------- half-open --------'
//! ```
//!
//! Time passes only when somebody looks: a breaker has no task and no timer, so one that nobody uses
//! costs nothing. A call that began in one state and ends in another says nothing about the new one; each
//! state has a number of its own, which calls carry. While closed, a call that succeeds costs two atomic
//! loads. Everything else happens under one small lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::chance::Chance;
use super::policy::BreakerPolicy;

/// What those are told who come while a probe is under way and nobody knows how it ends.
const PROBE_RETRY: Duration = Duration::from_secs(1);

/// Lets calls through, or none, or one to probe.
pub(super) struct Breaker {
    /// The state and its number: see [`Phase`]. Written under the lock.
    phase: AtomicU64,
    /// Failures in a row.
    failures: AtomicU32,
    pause: Mutex<Pause>,
    chance: Chance,
}

/// How long an open breaker stays so.
struct Pause {
    /// Without the jitter.
    length: Duration,
    until: Instant,
    /// A probe is under way.
    probing: bool,
}

/// A state and how many there were before it, in one word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Phase(u64);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Closed,
    /// Half-open too, once the pause is over.
    Open,
    ForcedClosed,
    ForcedOpen,
}

/// The right to make one call. What becomes of it is told to [`Breaker::record`].
#[derive(Clone, Copy)]
pub(super) struct Admission {
    phase: Phase,
    is_probe: bool,
}

/// What a call says about its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answers.
    Success,
    /// It does not.
    Failure,
    /// Nothing: the call ended for reasons of its own.
    Nothing,
}

/// No call goes through now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker is open")]
pub(super) struct Open {
    /// When it is worth another try.
    pub(super) retry_after: Duration,
}

/// A state that began with a call. It is told in the log, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// So many failures in a row; a probe may go through after this pause.
    Opened { failures: u32, pause: Duration },
    /// The probe failed.
    StaysOpen { pause: Duration },
    /// The probe succeeded.
    Closed,
}

/// What an operator wants of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// No call goes through.
    Open,
    /// Every call goes through.
    Closed,
    /// The calls decide.
    Auto,
}

/// How a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// None does.
    Open,
    /// The next call probes, or one does now.
    HalfOpen,
}

/// How a breaker stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerView {
    /// The state.
    pub state: BreakerState,
    /// An operator wants it so.
    pub forced: bool,
    /// Failures in a row.
    pub failures: u32,
    /// When a call may probe; `None` unless it is open by itself.
    pub probe_in: Option<Duration>,
}

impl BreakerView {
    /// More for one that lets less through.
    pub(super) fn badness(&self) -> (u8, u32) {
        let state = match self.state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        (state, self.failures)
    }
}

impl Breaker {
    /// A breaker that is closed.
    pub(super) fn new() -> Self {
        let pause = Pause { length: Duration::ZERO, until: Instant::now(), probing: false };
        Self {
            phase: AtomicU64::new(Phase::FIRST.0),
            failures: AtomicU32::new(0),
            pause: Mutex::new(pause),
            chance: Chance::new(),
        }
    }

    /// Whether a call would go through, without making one.
    pub(super) fn check(&self, policy: &BreakerPolicy) -> Result<(), Open> {
        match self.phase().mode() {
            Mode::Closed | Mode::ForcedClosed => Ok(()),
            Mode::Open => open(&self.pause.lock(), Instant::now()),
            Mode::ForcedOpen => Err(forced_open(policy)),
        }
    }

    /// Lets a call through, or not.
    pub(super) fn admit(&self, policy: &BreakerPolicy) -> Result<Admission, Open> {
        let phase = self.phase();
        match phase.mode() {
            Mode::Closed | Mode::ForcedClosed => Ok(Admission { phase, is_probe: false }),
            Mode::Open => self.probe(policy),
            Mode::ForcedOpen => Err(forced_open(policy)),
        }
    }

    /// Lets one call through when the pause is over.
    fn probe(&self, policy: &BreakerPolicy) -> Result<Admission, Open> {
        let mut pause = self.pause.lock();
        let phase = self.phase();
        match phase.mode() {
            Mode::Open => {
                open(&pause, Instant::now())?;
                pause.probing = true;
                Ok(Admission { phase, is_probe: true })
            }
            // Somebody was faster.
            Mode::Closed | Mode::ForcedClosed => Ok(Admission { phase, is_probe: false }),
            Mode::ForcedOpen => Err(forced_open(policy)),
        }
    }

    /// Takes note of what became of a call.
    pub(super) fn record(
        &self,
        admission: Admission,
        verdict: Verdict,
        policy: &BreakerPolicy,
    ) -> Option<Change> {
        match (admission.phase.mode(), verdict) {
            (Mode::Closed, Verdict::Success) => {
                if self.failures.load(Ordering::Relaxed) > 0 && self.phase() == admission.phase {
                    self.failures.store(0, Ordering::Relaxed);
                }
                None
            }
            (Mode::Closed, Verdict::Failure) => self.closed(admission, policy),
            (Mode::Open, verdict) if admission.is_probe => {
                self.half_open(admission, verdict, policy)
            }
            _ => None,
        }
    }

    /// A call failed while the breaker was closed.
    fn closed(&self, admission: Admission, policy: &BreakerPolicy) -> Option<Change> {
        let mut pause = self.pause.lock();
        if self.phase() != admission.phase {
            return None;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures < policy.failures {
            return None;
        }
        self.begin(Mode::Open);
        let pause = self.pause_for(&mut pause, policy.reset, policy);
        Some(Change::Opened { failures, pause })
    }

    /// The probe ended.
    fn half_open(
        &self,
        admission: Admission,
        verdict: Verdict,
        policy: &BreakerPolicy,
    ) -> Option<Change> {
        let mut pause = self.pause.lock();
        if self.phase() != admission.phase {
            return None;
        }
        pause.probing = false;
        match verdict {
            Verdict::Success => {
                self.begin(Mode::Closed);
                self.failures.store(0, Ordering::Relaxed);
                Some(Change::Closed)
            }
            Verdict::Failure => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                let doubled = pause.length.saturating_mul(2).min(policy.reset_max);
                let length = doubled.max(policy.reset);
                let pause = self.pause_for(&mut pause, length, policy);
                Some(Change::StaysOpen { pause })
            }
            // The pause is over all the same: the next call probes.
            Verdict::Nothing => None,
        }
    }

    /// Begins a pause; answers how long it is with its jitter.
    fn pause_for(&self, pause: &mut Pause, length: Duration, policy: &BreakerPolicy) -> Duration {
        let jitter = self.chance.up_to(length.saturating_mul(policy.jitter_percent) / 100);
        let whole = length.saturating_add(jitter);
        *pause = Pause { length, until: Instant::now() + whole, probing: false };
        whole
    }

    /// Does what an operator wants. Letting go of a breaker that was forced leaves it closed; letting go
    /// of any other changes nothing. Answers whether anything changed.
    pub(super) fn force(&self, force: Force) -> bool {
        let mut pause = self.pause.lock();
        let mode = match (force, self.phase().mode()) {
            (Force::Open, Mode::ForcedOpen)
            | (Force::Closed, Mode::ForcedClosed)
            | (Force::Auto, Mode::Open | Mode::Closed) => return false,
            (Force::Open, _) => Mode::ForcedOpen,
            (Force::Closed, _) => Mode::ForcedClosed,
            (Force::Auto, _) => Mode::Closed,
        };
        self.begin(mode);
        self.failures.store(0, Ordering::Relaxed);
        pause.probing = false;
        true
    }

    /// How it stands.
    pub(super) fn view(&self) -> BreakerView {
        let pause = self.pause.lock();
        let left = pause.until.saturating_duration_since(Instant::now());
        let (state, forced) = match self.phase().mode() {
            Mode::Closed => (BreakerState::Closed, false),
            Mode::Open if left.is_zero() => (BreakerState::HalfOpen, false),
            Mode::Open => (BreakerState::Open, false),
            Mode::ForcedClosed => (BreakerState::Closed, true),
            Mode::ForcedOpen => (BreakerState::Open, true),
        };
        let is_open = state != BreakerState::Closed && !forced;
        let failures = self.failures.load(Ordering::Relaxed);
        BreakerView { state, forced, failures, probe_in: is_open.then_some(left) }
    }

    fn phase(&self) -> Phase {
        Phase(self.phase.load(Ordering::Acquire))
    }

    /// Begins a state. Only for whoever holds the lock.
    fn begin(&self, mode: Mode) {
        self.phase.store(self.phase().next(mode).0, Ordering::Release);
    }
}

/// Whether the pause of an open breaker is over, and nobody probes yet.
fn open(pause: &Pause, now: Instant) -> Result<(), Open> {
    let left = pause.until.saturating_duration_since(now);
    match (left.is_zero(), pause.probing) {
        (true, false) => Ok(()),
        (true, true) => Err(Open { retry_after: PROBE_RETRY }),
        (false, _) => Err(Open { retry_after: left }),
    }
}

/// Nobody knows when an operator lets go.
fn forced_open(policy: &BreakerPolicy) -> Open {
    Open { retry_after: policy.reset }
}

impl Phase {
    const FIRST: Self = Self(Mode::Closed as u64);

    fn mode(self) -> Mode {
        match self.0 & 3 {
            0 => Mode::Closed,
            1 => Mode::Open,
            2 => Mode::ForcedClosed,
            _ => Mode::ForcedOpen,
        }
    }

    fn next(self, mode: Mode) -> Self {
        Self((((self.0 >> 2) + 1) << 2) | mode as u64)
    }
}

#[cfg(test)]
mod tests;
