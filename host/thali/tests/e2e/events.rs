//! Events through the whole system: the announcer publishes, the listener keeps what it is told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{TestHost, bench_component, with_manifest, with_version};

/// How long something may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(30);

fn host() -> TestHost {
    let host = TestHost::empty();
    assert_eq!(host.deploy(&bench_component("announcer")).status, 201);
    host
}

fn host_with_listener() -> TestHost {
    let host = host();
    let deployed = host.deploy(&bench_component("listener"));
    assert_eq!(deployed.status, 201, "{}", deployed.body);
    host
}

fn announce(host: &TestHost, key: &str, first: u32, count: u32) {
    let body = json!({"key": key, "first": first, "count": count});
    let answer = host.post("/api/v1/announcer/announce", &body);
    assert_eq!(answer.status, 204, "{}", answer.body);
}

fn together(host: &TestHost, keys: u32, first: u32, count: u32) {
    let body = json!({"keys": keys, "first": first, "count": count});
    let answer = host.post("/api/v1/announcer/together", &body);
    assert_eq!(answer.status, 204, "{}", answer.body);
}

/// The numbers of a key, in the order they came.
fn heard(host: &TestHost, key: &str) -> Vec<u64> {
    let answer = host.get(&format!("/api/v1/listener/heard/{key}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body.as_array().unwrap().iter().map(|heard| heard["number"].as_u64().unwrap()).collect()
}

fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn expect(host: &TestHost, key: &str, numbers: std::ops::Range<u64>) {
    let expected: Vec<_> = numbers.collect();
    eventually(key, || (heard(host, key).len() >= expected.len()).then_some(()));
    assert_eq!(heard(host, key), expected, "{key}");
}

fn subscription(host: &TestHost) -> Value {
    host.admin_get("/events").body["items"][0].clone()
}

fn refuse(host: &TestHost, reason: Option<&str>) {
    let answer = host.post("/api/v1/listener/refuse", &json!({"reason": reason}));
    assert_eq!(answer.status, 204, "{}", answer.body);
}

#[test]
fn an_event_of_a_transaction_that_is_rolled_back_never_was() {
    let host = host_with_listener();
    let answer = host.post("/api/v1/announcer/change-mind", &json!({"key": "a", "number": 1}));
    assert_eq!(answer.status, 204, "{}", answer.body);
    announce(&host, "a", 2, 1);
    together(&host, 1, 0, 3);
    expect(&host, "k0", 0..3);
    expect(&host, "a", 2..3);
}

#[test]
fn a_new_subscriber_gets_events_from_its_first_deploy_on() {
    let host = host();
    announce(&host, "a", 0, 3);
    assert_eq!(host.deploy(&bench_component("listener")).status, 201);
    announce(&host, "a", 3, 2);
    expect(&host, "a", 3..5);
}

#[test]
fn a_new_subscriber_that_asks_for_it_gets_events_from_the_start() {
    let host = host();
    announce(&host, "a", 0, 3);
    let listener = with_manifest(&bench_component("listener"), |manifest| {
        manifest.replace("attempts = 5", "attempts = 5\nfrom = \"start\"")
    });
    assert_eq!(host.deploy(&listener).status, 201);
    announce(&host, "a", 3, 2);
    expect(&host, "a", 0..5);
}

#[test]
fn a_subscriber_that_was_broken_for_a_while_catches_up_in_order() {
    let host = host_with_listener();
    refuse(&host, Some("not now"));
    announce(&host, "fragile-a", 0, 5);
    announce(&host, "solid", 0, 5);
    expect(&host, "solid", 0..5);
    assert_eq!(heard(&host, "fragile-a"), [0_u64; 0]);
    refuse(&host, None);
    expect(&host, "fragile-a", 0..5);
    let status = subscription(&host);
    assert_eq!(
        (&status["lag"], &status["waiting"], &status["dead"]),
        (&json!(0), &json!(0), &json!(0))
    );
}

#[test]
fn what_always_fails_is_a_dead_letter_that_can_be_seen_and_redriven_after_a_fix() {
    let host = host_with_listener();
    refuse(&host, Some("the printer is on fire"));
    announce(&host, "fragile", 0, 2);
    eventually("two dead letters", || (subscription(&host)["dead"] == 2).then_some(()));
    let page = host.admin_get("/events/dead?limit=1").body;
    let letter = &page["items"][0];
    assert_eq!(letter["error"], "the printer is on fire");
    assert_eq!((&letter["attempts"], &letter["key"]), (&json!(5), &json!("fragile")));
    let next = page["next"].as_str().unwrap();
    let rest = host.admin_get(&format!("/events/dead?cursor={next}")).body;
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    assert_eq!(rest["next"], Value::Null);

    let id = letter["id"].as_str().unwrap();
    let shown = host.admin_get(&format!("/events/dead/{id}")).body;
    assert_eq!(shown["event"]["specversion"], "1.0");
    assert_eq!(shown["event"]["type"], "bench:announcer/events@1.announced");
    assert_eq!(shown["event"]["data"]["number"], 0);
    assert_eq!(shown["deliveries"][0]["subscriber"], "listener");

    // The fix: another build, and whatever made it fail is gone.
    assert_eq!(host.deploy(&with_version(&bench_component("listener"), "1.0.1")).status, 201);
    refuse(&host, None);
    let redriven = host.admin_post_json("/events/dead/redrive", &json!({"subscriber": "listener"}));
    assert_eq!(redriven.body, json!({"redriven": 2}), "{}", redriven.body);
    expect(&host, "fragile", 0..2);
    assert_eq!(host.admin_get("/events/dead").body["items"], json!([]));
    assert_eq!(host.admin_get(&format!("/events/dead/{id}")).status, 404);
}

#[test]
fn the_command_line_shows_redrives_and_discards_dead_letters() {
    let host = host_with_listener();
    let text = |args: &[&str]| {
        let output = host.thali(args);
        let both = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(both).unwrap())
    };
    assert!(text(&["events", "dead"]).1.starts_with("none"));
    refuse(&host, Some("no paper"));
    announce(&host, "fragile", 7, 1);
    eventually("a dead letter", || (subscription(&host)["dead"] == 1).then_some(()));
    let (_, listed) = text(&["events", "list"]);
    assert!(listed.contains("bench:announcer/events@1") && listed.contains("no paper"), "{listed}");
    let (_, dead) = text(&["events", "dead", "--subscriber", "listener"]);
    assert!(dead.contains("no paper") && dead.contains("fragile"), "{dead}");
    let (_, shown) = text(&["show", "listener"]);
    assert!(shown.contains("SUBSCRIPTIONS"), "{shown}");
    let (code, nothing) = text(&["events", "redrive"]);
    assert_eq!(code, Some(2), "{nothing}");
    assert!(nothing.contains("--subscriber"), "{nothing}");
    assert!(
        text(&["events", "redrive", "--subscriber", "nobody"]).1.contains("no dead letter fits")
    );
    assert_eq!(host.admin_post_json("/events/dead/discard", &json!({})).status, 400);
    let (_, discarded) = text(&["events", "discard", "--all"]);
    assert!(discarded.contains("1 dead letters are forgotten"), "{discarded}");
    refuse(&host, None);
    announce(&host, "fragile", 8, 1);
    expect(&host, "fragile", 8..9);
}

#[test]
fn a_subscriber_that_was_removed_gets_what_it_missed_when_it_comes_back() {
    let host = host_with_listener();
    announce(&host, "a", 0, 2);
    expect(&host, "a", 0..2);
    assert_eq!(host.remove("listener").status, 200);
    announce(&host, "a", 2, 3);
    assert_eq!(subscription(&host)["live"], false);
    assert_eq!(host.deploy(&bench_component("listener")).status, 201);
    expect(&host, "a", 0..5);
}

#[test]
fn a_restart_in_the_middle_loses_nothing() {
    let host = host_with_listener();
    together(&host, 4, 0, 2000);
    let host = host.restart();
    announce(&host, "after", 0, 1);
    all_came(&host, 4, 2000);
}

#[test]
fn a_killed_host_loses_nothing_and_keeps_the_order() {
    let host = host_with_listener();
    together(&host, 4, 0, 2000);
    host.kill();
    let host = host.restart_killed();
    all_came(&host, 4, 2000);
}

/// Every number came, some perhaps twice, and for the first time in order.
fn all_came(host: &TestHost, keys: u64, count: u64) {
    for key in 0..keys {
        let expected: Vec<_> = (0..count).filter(|number| number % keys == key).collect();
        let came = eventually("all numbers", || {
            let came = heard(host, &format!("k{key}"));
            expected.iter().all(|number| came.contains(number)).then_some(came)
        });
        let mut seen = std::collections::HashSet::new();
        let first: Vec<_> = came.into_iter().filter(|number| seen.insert(*number)).collect();
        assert_eq!(first, expected);
    }
}

#[test]
fn the_delivery_id_stays_the_same_at_every_attempt() {
    let host = host_with_listener();
    refuse(&host, Some("once"));
    announce(&host, "fragile", 0, 1);
    eventually("a failure", || (subscription(&host)["waiting"] == 1).then_some(()));
    refuse(&host, None);
    expect(&host, "fragile", 0..1);
    let heard = host.get("/api/v1/listener/heard/fragile").body;
    assert!(heard[0]["attempt"].as_u64().unwrap() > 1, "{heard}");
    assert_eq!(heard[0]["delivery"].as_str().unwrap().len(), 36, "{heard}");
}
