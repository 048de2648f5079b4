//! Rolls a canary back by itself when it is worse than the stable revision.
//!
//! While rollouts run, both revisions are looked at twice a second, over the last ten seconds and the last
//! five minutes: the short window sees what has begun just now, the long one what happens seldom. What
//! "worse" means is in [`judge`](super::judge).

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use thali_contract::name::{Digest, ServiceName};
use thali_runtime::{OutcomeSnapshot, Revision};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::journal::{Cause, ChangeKind};
use super::judge::judge;
use crate::compiling::detached;
use crate::control::Control;
use crate::error::DeployError;
use crate::live::Live;
use crate::tally::RolledBackBy;

/// How often is looked.
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// Over what time is looked, and in which steps the time moves on.
const WINDOWS: [(Duration, Duration); 2] =
    [(Duration::from_secs(10), LOOK_PAUSE), (Duration::from_secs(300), Duration::from_secs(15))];

/// Looks after the rollouts of a host, for as long as there is one.
pub(crate) async fn watch_forever(control: Weak<Control>, mut changes: watch::Receiver<u64>) {
    let mut watched = Watched::default();
    loop {
        let fallen = {
            let Some(control) = control.upgrade() else { return };
            watched.look(&control.live(), Instant::now())
        };
        for fallen in fallen {
            let Some(control) = control.upgrade() else { return };
            // When that fails it is tried again at the next look.
            if let Err(error) = control.take_out(fallen).await {
                error.log("automatic rollback");
            }
        }
        if watched.0.is_empty() {
            if changes.changed().await.is_err() {
                return;
            }
        } else {
            sleep(LOOK_PAUSE).await;
        }
    }
}

/// A canary that the host has taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOut {
    /// Of this service.
    pub service: ServiceName,
    /// Its number.
    pub canary: u32,
    /// The stable revision, which has its share now.
    pub stable: u32,
    /// The digest of the stable revision's component.
    pub digest: Digest,
    /// Why.
    pub reason: String,
}

/// Whom to tell of it.
pub(crate) type TellTakenOut = Box<dyn Fn(&TakenOut) + Send + Sync>;

/// A canary that has to go.
pub(super) struct Fallen {
    service: ServiceName,
    canary: Weak<Revision>,
    reason: String,
}

/// The canaries that are looked at.
#[derive(Default)]
pub(super) struct Watched(Vec<Comparison>);

/// A canary and the stable revision beside it. Neither is kept alive by being watched.
struct Comparison {
    stable: Weak<Revision>,
    canary: Weak<Revision>,
    windows: [Window; 2],
}

/// What was counted of both at the beginning of a window that moves on.
struct Window {
    span: Duration,
    step: Duration,
    samples: VecDeque<Sample>,
}

struct Sample {
    at: Instant,
    stable: OutcomeSnapshot,
    canary: OutcomeSnapshot,
}

impl Watched {
    /// Compares every canary that is live.
    fn look(&mut self, live: &Live, now: Instant) -> Vec<Fallen> {
        let mut before = std::mem::take(&mut self.0);
        let mut fallen = Vec::new();
        let rolling = live.rolling.iter().filter_map(|slot| live.services.get(*slot));
        for service in rolling {
            for canary in service.canaries.iter() {
                let (stable, canary) = (&service.revision, &canary.service.revision);
                let known = before.iter().position(|known| known.is_of(stable, canary));
                let known = known.map(|at| before.swap_remove(at));
                let mut comparison = known.unwrap_or_else(|| Comparison::new(stable, canary));
                let reason = comparison.look(stable, canary, now);
                fallen.extend(reason.map(|reason| Fallen {
                    service: service.name().clone(),
                    canary: Arc::downgrade(canary),
                    reason,
                }));
                self.0.push(comparison);
            }
        }
        fallen
    }
}

impl Comparison {
    fn new(stable: &Arc<Revision>, canary: &Arc<Revision>) -> Self {
        let window = |(span, step)| Window { span, step, samples: VecDeque::new() };
        Self {
            stable: Arc::downgrade(stable),
            canary: Arc::downgrade(canary),
            windows: WINDOWS.map(window),
        }
    }

    fn is_of(&self, stable: &Arc<Revision>, canary: &Arc<Revision>) -> bool {
        let is = |known: &Weak<Revision>, this| Weak::ptr_eq(known, &Arc::downgrade(this));
        is(&self.stable, stable) && is(&self.canary, canary)
    }

    /// Why the canary has to go, if it has to.
    fn look(&mut self, stable: &Revision, canary: &Revision, now: Instant) -> Option<String> {
        let (stable, canary) = (stable.outcomes().snapshot(), canary.outcomes().snapshot());
        let looks = self.windows.iter_mut().map(|window| window.look(&stable, &canary, now));
        // Every window moves on, whatever the first one says.
        let looks: Vec<_> = looks.collect();
        looks.into_iter().flatten().next()
    }
}

