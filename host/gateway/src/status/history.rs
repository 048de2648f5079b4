//! The last ten minutes, in rings of fixed size.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use thali_contract::name::ServiceName;

use super::rates::Figures;

/// Between two points.
pub(super) const STEP_S: u64 = 2;

/// Ten minutes.
const POINTS_MAX: usize = 300;

/// Services whose past is kept, the first by name: about 12 KiB each.
const SERVICES_MAX: usize = 500;

/// What is kept of the host and its services.
#[derive(Default)]
pub(super) struct Histories {
    host: Ring,
    services: BTreeMap<ServiceName, Ring>,
}

#[derive(Default)]
struct Ring(VecDeque<Point>);

#[derive(Clone, Copy)]
struct Point {
    /// Seconds since 1970.
    at: i64,
    rate: f32,
    errors: f32,
    p50_ms: Option<f32>,
    p99_ms: Option<f32>,
    in_flight: u32,
    memory_bytes: u64,
}

/// A ring as it is shown: one list for each figure.
#[derive(Default, Serialize)]
pub(crate) struct History {
    step_s: u64,
    at: Vec<i64>,
    rate: Vec<f32>,
    errors: Vec<f32>,
    p50_ms: Vec<Option<f32>>,
    p99_ms: Vec<Option<f32>>,
    in_flight: Vec<u32>,
    memory_bytes: Vec<u64>,
}

impl Histories {
    /// Adds a point to each ring. The past of services that are gone goes with them.
    pub(super) fn push<'a>(
        &mut self,
        at: i64,
        host: &Figures,
        services: impl Iterator<Item = (&'a ServiceName, Figures)>,
    ) {
        self.host.push(at, host);
        let mut before = std::mem::take(&mut self.services);
        for (name, figures) in services.take(SERVICES_MAX) {
            let mut ring = before.remove(name).unwrap_or_default();
            ring.push(at, &figures);
            self.services.insert(name.clone(), ring);
        }
    }

    pub(super) fn host(&self) -> History {
        self.host.shown()
    }

    /// Nothing, for a service that has none yet.
    pub(super) fn service(&self, name: &ServiceName) -> History {
        let none = Ring::default();
        self.services.get(name).unwrap_or(&none).shown()
    }
}

impl Ring {
    #[expect(clippy::cast_possible_truncation, reason = "a chart needs no more than seven digits")]
    fn push(&mut self, at: i64, figures: &Figures) {
        if self.0.len() == POINTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Point {
            at,
            rate: figures.rate as f32,
            errors: figures.errors as f32,
            p50_ms: figures.p50_ms.map(|ms| ms as f32),
            p99_ms: figures.p99_ms.map(|ms| ms as f32),
            in_flight: u32::try_from(figures.in_flight).unwrap_or(u32::MAX),
            memory_bytes: figures.memory_bytes,
        });
    }

    fn shown(&self) -> History {
        History {
            step_s: STEP_S,
            at: self.each(|point| point.at),
            rate: self.each(|point| point.rate),
            errors: self.each(|point| point.errors),
            p50_ms: self.each(|point| point.p50_ms),
            p99_ms: self.each(|point| point.p99_ms),
            in_flight: self.each(|point| point.in_flight),
            memory_bytes: self.each(|point| point.memory_bytes),
        }
    }

    fn each<T>(&self, figure: fn(&Point) -> T) -> Vec<T> {
        self.0.iter().map(figure).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(rate: f64) -> Figures {
        Figures { rate, ..Figures::default() }
    }

    #[test]
    fn ten_minutes_are_kept_and_no_more() {
        let name: ServiceName = "orders".parse().unwrap();
        let mut histories = Histories::default();
        for at in 0..POINTS_MAX as i64 + 5 {
            histories.push(at, &figures(1.0), [(&name, figures(at as f64))].into_iter());
        }
        let history = histories.service(&name);
        assert_eq!((history.at.len(), history.at[0]), (POINTS_MAX, 5));
        assert_eq!((history.rate[0], history.p99_ms[0]), (5.0, None));
        assert_eq!(histories.host().rate.len(), POINTS_MAX);
        histories.push(999, &figures(1.0), std::iter::empty());
        assert!(histories.service(&name).at.is_empty(), "the service is gone");
    }

    #[test]
    fn only_so_many_services_have_a_past() {
        let names = (0..SERVICES_MAX + 10).map(|n| format!("s{n:04}").parse().unwrap());
        let names: Vec<ServiceName> = names.collect();
        let mut histories = Histories::default();
        histories.push(1, &figures(1.0), names.iter().map(|name| (name, figures(1.0))));
        assert_eq!(histories.services.len(), SERVICES_MAX);
    }
}
