//! How events are delivered to a subscriber, as its live revision has it.

use std::collections::HashMap;
use std::sync::Arc;

use thali_contract::contract::{Contract, FunctionRef};
use thali_contract::events::Topic;
use thali_contract::manifest::{Manifest, StartFrom, SubscriptionSpec};

use crate::events::backoff::Backoff;

/// The subscriptions of one revision: one of its
/// [extensions](thali_runtime::RevisionSpec::extensions).
#[derive(Clone, Debug, Default)]
pub struct Subscriptions(Vec<Arc<Terms>>);

/// How events of one topic are delivered.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What is subscribed to.
    pub topic: Topic,
    /// The functions that are wanted, by name. Events of others are passed over.
    pub functions: HashMap<String, FunctionRef>,
    /// Which events a new subscriber gets.
    pub from: StartFrom,
    /// After how many failures an event is dead.
    pub attempts: u32,
    /// Deliveries side by side.
    pub concurrency: usize,
    /// The pauses between attempts.
    pub backoff: Backoff,
}

impl Terms {
    /// Whether events of this function are delivered.
    pub(super) fn wants(&self, function: &str) -> bool {
        self.functions.contains_key(function)
    }
}

impl Subscriptions {
    /// What a component subscribes to, on the terms of its manifest.
    pub fn of(manifest: &Manifest, contract: &Contract) -> Self {
        let subscribes = contract.subscribes().map(|(interface, export)| {
            let spec = manifest.subscriptions.iter().find(|spec| spec.names(&export.name));
            let spec = spec.cloned().unwrap_or_else(|| SubscriptionSpec::new(export.name.clone()));
            let functions = (0..).zip(&export.functions).filter_map(|(function, declared)| {
                let wanted = spec.only.as_ref().is_none_or(|only| only.contains(&declared.name));
                wanted.then(|| (declared.name.clone(), FunctionRef { interface, function }))
            });
            Arc::new(Terms {
                topic: Topic::of(&export.name),
                functions: functions.collect(),
                from: spec.from,
                attempts: spec.attempts,
                concurrency: spec.concurrency as usize,
                backoff: Backoff { first: spec.backoff_first, max: spec.backoff_max },
            })
        });
        Self(subscribes.collect())
    }

    /// The terms of a topic.
    pub fn on(&self, topic: &Topic) -> Option<&Arc<Terms>> {
        self.0.iter().find(|terms| terms.topic == *topic)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Terms>> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
