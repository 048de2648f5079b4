//! The one value that changes what is live.

use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, Guard};
use thali_contract::name::ServiceName;
use thali_platform::Backends;
use thali_platform::events::Dispatcher;
use thali_platform::idempotency::Running;
use thali_platform::schedules::Scheduler;
use thali_runtime::Runtime;
use tokio::sync::{Mutex, MutexGuard, broadcast, watch};
use tokio::time::timeout;
use uuid::Uuid;

use crate::compiling::{CompileLimits, SameBytes, Turns};
use crate::data::DataFolder;
use crate::drain::Drains;
use crate::error::DeployError;
use crate::live::Live;
use crate::policies::Policies;
use crate::progress::{StepEvent, Steps, Tag};
use crate::reconfigure::Words;
use crate::record::Source;
use crate::rollout::{Cause, Change, Percent, TellTakenOut};
use crate::status::{ServiceDetails, ServiceStatus};
use crate::store::Store;
use crate::tally::Tally;

/// How a [`Control`] works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlConfig {
    /// Load the seed data that services bring. Default no.
    pub seed: bool,
    /// Services without an `[http]` table get a route per function. Default yes.
    pub implied_routes: bool,
    /// The largest component in bytes. Default 64 MiB: an interpreter with its program takes 20.
    pub component_bytes_max: usize,
    /// How much of the machine deploys may take.
    pub compile: CompileLimits,
    /// How services call each other, at first. Default: nothing is said.
    pub policies: Policies,
}

/// What a deploy may do, and where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeployOptions {
    /// Go on although calls between services will break.
    pub force: bool,
    /// How the component came.
    pub source: Source,
    /// Only so many percent of the requests are for it, and the live revision keeps the others.
    pub canary: Option<Percent>,
    /// Who deploys, and why.
    pub cause: Cause,
    /// The request that it came by.
    pub request: Option<Uuid>,
    /// What whoever deploys wants to know its steps by.
    pub watch: Option<Tag>,
}

/// The services of a host: what is live, and every change to it.
///
/// Reading is free of locks; changes are made one after the other.
pub struct Control {
    pub(crate) config: ControlConfig,
    pub(crate) store: Arc<Store>,
    pub(crate) runtime: Arc<Runtime>,
    /// Requests with an idempotency key that run now.
    pub(crate) running: Arc<Running>,
    pub(crate) events: Arc<Dispatcher>,
    pub(crate) schedules: Arc<Scheduler>,
    pub(crate) backends: Backends,
    /// What operators say of services now.
    pub(crate) words: ArcSwap<Words>,
    pub(crate) turns: Turns,
    pub(crate) uploads: SameBytes,
    pub(crate) steps: Steps,
    changes: Mutex<()>,
    pub(crate) drains: Drains,
    pub(crate) tally: Tally,
    live: ArcSwap<Live>,
    pub(crate) tell_taken_out: OnceLock<TellTakenOut>,
    /// The generation of what is live.
    changed: watch::Sender<u64>,
    // Keeps other hosts out.
    pub(crate) data: DataFolder,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self {
            seed: false,
            implied_routes: true,
            component_bytes_max: 64 << 20,
            compile: CompileLimits::default(),
            policies: Policies::default(),
        }
    }
}

impl Control {
    pub(crate) fn new(
        config: ControlConfig,
        data: DataFolder,
        runtime: Arc<Runtime>,
        backends: Backends,
    ) -> Self {
        let overrides = Arc::clone(&backends.overrides);
        let words = Words { overrides, policies: config.policies.clone() };
        Self {
            words: ArcSwap::from_pointee(words),
            store: Arc::new(Store::new(data.paths().clone())),
            turns: Turns::new(&config.compile),
            uploads: SameBytes::default(),
            steps: Steps::default(),
            changes: Mutex::default(),
            drains: Drains::default(),
            tally: Tally::default(),
            live: ArcSwap::from_pointee(Live::empty()),
            tell_taken_out: OnceLock::new(),
            changed: watch::Sender::new(0),
            events: Dispatcher::new(Arc::clone(&runtime)),
            schedules: Scheduler::new(Arc::clone(&runtime)),
            config,
            runtime,
            backends,
            running: Arc::default(),
            data,
        }
    }

    /// What is live, to be kept for as long as it is needed.
    pub fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// What is live, for a quick look: cheaper than [`Control::live`], and not to be kept.
    pub fn live_guard(&self) -> Guard<Arc<Live>> {
        self.live.load()
    }

    /// The right to change what is live: held from the last look at it until the swap.
    pub(crate) async fn right_to_change(&self) -> Result<MutexGuard<'_, ()>, DeployError> {
        timeout(self.config.compile.wait_max, self.changes.lock())
            .await
            .map_err(|_| DeployError::Busy("Another change takes too long."))
    }

    /// Waits until no change is being made. What begins after that is for the caller to prevent.
    pub async fn settled(&self) {
        drop(self.changes.lock().await);
    }

    /// Puts the next value in place. Only the holder of the right to do so may.
    pub(crate) fn swap(&self, next: Live) {
        let (topology, generation) = (Arc::clone(&next.topology), next.generation);
        topology.take_effect();
        self.live.store(Arc::new(next));
        self.changed.send_replace(generation);
        self.events.update(&topology);
        self.schedules.update(&topology);
    }

    /// The schedules.
    pub fn schedules(&self) -> &Arc<Scheduler> {
        &self.schedules
    }

    /// The generation of what is live: changes after every change of it.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The steps of all deploys from now on, those from the watched folder among them.
    pub fn steps(&self) -> broadcast::Receiver<StepEvent> {
        self.steps.listen()
    }

    /// The deliveries of events.
    pub fn events(&self) -> &Arc<Dispatcher> {
        &self.events
    }

    /// Every service that is live or should be, by name.
    pub fn services(&self) -> Vec<ServiceStatus> {
        ServiceStatus::of_all(&self.live())
    }

    /// One service in full; `None` for one that is not there.
    pub fn service(&self, name: &ServiceName) -> Option<ServiceDetails> {
        ServiceDetails::of(&self.live(), name, &self.drains)
    }

    /// What was changed of a service, the newest first. One that was removed still has some.
    pub fn history(&self, name: &ServiceName) -> Option<Vec<Change>> {
        let live = self.live();
        let record = live.record(name)?;
        Some(record.changes.iter().rev().cloned().collect())
    }
}
