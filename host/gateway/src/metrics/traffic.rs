//! What the requests of each route came to: counted by atomics, read when somebody asks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, RwLock};
use thali_contract::name::ServiceName;
use thali_contract::route::Route;
use thali_runtime::{Histogram, HistogramSnapshot};

/// Routes that are told apart. What comes after them is counted together: a scrape stays bounded whatever is deployed.
pub(super) const ROUTES_MAX: usize = 1000;

/// The upper bounds of the buckets of a histogram, in microseconds: eight for each factor of ten, so that a
/// quantile between two of them is right to a seventh.
#[expect(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
const BOUNDS_US: [u64; 57] = {
    const STEPS: [u64; 8] = [100, 133, 178, 237, 316, 422, 562, 750];
    let (mut bounds, mut at, mut power) = ([100_000_000; 57], 0, 1);
    while at < 56 {
        bounds[at] = STEPS[at % 8] * power / 10;
        at += 1;
        if at % 8 == 0 {
            power *= 10;
        }
    }
    bounds
};

/// What of that a scrape tells: every second bound from 32 µs on. More would be too much to keep for each route.
const TOLD_FROM: usize = 4;
const TOLD_STEP: usize = 2;
const TOLD: usize = (BOUNDS_US.len() - TOLD_FROM).div_ceil(TOLD_STEP);

/// The traffic of all routes.
#[derive(Default)]
pub(crate) struct Traffic {
    /// By the address of the route, which it keeps from being another's.
    known: RwLock<HashMap<usize, Known>>,
    /// Requests that went to no route.
    unrouted: Arc<Counts>,
    /// Requests of routes beyond [`ROUTES_MAX`].
    others: Arc<Counts>,
    learning: Mutex<()>,
    /// Requests that ended in a panic of the host.
    pub(super) panics: AtomicU64,
}

#[derive(Clone)]
struct Known {
    service: ServiceName,
    route: Arc<Route>,
    counts: Arc<Counts>,
}

/// What the requests of one route came to.
#[derive(Debug)]
pub(crate) struct Counts {
    /// By the first digit of the status.
    classes: [AtomicU64; 5],
    took_us: Histogram,
    /// The last request of each bucket that is told whose trace is recorded.
    seen: Mutex<[Option<Seen>; TOLD + 1]>,
}

/// A request that can be looked at in detail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) trace_id: u128,
    pub(super) took_s: f64,
    /// When it was answered.
    pub(super) at: SystemTime,
}

/// One bucket as a scrape tells it.
#[derive(Debug, PartialEq)]
pub(super) struct Bucket {
    /// Its upper bound in seconds.
    pub(super) bound: f64,
    pub(super) count: u64,
    pub(super) seen: Option<Seen>,
}

/// What is known of one route.
pub(super) struct RouteTraffic {
    /// Empty for what went to no service.
    pub(super) service: String,
    /// `GET /orders/{id}`, or what the requests have in common that went to none.
    pub(super) route: String,
    pub(super) counts: Arc<Counts>,
}

impl Traffic {
    /// The counts of a route.
    pub(crate) fn of(&self, service: &ServiceName, route: &Arc<Route>) -> Arc<Counts> {
        let address = Arc::as_ptr(route) as usize;
        if let Some(known) = self.known.read().get(&address) {
            return Arc::clone(&known.counts);
        }
        self.learn(address, service, route)
    }

    /// The counts of requests that went to no route.
    pub(crate) fn unrouted(&self) -> &Arc<Counts> {
        &self.unrouted
    }

    /// A request ended in a panic of the host.
    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    /// The first request of a route since it was deployed. A route that was there before goes on counting.
    fn learn(&self, address: usize, service: &ServiceName, route: &Arc<Route>) -> Arc<Counts> {
        let _learning = self.learning.lock();
        let mut known = self.known.read().clone();
        let same = |known: &Known| {
            let place = (known.route.method(), known.route.path());
            known.service == *service && place == (route.method(), route.path())
        };
        let before =
            known.values().find(|known| same(known)).map(|known| Arc::clone(&known.counts));
        // Two are this table's: it and its copy. Others that are not live any more stay for as long as there is
        // room: their service may be asked again, and goes on counting.
        let is_live = |known: &Known| Arc::strong_count(&known.route) > 2;
        let is_full = known.len() >= ROUTES_MAX;
        known.retain(|_, known| is_live(known) || !(is_full || same(known)));
        let counts = match before {
            Some(counts) => counts,
            None if known.len() >= ROUTES_MAX => return Arc::clone(&self.others),
            None => Arc::default(),
        };
        let (service, route) = (service.clone(), Arc::clone(route));
        known.insert(address, Known { service, route, counts: Arc::clone(&counts) });
        *self.known.write() = known;
        counts
    }

    /// Shows the counts of every route once, with its service if it has one.
    pub(crate) fn each(&self, mut show: impl FnMut(Option<&ServiceName>, &Counts)) {
        // Revisions of one service share the counts of a route.
        let mut seen = HashSet::new();
        for known in self.known.read().values() {
            if seen.insert(Arc::as_ptr(&known.counts)) {
                show(Some(&known.service), &known.counts);
            }
        }
        show(None, &self.unrouted);
        show(None, &self.others);
    }

