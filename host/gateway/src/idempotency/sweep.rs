//! Forgetting answers whose time is over.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use thali_control::Control;
use thali_platform::idempotency::Answers;
use tokio::time::{MissedTickBehavior, interval};

/// How often every service's old answers are deleted. One that is over is not given again, swept or not.
const PERIOD: Duration = Duration::from_secs(600);

/// Deletes old answers of the live services from time to time, for ever.
pub(crate) async fn sweep(control: Arc<Control>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once, when a host has better things to do.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        for service in &control.live().services {
            let Some(answers) = service.revision.extensions().get::<Answers>() else { continue };
            let service = service.name();
            match answers.sweep(SystemTime::now()).await {
                Ok(0) => {}
                Ok(count) => tracing::debug!(%service, count, "old idempotency keys are forgotten"),
                Err(error) => {
                    tracing::warn!(%service, "old idempotency keys cannot be deleted: {error}");
                }
            }
        }
    }
}
