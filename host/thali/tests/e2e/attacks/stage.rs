//! Where an attack takes place: a host with a neighbour, and the five things that every case asserts.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::guests;
use super::neighbour::{Client, Seen};
use super::raw;
use crate::support::{TestHost, eventually};

/// Memory that may stay behind: the pool keeps pages of its slots, and the allocator gives back late.
const MEMORY_SLACK_BYTES: u64 = 96 << 20;

/// File descriptors that may stay behind: connections that were answered and not closed yet.
const FILES_SLACK: usize = 8;

/// File descriptors of a service that was deployed meanwhile.
const FILES_PER_SERVICE: usize = 4;

/// Memory of a service that was deployed meanwhile: its code, and the image of its memory.
const MEMORY_PER_SERVICE_BYTES: u64 = 4 << 20;

/// File descriptors that a database of a service opens with its first requests and keeps.
const FILES_PER_DATABASE: usize = 3;

/// What was given back late is back by then.
const SETTLE: Duration = Duration::from_secs(10);

fn comes_true(is_so: impl Fn() -> bool) -> bool {
    let until = Instant::now() + SETTLE;
    while !is_so() {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// What `GET /metrics` says.
pub(crate) fn scrape(host: &TestHost) -> String {
    let head = "GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    raw::exchange(host.admin_address(), head).text()
}

/// One sample of the metrics; 0 when it is not there.
pub(crate) fn sample(host: &TestHost, name: &str) -> f64 {
    let text = scrape(host);
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(0.0, |value| value.parse().unwrap())
}

/// Ends the clients that go on until something is done, also when it panics.
pub(crate) struct Done<'a>(pub(crate) &'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A host that is attacked.
pub(crate) struct Stage {
    pub(crate) host: TestHost,
    /// How long after its limit something may end.
    pub(crate) late_max: Duration,
}

/// What is there before an attack and must be there after it.
struct Inventory {
    services: BTreeSet<String>,
    stored: BTreeSet<String>,
    files: usize,
    resident_bytes: u64,
}

/// What the five common assertions have found.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    /// The neighbour when nobody attacks.
    pub(crate) quiet: Seen,
    /// The neighbour during the attack.
    pub(crate) attacked: Seen,
    /// The slowest answer of `/health/live` during the attack.
    pub(crate) health_slowest: Duration,
    /// What else is not as it should be.
    pub(crate) faults: Vec<String>,
}

/// How long is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// The neighbour when nobody attacks.
    pub(crate) quiet: Duration,
    /// An attack is repeated until it has lasted so long.
    pub(crate) attack: Duration,
}

impl Stage {
    pub(crate) fn on(host: TestHost, late_max: Duration) -> Self {
        let deployed = host.deploy(&guests::neighbour());
        assert_eq!(deployed.status, 201, "{deployed:?}");
        Self { host, late_max }
    }

    /// Runs an attack beside the neighbour's client, and looks around before and after it. The answer
    /// is that of the attack's last run.
    pub(crate) fn attack(
        &self,
        effort: Effort,
        stores_nothing: bool,
        attack: impl Fn(&Self) -> Result<String, String>,
    ) -> (Result<String, String>, Findings) {
        let before = self.inventory();
        let quiet = self.measured(|| std::thread::sleep(effort.quiet)).1;
        let health = AtomicBool::new(false);
        let client = self.client("/health/live");
        let (outcome, attacked, health_slowest) = std::thread::scope(|scope| {
            let health_slowest = scope.spawn(|| client.ask("/health/live", &health).slowest());
            let done = Done(&health);
            let (outcome, attacked) = self.measured(|| self.repeat(effort.attack, &attack));
            drop(done);
            (outcome, attacked, health_slowest.join().unwrap())
        });
        let mut faults = self.faults(&before, stores_nothing);
        if attacked.failed > 0 {
            faults.push(format!("{} answers of the neighbour failed", attacked.failed));
        }
        (outcome, Findings { quiet, attacked, health_slowest, faults })
    }

    fn repeat(
        &self,
        at_least: Duration,
        attack: impl Fn(&Self) -> Result<String, String>,
    ) -> Result<String, String> {
        let begun = Instant::now();
        loop {
            let outcome = attack(self);
            if outcome.is_err() || begun.elapsed() >= at_least {
                return outcome;
            }
        }
    }

    /// What the neighbour's client sees while something is done.
    fn measured<T>(&self, work: impl FnOnce() -> T) -> (T, Seen) {
        let is_done = AtomicBool::new(false);
        let client = self.client("/api/v1/neighbour");
        std::thread::scope(|scope| {
            let client = scope.spawn(|| client.ask("/api/v1/neighbour", &is_done));
            let done = Done(&is_done);
            let outcome = work();
            drop(done);
            (outcome, client.join().unwrap())
        })
    }

    /// A client that was served before the attack begins.
    fn client(&self, path: &str) -> Client {
        let mut client = Client::connect(self.host.gateway_address());
        assert_eq!(client.get(path).unwrap(), 200);
        client
    }

    fn inventory(&self) -> Inventory {
        let data = self.host.data().join("data");
        let stored = ["services", "components"].iter().flat_map(|folder| {
            let files = std::fs::read_dir(data.join(folder)).into_iter().flatten();
            files.map(|file| file.unwrap().path().display().to_string())
        });
        let services = self.host.admin_get("/services").body;
        let services = services["items"].as_array().unwrap().iter();
        Inventory {
            stored: stored.collect(),
            services: services.map(|one| one["name"].as_str().unwrap().to_owned()).collect(),
            files: self.host.open_files(),
            resident_bytes: self.host.resident_bytes(),
        }
    }

    fn in_flight(&self) -> u64 {
        let services = self.host.admin_get("/services").body;
        let services = services["items"].as_array().unwrap();
        services.iter().map(|one| one["in_flight"].as_u64().unwrap()).sum()
    }

    /// What is not as it was, or should not have happened.
    fn faults(&self, before: &Inventory, stores_nothing: bool) -> Vec<String> {
        eventually("every request has ended", || (self.in_flight() == 0).then_some(()));
        let after = self.inventory();
        let mut faults = Vec::new();
        // The code of a service that is live is mapped from its file.
        let new = after.services.difference(&before.services).count();
        let mapped = FILES_PER_SERVICE * new;
        let databases = FILES_PER_DATABASE * before.services.len();
        let files_max = before.files + FILES_SLACK + mapped + databases;
        if !comes_true(|| self.host.open_files() <= files_max) {
            faults.push(format!("{} open files, {} before", self.host.open_files(), before.files));
        }
        let resident_max =
            before.resident_bytes + MEMORY_SLACK_BYTES + MEMORY_PER_SERVICE_BYTES * new as u64;
        if !comes_true(|| self.host.resident_bytes() <= resident_max) {
            let more = self.host.resident_bytes().saturating_sub(before.resident_bytes) >> 20;
            faults.push(format!("{more} MiB more than before"));
        }
        if stores_nothing && (&after.services, &after.stored) != (&before.services, &before.stored)
        {
            faults.push(format!("stored: {:?}", after.stored.difference(&before.stored)));
        }
        if self.host.log().contains("panicked") {
            faults.push("the log says \"panicked\"".into());
        }
        faults
    }
}
