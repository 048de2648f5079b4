//! What the requests of each route came to: counted by atomics, read when somebody asks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use thali_contract::name::ServiceName;
use thali_contract::route::Route;

/// Routes that are told apart. What comes after them is counted together: a scrape stays bounded whatever is deployed.
pub(super) const ROUTES_MAX: usize = 1000;

/// The upper bounds of the buckets of a histogram, in microseconds: a factor of about three each.
pub(super) const BOUNDS_US: [u64; 12] = [
    300,
    1_000,
    3_000,
    10_000,
    30_000,
    100_000,
    300_000,
    1_000_000,
    3_000_000,
    10_000_000,
    30_000_000,
    100_000_000,
];

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
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// By the first digit of the status.
    classes: [AtomicU64; 5],
    /// Requests that took at most as long as [`BOUNDS_US`], and those that took longer.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
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

impl Counts {
    /// A request was answered.
    pub(crate) fn answered(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Relaxed);
        }
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < took_us);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum_us.fetch_add(took_us, Relaxed);
    }

    /// Requests by the first digit of their status, `1` to `5`.
    pub(crate) fn classes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let names = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        names.into_iter().zip(self.classes.iter().map(|count| count.load(Relaxed)))
    }

    /// The sum of all durations in seconds, and the requests in each bucket.
    pub(crate) fn durations(&self) -> (f64, Vec<(f64, u64)>) {
        let bounds = BOUNDS_US.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|count| count.load(Relaxed));
        (self.sum_us.load(Relaxed) as f64 / 1e6, bounds.zip(counts).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_class_and_duration() {
        let counts = Counts::default();
        for (status, took_us) in [(200, 0), (204, 300), (404, 301), (503, 999_999_999), (999, 5)] {
            counts.answered(status, Duration::from_micros(took_us));
        }
        let classes: Vec<_> = counts.classes().map(|(_, count)| count).collect();
        assert_eq!(classes, [0, 2, 0, 1, 1]);
        let (sum, buckets) = counts.durations();
        assert!((sum - 1000.0006).abs() < 0.001, "{sum}");
        assert_eq!((buckets[0], buckets[1].1, buckets[12].1), ((0.0003, 3), 1, 1));
    }
}
