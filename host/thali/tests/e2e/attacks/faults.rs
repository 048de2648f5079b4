//! R: overload, faults and deploys.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::case::Case;
use super::guests::{echo, service, waiter};
use super::neighbour::Client;
use super::raw::{Raw, exchange};
use super::stage::{Done, Stage, sample};
use crate::support::{TestHost, eventually, with_version};

const BREAKER: &str = "host/runtime/src/calls/breaker/tests.rs";

pub(super) const CASES: &[Case] = &[
    Case::shown_by(
        "R-01",
        "load_shed_curve",
        "goodput at 5 x the load (just bench)",
        "host/runtime/src/admission/tests.rs",
        "five_times_the_load_costs_neither_goodput_nor_anybodys_time",
    ),
    Case::new("R-02", "bounded_queue", "10,000 x 200 or 503, few wait", bounded_queue).flood(),
    Case::shown_by("R-03", "breaker_states", "exact transitions", BREAKER, "breaker_states"),
    Case::shown_by("R-04", "breaker_no_busy_spin", "nothing runs", BREAKER, "breaker_no_busy_spin"),
    Case::shown_by(
        "R-06",
        "retry_budget",
        "a fifth more at most",
        "host/runtime/tests/it/upstreams.rs",
        "retry_budget",
    ),
    Case::shown_by(
        "R-08",
        "host_panic_in_handler",
        "500, every place back",
        "host/gateway/tests/gateway/connections.rs",
        "a_panic_in_a_handler_is_a_500_and_nothing_leaks",
    ),
    Case::new("R-09", "drain_bodies_in_flight", "50 whole, then exit 0", drain),
    Case::new("R-11", "hot_swap_under_load", "no request fails", hot_swap),
    Case {
        stores_nothing: true,
        ..Case::new("R-12", "bad_deploy_rolls_back", "422, old one serves", bad_deploy)
    },
    Case::shown_by(
        "R-14",
        "kill_nine_random",
        "what was answered is there (just chaos)",
        "host/thali/tests/e2e/chaos/mod.rs",
        "nothing_that_was_acknowledged_is_lost_when_the_host_is_killed",
    ),
];

/// Ten requests on each of a thousand connections, for a service with four places that takes 20 ms.
fn bounded_queue(stage: &Stage) -> Result<String, String> {
    let limits = "concurrency = 4\nqueue = 8";
    let deployed = stage.host.deploy(&waiter(20, limits));
    assert!(deployed.status < 300, "{}", deployed.body);
    let begun = Instant::now();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let crowds: Vec<_> = (0..20).map(|_| scope.spawn(|| crowd(stage, 50))).collect();
        crowds.into_iter().flat_map(|crowd| crowd.join().unwrap()).collect()
    });
    let took = begun.elapsed();
    let count = |status: u16| statuses.iter().filter(|seen| **seen == status).count();
    let (served, refused) = (count(200), count(503));
    let seen = format!("{served} x 200, {refused} x 503 in {took:.1?}");
    // Four at a time for 20 ms each, and what was let in at the end.
    let most = took.as_millis() / 20 * 4 + 12;
    let is_bounded = served > 0 && (served as u128) <= most;
    if served + refused == 10_000 && is_bounded { Ok(seen) } else { Err(seen) }
}

/// Sends ten requests on each of so many connections before it reads an answer.
fn crowd(stage: &Stage, connections: usize) -> Vec<u16> {
    let request = "GET /api/v1/hostile HTTP/1.1\r\nhost: a\r\n";
    let last = format!("{request}connection: close\r\n\r\n");
    let ten = format!("{request}\r\n").repeat(9) + &last;
    let mut clients: Vec<_> =
        (0..connections).map(|_| Raw::connect(stage.host.gateway_address())).collect();
    for client in &mut clients {
        client.send(&ten);
    }
    clients.into_iter().flat_map(|client| client.rest().statuses()).collect()
}

