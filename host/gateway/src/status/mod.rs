//! What the host does now, and what it did in the last ten minutes: for the dashboard and `thali top`.
//!
//! A task takes a [`sample`] of the counters each second, which is all that this costs while nobody looks. Rates are made
//! of the samples ([`rates`]), [`history`] keeps ten minutes of them in rings, and [`shown`] is what is told. What would take
//! a query or a call is looked up by [`slow`], every few seconds and only while somebody looks. Whoever follows gets all of it
//! by [`live`].

mod edges;
mod history;
mod live;
mod process;
mod quantile;
mod rates;
mod sample;
mod shown;
mod slow;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use thali_contract::name::ServiceName;
use thali_control::{Control, Live};
use thali_runtime::Runtime;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::front::Fronts;
use crate::listen::Server;

use history::{Histories, STEP_S};
use live::Followers;
use rates::{Figures, Window};
use sample::Sample;
use slow::Slow;

pub(crate) use history::History;
pub(crate) use live::Change;
pub(crate) use shown::Shown;

/// Between two samples.
const TICK: Duration = Duration::from_secs(1);

/// What the figures are read from.
pub(crate) struct Watched {
    pub(crate) control: Arc<Control>,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) fronts: Arc<Fronts>,
    pub(crate) public: Arc<Server>,
}

/// How the host is and was.
pub(crate) struct Board {
    watched: Watched,
    started_at: Timestamp,
    started: Instant,
    past: Mutex<Past>,
    slow: Slow,
    /// Who follows.
    pub(crate) followers: Followers,
}

#[derive(Default)]
struct Past {
    window: Window,
    histories: Histories,
    ticks: u64,
}

impl Board {
    /// A board, and the task that keeps it up to date.
    pub(crate) fn start(watched: Watched) -> (Arc<Self>, AbortHandle) {
        let board = Arc::new(Self {
            watched,
            started_at: Timestamp::now(),
            started: Instant::now(),
            past: Mutex::default(),
            slow: Slow::default(),
            followers: Followers::default(),
        });
        // Whoever looks at once finds something to compare with.
        board.sample();
        let task = tokio::spawn(Arc::clone(&board).run());
        (board, task.abort_handle())
    }

    async fn run(self: Arc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut changes = self.watched.control.changes();
        let mut before = self.watched.control.live();
        let mut steps = self.watched.control.steps();
        loop {
            tokio::select! {
                _ = ticks.tick() => self.tick(),
                // Steps that were missed are: whoever deploys has the answer.
                step = steps.recv() => if let Ok(step) = step { self.followers.step(&step) },
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = self.watched.control.live();
                    self.followers.tell(Change::Services);
                    if has_other_shares(&before, &now) {
                        self.followers.tell(Change::Rollouts);
                    }
                    before = now;
                }
            }
        }
    }

    fn tick(self: &Arc<Self>) {
        if self.sample() {
            self.followers.tell(Change::Breakers);
        }
        if self.followers.some() {
            self.slow.refresh(self);
            self.followers.show(&self.shown());
        }
    }

    /// Answers whether a breaker has changed since the last one.
    fn sample(&self) -> bool {
        let live = self.watched.control.live();
        let sample = Sample::take(&self.watched, &live);
        let mut past = self.past.lock();
        let Past { window, histories, ticks } = &mut *past;
        let breakers_changed =
            window.newest().is_some_and(|before| before.has_other_breakers(&sample));
        window.push(sample);
        *ticks += 1;
        if ticks.is_multiple_of(STEP_S) {
            let host = self.host_figures(window);
            let services = live
                .services
                .iter()
                .map(|service| (service.name(), shown::figures(window, service)));
            histories.push(Timestamp::now().as_second(), &host, services);
        }
        breakers_changed
    }

    fn host_figures(&self, window: &Window) -> Figures {
        Figures {
            in_flight: self.watched.public.requests(),
            memory_bytes: process::memory_bytes(),
            ..window.host()
        }
    }

    /// How the host is, with what has to be looked up, if that does not take too long.
    pub(crate) async fn look(self: &Arc<Self>) -> Shown {
        self.slow.refreshed(self).await;
        self.shown()
    }

    /// How the host is.
    fn shown(&self) -> Shown {
        Shown::of(self)
    }

    /// The last ten minutes of a service, or of the host. `None` for a service that is not there.
    pub(crate) fn history(&self, service: Option<&ServiceName>) -> Option<History> {
        let past = self.past.lock();
        let Some(name) = service else { return Some(past.histories.host()) };
        let known = self.watched.control.services().iter().any(|status| status.name == *name);
        known.then(|| past.histories.service(name))
    }
}

/// Whether a rollout has begun, moved or ended.
fn has_other_shares(before: &Live, now: &Live) -> bool {
    let shares = |live: &Live| {
        let rolling = live.services.iter().filter(|service| !service.canaries.is_empty());
        rolling
            .map(|service| (service.name().clone(), service.record.rollout.clone()))
            .collect::<Vec<_>>()
    };
    shares(before) != shares(now)
}