impl Window {
    fn look(
        &mut self,
        stable: &OutcomeSnapshot,
        canary: &OutcomeSnapshot,
        now: Instant,
    ) -> Option<String> {
        while self.samples.front().is_some_and(|first| now - first.at > self.span) {
            self.samples.pop_front();
        }
        if self.samples.back().is_none_or(|last| now - last.at >= self.step) {
            let (stable, canary) = (stable.clone(), canary.clone());
            self.samples.push_back(Sample { at: now, stable, canary });
        }
        let first = self.samples.front()?;
        let verdict = judge(&stable.since(&first.stable), &canary.since(&first.canary))?;
        Some(format!("in {:.1} s {verdict}", (now - first.at).as_secs_f64()))
    }
}

impl Control {
    /// Says whom to tell of canaries that the host takes out by itself. Only the first call counts.
    pub fn on_taken_out(&self, tell: impl Fn(&TakenOut) + Send + Sync + 'static) {
        let _ = self.tell_taken_out.set(Box::new(tell));
    }

    /// Lets go of a canary, unless somebody has done that meanwhile.
    async fn take_out(self: &Arc<Self>, fallen: Fallen) -> Result<(), DeployError> {
        let control = Arc::clone(self);
        detached(async move { control.take_out_now(fallen).await }).await
    }

    async fn take_out_now(&self, fallen: Fallen) -> Result<(), DeployError> {
        let _changes = self.right_to_change().await?;
        let live = self.live();
        let Fallen { service: name, canary, reason } = fallen;
        let (Some(service), Some(canary)) = (live.service(&name), canary.upgrade()) else {
            return Ok(());
        };
        let others = service.canaries.iter().map(|other| &other.service);
        let others = others.filter(|other| !Arc::ptr_eq(&other.revision, &canary)).cloned();
        let others: Vec<_> = others.collect();
        if others.len() == service.canaries.len() {
            return Ok(());
        }
        let number = canary.number();
        let stable = (service.revision.number(), *service.revision.digest());
        let cause = Cause::by("automatic");
        let after = service.record.without_canary(number, Timestamp::now());
        let after =
            after.noted_with(ChangeKind::AutoRollback, number, &cause, Some(reason.clone()));
        self.leave(&live, service, after, others).await?;
        self.tally.rolled_back(RolledBackBy::Host);
        warn!(service = %name, revision = number, "rolled back: {reason}");
        if let Some(tell) = self.tell_taken_out.get() {
            let (stable, digest) = stable;
            tell(&TakenOut { service: name, canary: number, stable, digest, reason });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use thali_runtime::Outcomes;

    use super::*;

    /// A second of 10 requests for the canary, of which `failures` fail, and 90 for the other.
    fn second(stable: &Outcomes, canary: &Outcomes, failures: usize) {
        for at in 0..100 {
            let revision = if at % 10 == 0 { canary } else { stable };
            revision.count::<()>(Duration::from_millis(5), &Ok(()));
        }
        (0..failures).for_each(|_| canary.count_failure());
    }

    fn windows() -> [Window; 2] {
        WINDOWS.map(|(span, step)| Window { span, step, samples: VecDeque::new() })
    }

    #[tokio::test(start_paused = true)]
    async fn a_canary_that_begins_to_fail_after_an_hour_is_seen_within_seconds() {
        let (stable, canary) = (Outcomes::default(), Outcomes::default());
        let [mut short, mut long] = windows();
        let mut look = |stable: &Outcomes, canary: &Outcomes| {
            let (stable, canary) = (stable.snapshot(), canary.snapshot());
            let now = Instant::now();
            [&mut short, &mut long].map(|window| window.look(&stable, &canary, now))
        };
        for _ in 0..3_600 {
            second(&stable, &canary, 0);
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(look(&stable, &canary), [None, None]);
        }
        for seconds in 1.. {
            second(&stable, &canary, 2);
            tokio::time::advance(Duration::from_secs(1)).await;
            if let [Some(reason), _] = look(&stable, &canary) {
                assert!(reason.contains("failed"), "{reason}");
                assert!(seconds <= 5, "{seconds}");
                break;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_canary_with_few_requests_is_seen_in_the_long_window() {
        let (stable, canary) = (Outcomes::default(), Outcomes::default());
        let [mut short, mut long] = windows();
        let mut seen = None;
        for seconds in 1..=300 {
            (0..9).for_each(|_| stable.count::<()>(Duration::from_millis(5), &Ok(())));
            if seconds % 5 == 0 {
                canary.count::<()>(Duration::from_millis(5), &Ok(()));
                if seconds % 25 == 0 {
                    canary.count_failure();
                }
            }
            tokio::time::advance(Duration::from_secs(1)).await;
            let counts = (stable.snapshot(), canary.snapshot());
            assert_eq!(short.look(&counts.0, &counts.1, Instant::now()), None, "two requests");
            seen = seen.or(long.look(&counts.0, &counts.1, Instant::now()));
        }
        assert!(seen.is_some());
        assert!(long.samples.len() <= 22, "{}", long.samples.len());
    }
}
