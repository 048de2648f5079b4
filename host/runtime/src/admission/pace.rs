//! How much at once is too much: learned from how those fare who run.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

/// How long a guest computes between two chances for others to run.
const SLICE: Duration = crate::engine::EPOCH_TICK;

/// Guests that compute may take this many times as long as they would alone, in thousandths. Beyond it more at once
/// only makes everybody slower.
const STRETCH_MAX: u64 = 2500;

/// One measurement in so many decides: 16 slices are about 16 ms of work.
const SMOOTHING: u64 = 16;

/// The number of places changes at most so often.
const STEP: Duration = Duration::from_millis(20);

/// After so long without being pressed there may be more again.
const CALM: Duration = Duration::from_millis(100);

/// After so long without being pressed what was learned is out of date.
const FORGET: Duration = Duration::from_secs(1);

/// The number of places that are given out, between a floor and what was configured.
///
/// Only guests that have computed for two slices are heard: who waits for a database or another service may be
/// many, and so may those who compute for a moment. A slice that waited for its turn says that there are more of them than processors.
pub(super) struct Pace {
    places: AtomicUsize,
    places_min: usize,
    places_max: AtomicUsize,
    /// How much longer than alone, in thousandths; smoothed.
    stretch: AtomicU64,
    /// How long a place is kept, in microseconds; smoothed.
    kept_us: AtomicU64,
    began: Instant,
    /// When it was last too much, and when the number last changed: microseconds since `began`.
    pressed_us: AtomicU64,
    changed_us: AtomicU64,
}

impl Pace {
    pub(super) fn new(places_max: usize, places_min: usize) -> Self {
        let places_max = places_max.max(1);
        Self {
            places: AtomicUsize::new(places_max),
            places_min: places_min.max(1),
            places_max: AtomicUsize::new(places_max),
            stretch: AtomicU64::new(1000),
            kept_us: AtomicU64::new(0),
            began: Instant::now(),
            pressed_us: AtomicU64::new(0),
            changed_us: AtomicU64::new(0),
        }
    }

    pub(super) fn places(&self) -> usize {
        self.places.load(Relaxed)
    }

    /// As many as there are when nothing presses.
    pub(super) fn places_max(&self) -> usize {
        self.places_max.load(Relaxed)
    }

    /// There are so many from now on when nothing presses.
    pub(super) fn fit(&self, places_max: usize) {
        let places_max = places_max.max(1);
        let before = self.places_max.swap(places_max, Relaxed);
        let places = self.places();
        if places >= before || places > places_max {
            self.places.store(places_max, Relaxed);
        }
    }

    /// How long places are kept, on average.
    pub(super) fn kept(&self) -> Duration {
        Duration::from_micros(self.kept_us.load(Relaxed))
    }

    /// A place was kept for so long.
    pub(super) fn was_kept(&self, time: Duration) {
        smooth(&self.kept_us, micros(time));
    }

    /// A guest that computes has waited so long for its next slice, while `taken` places were taken.
    pub(super) fn waited(&self, time: Duration, taken: usize) {
        let stretch = 1000 + 1000 * micros(time) / micros(SLICE).max(1);
        if smooth(&self.stretch, stretch) <= STRETCH_MAX {
            return;
        }
        let now = self.now();
        self.pressed_us.store(now, Relaxed);
        let places_min = self.places_min.min(self.places_max());
        if taken > places_min && self.may_change(now) {
            let fewer = self.places().min(taken) * 7 / 8;
            self.places.store(fewer.max(places_min), Relaxed);
        }
    }

    /// Somebody waits for a place: there may be more of them again.
    pub(super) fn is_wanted(&self) {
        let (places, places_max) = (self.places(), self.places_max());
        if places >= places_max {
            return;
        }
        let now = self.now();
        let calm = Duration::from_micros(now.saturating_sub(self.pressed_us.load(Relaxed)));
        if calm >= FORGET {
            self.stretch.store(1000, Relaxed);
            self.places.store(places_max, Relaxed);
        } else if calm >= CALM && self.may_change(now) {
            self.places.store((places + places / 4 + 1).min(places_max), Relaxed);
        }
    }

    fn may_change(&self, now: u64) -> bool {
        let last = self.changed_us.load(Relaxed);
        let due = now.saturating_sub(last) >= micros(STEP);
        due && self.changed_us.compare_exchange(last, now, Relaxed, Relaxed).is_ok()
    }

    fn now(&self) -> u64 {
        micros(self.began.elapsed())
    }
}

/// Moves an average towards a value. Two who do so at once may lose one of the two: it is an average.
fn smooth(average: &AtomicU64, value: u64) -> u64 {
    let before = average.load(Relaxed);
    let after = match before {
        0 => value,
        _ => (before * (SMOOTHING - 1) + value) / SMOOTHING,
    };
    average.store(after, Relaxed);
    after
}

fn micros(time: Duration) -> u64 {
    // An hour is more than anything here takes; it keeps the arithmetic from overflowing.
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).min(3_600_000_000)
}
