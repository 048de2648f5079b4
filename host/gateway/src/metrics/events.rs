//! What events and their deliveries tell.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use thali_control::Control;
use thali_platform::events::{DeliveryCounts, Outbox, SubscriptionId, SubscriptionStatus};
use tokio::time::timeout;

use super::family::{Family, Label};

/// How long a scrape waits for the databases of publishers. After that it tells what was known before.
const LOOK_TIME: Duration = Duration::from_secs(1);

/// How far the subscriptions are behind, as the last look has found it.
#[derive(Clone, Default)]
pub(super) struct Standing(Arc<Mutex<Vec<SubscriptionStatus>>>);

impl Standing {
    /// Looks again.
    pub(super) async fn refresh(&self, control: &Control) {
        if let Ok(standing) = timeout(LOOK_TIME, control.events().standing()).await {
            *self.0.lock() = standing;
        }
    }
}

/// Collects from the publishers and subscriptions that are live.
pub(super) struct Events {
    pub(super) control: Arc<Control>,
    pub(super) standing: Standing,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Collector for Events {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.published(&mut encoder)?;
        deliveries(&self.control.events().deliveries(), &mut encoder)?;
        standing(&self.standing.0.lock(), &mut encoder)
    }
}

impl Events {
    fn published(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let live = self.control.live();
        let published = live.services.iter().filter_map(|service| {
            service.revision.extensions().get::<Outbox>()?;
            let database = service.care.as_ref()?.database();
            Some(([("publisher", service.name().to_string())], database.published()))
        });
        let help = "Events that were published, in transactions that were rolled back as well";
        Family::counter(encoder, "events_published", help).each(published)
    }
}

fn deliveries(all: &[DeliveryCounts], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let outcomes = all.iter().flat_map(|of| {
        [("done", of.delivered), ("failed", of.failed), ("postponed", of.postponed)].map(
            |(outcome, count)| {
                let [publisher, topic, subscriber] = labels(&of.id);
                ([publisher, topic, subscriber, ("outcome", outcome.to_owned())], count)
            },
        )
    });
    let help = "Attempts to deliver an event, by what became of them";
    Family::counter(encoder, "event_deliveries", help).each(outcomes)?;
    let help = "Events that were given up";
    Family::counter(encoder, "events_dead", help)
        .each(all.iter().map(|of| (labels(&of.id), of.dead)))
}

fn standing(all: &[SubscriptionStatus], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let each = |count: fn(&SubscriptionStatus) -> i64| {
        all.iter().map(move |of| (labels(&of.id), u64::try_from(count(of)).unwrap_or(0)))
    };
    let help = "Events behind the last one that was delivered or put aside";
    Family::gauge(encoder, "event_lag", help).each(each(|of| of.lag))?;
    let help = "Events that failed and are tried again, and those behind them";
    Family::gauge(encoder, "events_waiting", help).each(each(|of| of.waiting))?;
    let help = "Events that were given up and are kept: redrive or discard them";
    Family::gauge(encoder, "dead_letters", help).each(each(|of| of.dead))
}

fn labels(id: &SubscriptionId) -> [Label; 3] {
    [
        ("publisher", id.publisher.to_string()),
        ("topic", id.topic.as_str().to_owned()),
        ("subscriber", id.subscriber.to_string()),
    ]
}
