//! Idempotency keys and a host that dies.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Answer, TestHost, guest};

/// Steps of work that take the guest a second or so.
const LONG: u32 = 1_000_000_000;

fn keeper() -> Vec<u8> {
    guest(
        include_str!("../../../gateway/tests/gateway/support/keeper.wit"),
        include_str!("../../../gateway/tests/gateway/support/keeper.wat"),
        include_str!("../../../gateway/tests/gateway/support/keeper.toml"),
    )
}

fn place(host: &TestHost, key: &str, n: u32, work: u32) -> Result<Answer, ureq::Error> {
    let body = json!({ "n": n, "work": work });
    host.try_post("/api/v1/receipts", &[("idempotency-key", key)], &body)
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == "true"
}

#[test]
fn a_request_that_died_with_its_host_runs_again_and_an_answered_one_does_not() {
    let host = TestHost::empty();
    assert_eq!(host.deploy(&keeper()).status, 201);
    let known = place(&host, "known", 1, 0).unwrap();
    assert_eq!((known.status, is_replayed(&known)), (201, false));
    std::thread::scope(|scope| {
        let cut = scope.spawn(|| place(&host, "cut", 2, LONG));
        let deadline = Instant::now() + Duration::from_secs(10);
        while host.admin_get("/services").body["items"][0]["in_flight"] != 1 {
            assert!(Instant::now() < deadline, "it never ran");
        }
        host.kill();
        assert!(cut.join().unwrap().is_err(), "nobody was left to answer");
    });

    let host = host.restart_killed();
    let again = place(&host, "known", 1, 0).unwrap();
    assert_eq!((again.status, is_replayed(&again)), (201, true));
    assert_eq!(again.body, known.body);

    let other = place(&host, "cut", 3, 0).unwrap();
    assert_eq!(other.status, 422, "the claim was durable before the request ran");
    let retried = place(&host, "cut", 2, LONG).unwrap();
    assert_eq!((retried.status, is_replayed(&retried)), (201, false));
    let replayed = place(&host, "cut", 2, LONG).unwrap();
    assert_eq!((&replayed.body, is_replayed(&replayed)), (&retried.body, true));
}