/// Letters of each body.
const TEXT_BYTES: usize = 16 << 10;

/// A host of its own is told to stop while 50 clients send it their bodies.
fn drain(_: &Stage) -> Result<String, String> {
    let mut host = TestHost::empty();
    assert_eq!(host.deploy(&echo()).status, 201);
    let body = format!("{{\"text\":\"{}\"}}", "x".repeat(TEXT_BYTES));
    let (first, rest) = body.split_at(1 << 10);
    let head = format!(
        "POST /api/v1/echo HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut clients: Vec<_> = (0..50).map(|_| Raw::connect(host.gateway_address())).collect();
    for client in &mut clients {
        assert!(client.send(&head) && client.send(first));
    }
    let running = "thali_requests_in_flight{listener=\"public\"}";
    eventually("all have begun", || (sample(&host, running) == 50.0).then_some(()));
    host.tell_to_stop();
    let told = Instant::now();
    let address = host.gateway_address().parse().unwrap();
    let second = Duration::from_secs(1);
    eventually("the door to be closed", || {
        std::net::TcpStream::connect_timeout(&address, second).is_err().then_some(())
    });
    for client in &mut clients {
        client.send(rest);
    }
    let whole = clients.into_iter().map(Raw::rest).filter(|ended| {
        ended.statuses() == [200]
            && ended.text().ends_with(&format!("{}\"", "x".repeat(TEXT_BYTES)))
    });
    let whole = whole.count();
    let exits_well = host.exits_well();
    let seen = format!("{whole} whole, exit 0: {exits_well}, after {:.1?}", told.elapsed());
    if whole == 50 && exits_well { Ok(seen) } else { Err(seen) }
}

/// Ten deploys of two versions in turns while four clients ask.
fn hot_swap(stage: &Stage) -> Result<String, String> {
    let versions = ["1.0.0", "2.0.0"]
        .map(|version| with_version(&service("swapped", "", "(i32.const 1)", ""), version));
    assert!(stage.host.deploy(&versions[0]).status < 300);
    let is_over = AtomicBool::new(false);
    let (answers, failed) = std::thread::scope(|scope| {
        let load = || {
            let client = Client::connect(stage.host.gateway_address());
            client.ask("/api/v1/swapped", &is_over)
        };
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(load)).collect();
        let done = Done(&is_over);
        for deploy in 1..=10 {
            let answer = stage.host.deploy(&versions[deploy % 2]);
            assert_eq!(answer.status, 201, "{}", answer.body);
        }
        drop(done);
        let seen = clients.into_iter().map(|client| client.join().unwrap());
        seen.fold((0, 0), |(answers, failed), seen| {
            (answers + seen.answers(), failed + seen.failed)
        })
    });
    let shown = stage.host.admin_get("/services/swapped").body;
    let draining = shown["draining"].as_array().map_or(0, Vec::len);
    let seen = format!("10 deploys, {answers} answers, {failed} failed, {draining} old ones left");
    if failed == 0 && answers > 0 { Ok(seen) } else { Err(seen) }
}

fn bad_deploy(stage: &Stage) -> Result<String, String> {
    // The neighbour itself gets a bad version: its client must not notice.
    let trap = "(func $broken unreachable) (start $broken)";
    let traps = with_version(&service("neighbour", trap, "(i32.const 2)", ""), "2.0.0");
    let answer = stage.host.deploy(&traps);
    let lives = exchange(
        stage.host.gateway_address(),
        "GET /api/v1/neighbour HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    );
    let seen = format!(
        "{} {}, then {:?} of {}",
        answer.status,
        answer.body["code"],
        lives.statuses(),
        stage.host.admin_get("/services/neighbour").body["version"]
    );
    let is_old = lives.has_header("x-thali-revision: neighbour/1");
    match answer.status == 422 && answer.body["code"] == "smoke_failed" && is_old {
        true => Ok(seen),
        false => Err(seen),
    }
}
