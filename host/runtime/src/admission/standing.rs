//! When a queue stands, and how long the next one in it would wait.

use std::time::Duration;

use tokio::time::Instant;

/// Nobody is turned away for having waited less than this: short bursts are what a queue is for.
pub(super) const SOJOURN_MIN: Duration = Duration::from_millis(20);

/// A queue in which everybody has waited longer than that for so long is no burst. The idea, and the 100 ms, are
/// from CoDel (RFC 8289): a queue that stands only adds its length to everybody's time.
const STANDING: Duration = Duration::from_millis(100);

/// What was measured so long ago is out of date.
const FORGET: Duration = Duration::from_secs(1);

/// One interval in so many decides.
const SMOOTHING: u32 = 8;

/// What is known of a queue of clients.
#[derive(Default)]
pub(super) struct Standing {
    /// Since when everybody who got a place had waited for [`SOJOURN_MIN`] and more.
    slow_since: Option<Instant>,
    /// It stands until then. Whoever is refused makes it longer, so that it does not come and go with every gap.
    until: Option<Instant>,
    /// When the last one was served, if others waited behind.
    last_served: Option<Instant>,
    /// The time from one that is served to the next, smoothed, and when it was measured.
    interval: Option<(Duration, Instant)>,
}

impl Standing {
    /// Whether it stands now.
    pub(super) fn is(&self, now: Instant) -> bool {
        let slow = |since| now.saturating_duration_since(since) >= STANDING;
        self.until.is_some_and(|until| now < until) || self.slow_since.is_some_and(slow)
    }

    /// Somebody was refused because of it.
    pub(super) fn refused(&mut self, now: Instant) {
        self.until = Some(now + STANDING);
    }

    /// Somebody got a place after such a wait. `others` wait behind.
    pub(super) fn served(&mut self, sojourn: Duration, others: bool, now: Instant) {
        if sojourn < SOJOURN_MIN {
            self.slow_since = None;
        } else {
            self.slow_since.get_or_insert(now);
        }
        if let Some(last) = self.last_served {
            let interval = now.saturating_duration_since(last);
            let smoothed = match self.interval(now) {
                Some(before) => (before * (SMOOTHING - 1) + interval) / SMOOTHING,
                None => interval,
            };
            self.interval = Some((smoothed, now));
        }
        self.last_served = others.then_some(now);
    }

    /// Nobody waits any more.
    pub(super) fn emptied(&mut self) {
        self.slow_since = None;
        self.last_served = None;
    }

    /// How long it takes until so many are served. Nothing is said of a queue that nobody has left lately.
    pub(super) fn expected(&self, ahead: usize, now: Instant) -> Option<Duration> {
        Some(self.interval(now)? * u32::try_from(ahead).unwrap_or(u32::MAX))
    }

    fn interval(&self, now: Instant) -> Option<Duration> {
        let (interval, measured) = self.interval?;
        (now.saturating_duration_since(measured) < FORGET).then_some(interval)
    }
}
