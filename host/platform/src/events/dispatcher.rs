//! All subscriptions of a host: which there are follows from what is live.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use thali_contract::events::Topic;
use thali_contract::name::ServiceName;
use thali_runtime::{NodeIndex, Runtime, Topology};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::events::counts::{Deliveries, DeliveryCounts};
use crate::events::delivery::Handlers;
use crate::events::ledger::Ledger;
use crate::events::limits::EventLimits;
use crate::events::outbox::Outbox;
use crate::events::retention::sweep_forever;
use crate::events::standing::Standing;
use crate::events::subscription::{Orders, Stance, Subscription};
use crate::events::terms::{Subscriptions, Terms};
use crate::sql::SqlError;

/// Delivers the events of all services to their subscribers.
///
/// For every topic of a live publisher and every live service that subscribes to it there is one task.
/// [`Dispatcher::update`] brings them in line with what is live. Dropping the dispatcher ends them.
pub struct Dispatcher {
    me: Weak<Self>,
    runtime: Arc<Runtime>,
    limits: EventLimits,
    topology: watch::Sender<Arc<Topology>>,
    permits: Arc<Semaphore>,
    tasks: Mutex<Tasks>,
    known: Standing,
}

#[derive(Default)]
struct Tasks {
    working: HashMap<SubscriptionId, Working>,
    /// Those that were told to stop and have not yet.
    leaving: HashMap<SubscriptionId, JoinHandle<()>>,
    stopped: bool,
    /// Whether old events are deleted from time to time.
    sweeping: bool,
}

/// Names a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId {
    /// Who publishes.
    pub publisher: ServiceName,
    /// What is published.
    pub topic: Topic,
    /// Who gets it.
    pub subscriber: ServiceName,
}

struct Working {
    stance: watch::Sender<Stance>,
    redriven: watch::Sender<u64>,
    replaced: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    deliveries: Arc<Deliveries>,
    task: JoinHandle<()>,
}

/// A subscription as what is live demands it.
pub(super) struct Demand {
    pub(super) id: SubscriptionId,
    pub(super) outbox: Arc<Outbox>,
    pub(super) terms: Arc<Terms>,
    /// Whether the subscriber waits for a provider.
    waits: bool,
}