    /// Everything, each route once.
    pub(super) fn all(&self) -> Vec<RouteTraffic> {
        let mut all: Vec<RouteTraffic> = Vec::new();
        for known in self.known.read().values() {
            // Revisions of one service share the counts of a route.
            if !all.iter().any(|seen| Arc::ptr_eq(&seen.counts, &known.counts)) {
                all.push(RouteTraffic {
                    service: known.service.to_string(),
                    route: known.route.to_string(),
                    counts: Arc::clone(&known.counts),
                });
            }
        }
        all.sort_by(|a, b| (&a.service, &a.route).cmp(&(&b.service, &b.route)));
        for (route, counts) in [("(none)", &self.unrouted), ("(others)", &self.others)] {
            all.push(RouteTraffic {
                service: String::new(),
                route: route.to_owned(),
                counts: Arc::clone(counts),
            });
        }
        all
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            classes: Default::default(),
            took_us: Histogram::new(&BOUNDS_US),
            seen: Mutex::new([None; TOLD + 1]),
        }
    }
}

impl Counts {
    /// A request was answered; with the id of its trace if that is recorded.
    pub(crate) fn answered(&self, status: u16, took: Duration, trace_id: Option<u128>) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Relaxed);
        }
        let at = self.took_us.count(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        // Of two at the same moment one is enough: nobody waits here.
        if let Some(trace_id) = trace_id
            && let Some(mut seen) = self.seen.try_lock()
            && let Some(seen) = seen.get_mut(told_of(at))
        {
            let (took_s, at) = (took.as_secs_f64(), SystemTime::now());
            *seen = Some(Seen { trace_id, took_s, at });
        }
    }

    /// Requests by the first digit of their status, `1` to `5`.
    pub(crate) fn classes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let names = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        names.into_iter().zip(self.classes.iter().map(|count| count.load(Relaxed)))
    }

    /// The sum of all durations in seconds, and the requests in each bucket, by its upper bound.
    pub(crate) fn durations(&self) -> (f64, Vec<(f64, u64)>) {
        let HistogramSnapshot { sum, buckets } = self.took_us.snapshot();
        let bound = |bound: Option<u64>| bound.map_or(f64::INFINITY, |bound| bound as f64 / 1e6);
        let buckets = buckets.into_iter().map(|(at, count)| (bound(at), count));
        (sum as f64 / 1e6, buckets.collect())
    }

    /// The same in fewer buckets, each with a request that can be looked at.
    pub(super) fn told(&self) -> (f64, Vec<Bucket>) {
        let (sum, durations) = self.durations();
        let mut told: Vec<Bucket> = Vec::with_capacity(TOLD + 1);
        let seen = *self.seen.lock();
        for (at, (bound, count)) in durations.into_iter().enumerate() {
            match told.get_mut(told_of(at)) {
                // The last bound of those that are told as one is its bound.
                Some(bucket) => (bucket.bound, bucket.count) = (bound, bucket.count + count),
                None => {
                    let seen = seen.get(told.len()).copied().flatten();
                    told.push(Bucket { bound, count, seen });
                }
            }
        }
        (sum, told)
    }
}

/// Where a bucket is told.
fn told_of(at: usize) -> usize {
    at.saturating_sub(TOLD_FROM).div_ceil(TOLD_STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_class_and_duration() {
        let counts = Counts::default();
        for (status, took_us) in [(200, 0), (204, 32), (404, 43), (503, 999_999_999), (999, 5)] {
            counts.answered(status, Duration::from_micros(took_us), None);
        }
        let classes: Vec<_> = counts.classes().map(|(_, count)| count).collect();
        assert_eq!(classes, [0, 2, 0, 1, 1]);
        let (sum, buckets) = counts.durations();
        assert!((sum - 1000.00008).abs() < 0.001, "{sum}");
        assert_eq!((buckets[0], buckets[57].1), ((0.00001, 2), 1));
        let (_, told) = counts.told();
        let told: Vec<_> = told.iter().map(|told| (told.bound, told.count)).collect();
        assert_eq!(told[..2], [(0.000_031, 2), (0.000_056, 2)]);
        assert_eq!(told.last(), Some(&(f64::INFINITY, 1)));
        assert_eq!(told.len(), TOLD + 1);
    }

    #[test]
    fn neighbouring_bounds_are_a_third_apart_at_most() {
        for pair in BOUNDS_US.windows(2) {
            assert!(pair[1] > pair[0] && pair[1] * 10 <= pair[0] * 14, "{pair:?}");
        }
        assert_eq!((BOUNDS_US[0], BOUNDS_US[16], BOUNDS_US[56]), (10, 1_000, 100_000_000));
    }

    #[test]
    fn a_bucket_has_the_last_request_that_can_be_looked_at() {
        let counts = Counts::default();
        for (trace_id, took_us) in [(Some(1), 900), (Some(2), 950), (None, 960), (Some(3), 90_000)]
        {
            counts.answered(200, Duration::from_micros(took_us), trace_id);
        }
        let (_, told) = counts.told();
        let seen: Vec<_> = told.iter().filter_map(|bucket| Some((bucket, bucket.seen?))).collect();
        let ids: Vec<_> = seen.iter().map(|(_, seen)| seen.trace_id).collect();
        assert_eq!(ids, [2, 3]);
        for (bucket, seen) in seen {
            assert!(seen.took_s <= bucket.bound && bucket.count > 0, "{bucket:?}");
        }
    }
}
