//! How the subscriptions stand, for those who ask often: a database is asked again only after it has committed
//! something, so one that nobody uses is left alone, and closed.

use std::collections::HashMap;

use thali_contract::name::ServiceName;
use tokio::sync::Mutex;

use crate::events::dispatcher::Dispatcher;
use crate::events::letters::SubscriptionStatus;

/// What was found out the last time.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<HashMap<ServiceName, Known>>);

#[derive(Debug)]
struct Known {
    /// What the database had committed then.
    commits: u64,
    subscriptions: Vec<SubscriptionStatus>,
}

impl Dispatcher {
    /// Every subscription of a live publisher, as [`Dispatcher::subscriptions`] tells it, from what is known where
    /// that cannot have changed. A publisher whose database cannot be used is told as it stood before.
    pub async fn standing(&self) -> Vec<SubscriptionStatus> {
        let mut known = self.known().0.lock().await;
        let publishers = self.publishers();
        known.retain(|name, _| publishers.iter().any(|publisher| publisher.name == *name));
        for publisher in &publishers {
            // Before the look: what is committed meanwhile is found the next time.
            let commits = publisher.outbox.database().commits();
            if known.get(&publisher.name).is_some_and(|known| known.commits == commits) {
                continue;
            }
            if let Ok(subscriptions) = publisher.subscriptions().await {
                known.insert(publisher.name.clone(), Known { commits, subscriptions });
            }
        }
        let topology = self.topology();
        let mut all: Vec<_> =
            known.values().flat_map(|known| known.subscriptions.iter().cloned()).collect();
        for status in &mut all {
            status.live = topology.node(status.id.subscriber.as_str()).is_some();
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }
}