impl Dispatcher {
    /// A dispatcher with nothing to do yet.
    pub fn new(runtime: Arc<Runtime>) -> Arc<Self> {
        // Requests from outside have the other half for themselves.
        let permits = (runtime.requests_max() / 2).max(1);
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            runtime,
            limits: EventLimits::default(),
            topology: watch::Sender::new(Arc::new(Topology::build(Vec::new()))),
            permits: Arc::new(Semaphore::new(permits)),
            tasks: Mutex::default(),
            known: Standing::default(),
        })
    }

    /// Begins the subscriptions durably that `changed` has a part in, as publisher or subscriber,
    /// before `topology` goes live: a subscriber gets what is published from then on. Those that have
    /// begun before are left as they are.
    ///
    /// # Errors
    ///
    /// When the database of `changed` itself fails. Another publisher's is tried again later.
    pub async fn begin(&self, topology: &Topology, changed: &ServiceName) -> Result<(), SqlError> {
        for Demand { id, outbox, terms, .. } in demands(topology) {
            if id.publisher != *changed && id.subscriber != *changed {
                continue;
            }
            let ledger = Ledger::new(outbox, id.subscriber, id.topic);
            match ledger.begin(terms.from).await {
                Ok(_) => {}
                Err(error) if id.publisher == *changed => return Err(error),
                Err(error) => warn!(%ledger, "a subscription has not begun: {error}"),
            }
        }
        Ok(())
    }

    /// Brings the subscriptions in line with what is live now.
    pub fn update(&self, topology: &Arc<Topology>) {
        self.topology.send_replace(Arc::clone(topology));
        let mut tasks = self.tasks.lock();
        if tasks.stopped {
            return;
        }
        if !std::mem::replace(&mut tasks.sweeping, true) {
            tokio::spawn(sweep_forever(Weak::clone(&self.me)));
        }
        let mut before = std::mem::take(&mut tasks.working);
        for demand in demands(topology) {
            let terms = Arc::clone(&demand.terms);
            let stance = Stance { terms, serves: !demand.waits };
            let id = demand.id.clone();
            let working = match before.remove(&id) {
                Some(working) => {
                    working.stance.send_replace(stance);
                    working
                }
                None => self.start(demand, stance, tasks.leaving.remove(&id)),
            };
            tasks.working.insert(id, working);
        }
        tasks.leaving.retain(|_, task| !task.is_finished());
        for (id, working) in before {
            working.stop.send_replace(true);
            tasks.leaving.insert(id, working.task);
        }
    }

    /// Begins the subscriptions to a publisher anew, from what its database says: for when that was
    /// replaced.
    pub fn restart(&self, publisher: &ServiceName) {
        let tasks = self.tasks.lock();
        for (_, working) in tasks.working.iter().filter(|(id, _)| id.publisher == *publisher) {
            working.replaced.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Starts a subscription, once an earlier task for the same one has ended.
    fn start(&self, demand: Demand, stance: Stance, earlier: Option<JoinHandle<()>>) -> Working {
        let Demand { id: SubscriptionId { publisher, topic, subscriber }, outbox, .. } = demand;
        let stance = watch::Sender::new(stance);
        let (redriven, replaced) = (watch::Sender::new(0), watch::Sender::new(0));
        let stop = watch::Sender::new(false);
        let orders = Orders {
            stance: stance.subscribe(),
            redriven: redriven.subscribe(),
            replaced: replaced.subscribe(),
            stop: stop.subscribe(),
        };
        let ledger = Ledger::new(outbox, subscriber.clone(), topic.clone());
        let handlers = Handlers {
            runtime: Arc::clone(&self.runtime),
            topology: self.topology.subscribe(),
            permits: Arc::clone(&self.permits),
            publisher,
            subscriber,
            topic,
        };
        let deliveries = Arc::<Deliveries>::default();
        let mut subscription =
            Subscription::new(ledger, self.limits.clone(), Arc::new(handlers), orders)
                .counted_by(&deliveries);
        let task = tokio::spawn(async move {
            if let Some(earlier) = earlier {
                // However it ended, it has.
                let _ = earlier.await;
            }
            subscription.run().await;
        });
        Working { stance, redriven, replaced, stop, deliveries, task }
    }

    /// Has every subscription look for parked events that it does not know of.
    pub(super) fn look_again(&self) {
        for working in self.tasks.lock().working.values() {
            working.redriven.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// What became of the deliveries of every live subscription.
    pub fn deliveries(&self) -> Vec<DeliveryCounts> {
        let tasks = self.tasks.lock();
        tasks.working.iter().map(|(id, working)| working.deliveries.snapshot(id)).collect()
    }

    pub(super) fn known(&self) -> &Standing {
        &self.known
    }

    /// What is live.
    pub(super) fn topology(&self) -> Arc<Topology> {
        Arc::clone(&self.topology.borrow())
    }

    /// Starts no more deliveries, and lets those that run end within `drain`. Answers how many
    /// subscriptions had to be cut short; what they had not stored is delivered again.
    pub async fn stop(&self, drain: Duration) -> usize {
        let until = Instant::now() + drain;
        let tasks = {
            let mut tasks = self.tasks.lock();
            tasks.stopped = true;
            let working = std::mem::take(&mut tasks.working).into_values();
            let mut all: Vec<_> = std::mem::take(&mut tasks.leaving).into_values().collect();
            all.extend(working.map(|working| {
                working.stop.send_replace(true);
                working.task
            }));
            all
        };
        let mut cut = 0;
        for mut task in tasks {
            if timeout_at(until, &mut task).await.is_err() {
                task.abort();
                cut += 1;
            }
        }
        cut
    }
}

/// Every pair of a live publisher and a live subscriber. Of a service with several live revisions all
/// publish, into one outbox, and the stable one says what is subscribed to.
pub(super) fn demands(topology: &Topology) -> Vec<Demand> {
    let subscribers: Vec<_> = topology
        .stable()
        .filter_map(|node| {
            Some((node, topology.revision(node).extensions().get::<Subscriptions>()?))
        })
        .collect();
    let mut demands = Vec::new();
    for stable in topology.stable() {
        for (topic, outbox) in topics(topology, stable) {
            demands.extend(subscribers.iter().filter_map(|(node, subscriptions)| {
                Some(Demand {
                    id: SubscriptionId {
                        publisher: topology.revision(stable).service().clone(),
                        topic: topic.clone(),
                        subscriber: topology.revision(*node).service().clone(),
                    },
                    outbox: Arc::clone(&outbox),
                    terms: Arc::clone(subscriptions.on(&topic)?),
                    waits: topology.waiting_for(*node).is_some(),
                })
            }));
        }
    }
    demands
}

/// What the live revisions of a service publish, each topic once.
pub(super) fn topics(topology: &Topology, stable: NodeIndex) -> Vec<(Topic, Arc<Outbox>)> {
    let mut topics: Vec<(Topic, Arc<Outbox>)> = Vec::new();
    for node in topology.revisions_of(stable) {
        let revision = topology.revision(*node);
        let Some(outbox) = revision.extensions().get::<Outbox>() else { continue };
        for (_, import) in revision.contract().publishes() {
            let topic = Topic::of(&import.name);
            if topics.iter().all(|(known, _)| *known != topic) {
                topics.push((topic, Arc::clone(&outbox)));
            }
        }
    }
    topics
}
