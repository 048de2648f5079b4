//! Components swapped while they serve.
//!
//! `just hot-swap` runs it at full length: 50 deploys in 60 s under 32 connections.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::support::{TestHost, an_order, component, with_version};

/// Memory that may stay behind: the allocator and the pool give theirs back late. That revisions are freed
/// is seen exactly, by what still drains; this is for what nobody thought of.
const MEMORY_SLACK_BYTES: u64 = 96 << 20;

/// How hard the test tries.
struct Effort {
    deploys: usize,
    clients: usize,
    /// From one deploy to the next, at least.
    pace: Duration,
}

impl Effort {
    fn from_environment() -> Self {
        let number = |name: &str, default: u64| {
            std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
        };
        Self {
            deploys: usize::try_from(number("THALI_SWAP_DEPLOYS", 20)).unwrap(),
            clients: usize::try_from(number("THALI_SWAP_CLIENTS", 8)).unwrap(),
            pace: Duration::from_millis(number("THALI_SWAP_PACE_MS", 0)),
        }
    }
}

#[test]
fn no_request_is_lost_while_a_service_is_swapped_again_and_again() {
    let effort = Effort::from_environment();
    let host = TestHost::with_services();
    let versions =
        ["8.0.0", "9.0.0"].map(|version| with_version(&component("restaurants"), version));
    for version in &versions {
        assert_eq!(host.deploy(version).status, 201);
    }
    let (done, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let load = |client: usize| {
        let mut by_revision = BTreeMap::<String, u64>::new();
        while !done.load(Ordering::Relaxed) {
            let answer = match client % 4 {
                0 => host.post("/api/v1/orders", &an_order()),
                _ => host.get("/api/v1/restaurants/1/menu"),
            };
            assert!(answer.status < 300, "{answer:?}");
            *by_revision.entry(answer.header("x-thali-revision").to_owned()).or_default() += 1;
            answered.fetch_add(1, Ordering::Relaxed);
        }
        by_revision
    };
    let (before, revisions) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..effort.clients).map(|n| scope.spawn(move || load(n))).collect();
        wait_for_answers(&answered, 20 * effort.clients as u64);
        let before = host.resident_bytes();
        for deploy in 0..effort.deploys {
            let begun = Instant::now();
            let answer = host.deploy(&versions[deploy % 2]);
            assert_eq!(answer.status, 201, "{answer:?}");
            let seen = answered.load(Ordering::Relaxed);
            wait_for_answers(&answered, seen + effort.clients as u64);
            pause(effort.pace.saturating_sub(begun.elapsed()));
        }
        done.store(true, Ordering::Relaxed);
        let mut revisions = BTreeMap::new();
        for client in clients {
            for (revision, count) in client.join().unwrap() {
                *revisions.entry(revision).or_insert(0) += count;
            }
        }
        (before, revisions)
    });
    println!(
        "{} deploys, {} answers, none lost: {revisions:?}",
        effort.deploys,
        answered.load(Ordering::Relaxed)
    );
    for version in ["restaurants/2", "restaurants/3"] {
        assert!(revisions.contains_key(version), "{version} answered nothing: {revisions:?}");
    }
    let shown = host.admin_get("/services/restaurants").body;
    assert_eq!(shown["draining"].as_array().unwrap().len(), 0, "old revisions are gone: {shown}");
    let after = host.resident_bytes();
    assert!(after < before + MEMORY_SLACK_BYTES, "{before} bytes before, {after} after");
}

fn wait_for_answers(answered: &AtomicU64, wanted: u64) {
    while answered.load(Ordering::Relaxed) < wanted {
        std::thread::yield_now();
    }
}

/// Keeps the pace of the long run; the short one has none.
fn pause(time: Duration) {
    let (_sender, receiver) = mpsc::channel::<()>();
    let _ = receiver.recv_timeout(time);
}
