//! Rates: what was counted in the last ten seconds, by second.

use std::collections::VecDeque;

use thali_contract::name::{InterfaceName, ServiceName};
use thali_platform::events::SubscriptionId;

use super::sample::{Requests, Revision, Sample};

/// Rates are over so many samples, one a second.
const SAMPLES: usize = 10;

/// The samples of the last ten seconds, and the one before them.
#[derive(Default)]
pub(super) struct Window(VecDeque<Sample>);

/// What is told of a service, or of the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// Requests by second.
    pub(super) rate: f64,
    /// Those of them that were answered 5xx.
    pub(super) errors: f64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) invocations: f64,
    pub(super) traps: f64,
    pub(super) in_flight: usize,
    /// The most in this time.
    pub(super) memory_bytes: u64,
}

impl Window {
    pub(super) fn push(&mut self, sample: Sample) {
        if self.0.len() > SAMPLES {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    pub(super) fn newest(&self) -> Option<&Sample> {
        self.0.back()
    }

    /// The two ends, and the seconds between them.
    fn ends(&self) -> Option<(&Sample, &Sample, f64)> {
        let (first, last) = (self.0.front()?, self.0.back()?);
        let seconds = (last.at - first.at).as_secs_f64();
        (seconds > 0.0).then_some((first, last, seconds))
    }

    /// The host's, without its gauges.
    pub(super) fn host(&self) -> Figures {
        let Some((first, last, seconds)) = self.ends() else { return Figures::default() };
        Figures::of(&last.host, Some(&first.host), seconds)
    }

    /// Requests that were turned away, by second.
    pub(super) fn shed(&self) -> f64 {
        self.ends().map_or(0.0, |(first, last, s)| grown(last.shed, first.shed) as f64 / s)
    }

    /// What the process has computed, in percent of one core.
    pub(super) fn cpu_percent(&self) -> f64 {
        let computed = |(first, last, s): (&Sample, &Sample, f64)| (last.cpu_s - first.cpu_s) / s;
        self.ends().map_or(0.0, |ends| computed(ends).max(0.0) * 100.0)
    }

    /// A service's, without its gauges.
    pub(super) fn service(&self, name: &ServiceName) -> Figures {
        let Some((first, last, seconds)) = self.ends() else { return Figures::default() };
        let Some(now) = last.services.get(name) else { return Figures::default() };
        let then = first.services.get(name);
        let revisions = then.map_or(&[][..], |then| &then.revisions);
        let grown = |count: fn(&Revision) -> u64| {
            now.revisions.iter().map(|now| grown_of(now, revisions, count)).sum::<u64>() as f64
        };
        let most = self.0.iter().filter_map(|sample| Some(sample.services.get(name)?.memory_bytes));
        Figures {
            memory_bytes: most.max().unwrap_or_default(),
            invocations: grown(|revision| revision.invocations) / seconds,
            traps: grown(|revision| revision.traps) / seconds,
            ..Figures::of(&now.requests, then.map(|then| &then.requests), seconds)
        }
    }

    /// Calls and failed attempts of a service to an interface, by second.
    pub(super) fn calls(&self, edge: &(ServiceName, InterfaceName)) -> (f64, f64) {
        let Some((first, last, seconds)) = self.ends() else { return (0.0, 0.0) };
        let Some(now) = last.calls.get(edge) else { return (0.0, 0.0) };
        let (calls, failures) =
            first.calls.get(edge).map_or((0, 0), |then| (then.calls, then.failures));
        let by_second = |count: u64| count as f64 / seconds;
        (by_second(grown(now.calls, calls)), by_second(grown(now.failures, failures)))
    }
}

impl Window {
    /// Events that were delivered to a subscriber, by second.
    pub(super) fn delivered(&self, id: &SubscriptionId) -> f64 {
        let Some((first, last, seconds)) = self.ends() else { return 0.0 };
        let count = |sample: &Sample| sample.delivered.get(id).copied().unwrap_or(0);
        grown(count(last), count(first)) as f64 / seconds
    }
}

impl Figures {
    fn of(now: &Requests, then: Option<&Requests>, seconds: f64) -> Self {
        let nothing = Requests::default();
        let then = then.unwrap_or(&nothing);
        let durations = now.durations.since(&then.durations);
        Self {
            rate: durations.count() as f64 / seconds,
            errors: grown(now.errors, then.errors) as f64 / seconds,
            p50_ms: durations.quantile_ms(0.5),
            p99_ms: durations.quantile_ms(0.99),
            ..Self::default()
        }
    }
}

/// A count that has fallen began anew.
fn grown(now: u64, then: u64) -> u64 {
    now.checked_sub(then).unwrap_or(now)
}

fn grown_of(now: &Revision, then: &[Revision], count: fn(&Revision) -> u64) -> u64 {
    let then = then.iter().find(|then| then.number == now.number);
    grown(count(now), then.map_or(0, count))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};
    use std::time::Duration;

    use tokio::time::Instant;

    use super::super::quantile::Durations;
    use super::super::sample::Service;
    use super::*;

    const BOUNDS: [f64; 2] = [0.01, f64::INFINITY];

    fn requests(count: u64) -> Requests {
        let mut durations = Durations::default();
        durations.add(&[(BOUNDS[0], count), (BOUNDS[1], 0)]);
        Requests { errors: count / 10, durations }
    }

    fn sample(at: Instant, count: u64, revisions: &[(u32, u64)]) -> Sample {
        let name: ServiceName = "orders".parse().unwrap();
        let revisions = revisions.iter().map(|(number, invocations)| Revision {
            number: *number,
            invocations: *invocations,
            traps: 0,
        });
        let revisions = revisions.collect();
        let service = Service { requests: requests(count), revisions, memory_bytes: 0 };
        Sample {
            at,
            host: requests(count),
            shed: count,
            cpu_s: count as f64 / 200.0,
            services: BTreeMap::from([(name, service)]),
            calls: BTreeMap::new(),
            delivered: HashMap::new(),
        }
    }

    #[test]
    fn rates_are_over_the_last_ten_seconds() {
        let (mut window, start) = (Window::default(), Instant::now());
        assert_eq!(window.host(), Figures::default());
        for second in 0..30 {
            // Ten a second at first, then a hundred.
            let count = if second < 15 { second * 10 } else { 150 + (second - 15) * 100 };
            window.push(sample(start + Duration::from_secs(second), count, &[]));
        }
        let host = window.host();
        assert_eq!((host.rate, host.errors, host.p50_ms), (100.0, 10.0, Some(5.0)));
        assert_eq!((window.shed(), window.cpu_percent()), (100.0, 50.0));
    }

    #[test]
    fn memory_is_the_most_of_the_last_ten_seconds() {
        let (mut window, start) = (Window::default(), Instant::now());
        let name: ServiceName = "orders".parse().unwrap();
        let mut seen = Vec::new();
        for second in 0..14 {
            let mut sample = sample(start + Duration::from_secs(second), 0, &[]);
            sample.services.get_mut(&name).unwrap().memory_bytes = if second == 2 { 7 } else { 1 };
            window.push(sample);
            seen.push(window.service(&name).memory_bytes);
        }
        assert_eq!(seen, [0, 1, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 1]);
    }

    #[test]
    fn a_revision_that_leaves_takes_its_counts_along() {
        let (mut window, start) = (Window::default(), Instant::now());
        window.push(sample(start, 0, &[(1, 1_000_000), (2, 50)]));
        window.push(sample(start + Duration::from_secs(1), 0, &[(2, 60)]));
        let name: ServiceName = "orders".parse().unwrap();
        assert_eq!(window.service(&name).invocations, 10.0);
        window.push(sample(start + Duration::from_secs(2), 0, &[(2, 70), (3, 4)]));
        assert_eq!(window.service(&name).invocations, 12.0, "a new one brings its own");
    }
}
