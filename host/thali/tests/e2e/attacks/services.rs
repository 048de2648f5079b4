//! M: one service against another, and one client against another.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::case::Case;
use super::guests::{of_platform, service};
use super::neighbour::Client;
use super::stage::Stage;
use crate::access;
use crate::support::{TestHost, with_manifest};

pub(super) const CASES: &[Case] = &[
    Case::new("M-01", "kv_namespace_escape", "nobody reads another's keys", namespaces),
    Case::to("M-02", "cross_owner_reads", "404, to the letter", TestHost::with_services, owners)
        .once(),
    Case::new("M-03", "noisy_neighbour", "429 at 20 x its quota", noisy),
    Case::new("M-04", "quota_accounting_race", "50 of 1,000 at once, exactly", quota_race).flood(),
    Case::new("M-04", "permits_after_failures", "every place is back", permits).flood(),
];

/// Keeps and finds text in the cache of the service.
fn keeper(name: &str) -> Vec<u8> {
    let api = "set: func(key: string, value: string) -> bool;
        get: func(key: string) -> option<string>;";
    let imports = r#"
        (import "thali:platform/cache@1.0.0" "set" (func $set (param i32 i32 i32 i32 i64 i32)))
        (import "thali:platform/cache@1.0.0" "get" (func $get (param i32 i32 i32)))"#;
    let core = format!(
        r#"(func (export "test:{name}/api@1.0.0#set") (param i32 i32 i32 i32) (result i32)
            (call $set (local.get 0) (local.get 1) (local.get 2) (local.get 3)
                (i64.const 60000) (i32.const 1024))
            (i32.eqz (i32.load8_u (i32.const 1024))))
        (func (export "test:{name}/api@1.0.0#get") (param i32 i32) (result i32)
            (call $get (local.get 0) (local.get 1) (i32.const 1024))
            (i32.const 1024))"#
    );
    let manifest = format!(
        "[service]\nname = \"{name}\"\nversion = \"1.0.0\"\n\n\
         [http]\n\"POST /{name}/set\" = \"api.set\"\n\"POST /{name}/get\" = \"api.get\"\n"
    );
    of_platform(name, "cache", api, [imports, &core], &manifest)
}

/// Keys that something between a service and its cache might read otherwise. The two last are one letter in two
/// normalisations.
const KEYS: [&str; 9] = ["", "k", "../b/k", "b/k", "b:k", "1:b1:k", "b\0k", "\u{e9}", "e\u{301}"];

fn namespaces(stage: &Stage) -> Result<String, String> {
    for name in ["a", "b"] {
        let deployed = stage.host.deploy(&keeper(name));
        assert!(deployed.status < 300, "{}", deployed.body);
    }
    let set = |service: &str, key: &str| {
        let body = json!({ "key": key, "value": format!("{service} {key}") });
        stage.host.post(&format!("/api/v1/{service}/set"), &body).body == true
    };
    let get = |service: &str, key: &str| {
        let answer = stage.host.post(&format!("/api/v1/{service}/get"), &json!({ "key": key }));
        answer.body.as_str().map(str::to_owned)
    };
    for key in KEYS {
        if !set("a", key) || get("b", key).is_some_and(|found| !found.starts_with("b ")) {
            return Err(format!("{key:?} of a is seen by b as {:?}", get("b", key)));
        }
    }
    for (service, key) in ["a", "b"].iter().flat_map(|service| KEYS.map(|key| (*service, key))) {
        assert!(set("b", key));
        let (expected, found) = (Some(format!("{service} {key}")), get(service, key));
        if found != expected {
            return Err(format!("{key:?} of {service} is {found:?}"));
        }
    }
    match set("a", &"k".repeat(100_000)) {
        true => Err("a key of 100 KB is kept".into()),
        false => {
            Ok(format!("{} keys in each of two services, each its own; 100 KB refused", KEYS.len()))
        }
    }
}

fn owners(stage: &Stage) -> Result<String, String> {
    access::others_orders_do_not_exist(&stage.host);
    Ok("reading, tracking, calling off and listing: as what is not there".into())
}

/// A service whose route has this rate.
fn limited(name: &str, rate: &str) -> Vec<u8> {
    with_manifest(&service(name, "", "(i32.const 1)", ""), |manifest| {
        manifest.replace("= \"api.run\"", &format!("= {{ call = \"api.run\", rate = {rate} }}"))
    })
}

/// How long a client asks for far too much.
const NOISE: Duration = Duration::from_secs(2);

fn noisy(stage: &Stage) -> Result<String, String> {
    let rate = r#"{ limit = 20, per = "1s", burst = 5, by = "ip" }"#;
    assert!(stage.host.deploy(&limited("noisy", rate)).status < 300);
    let mut client = Client::connect(stage.host.gateway_address());
    let (begun, mut served, mut refused) = (Instant::now(), 0, 0);
    while begun.elapsed() < NOISE {
        match client.get("/api/v1/noisy").unwrap() {
            200 => served += 1,
            429 => refused += 1,
            other => return Err(other.to_string()),
        }
    }
    let most = 5 + 20 * (begun.elapsed().as_secs() + 1);
    let seen = format!("{served} x 200, {refused} x 429 in {NOISE:?}");
    if served <= most && refused > 19 * served { Ok(seen) } else { Err(seen) }
}

/// The statuses of `clients` that ask `times` each, all at once.
pub(super) fn at_once(stage: &Stage, path: &str, clients: usize, times: usize) -> Vec<u16> {
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(stage.host.gateway_address());
                    (0..times).map(|_| client.get(path).unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

fn quota_race(stage: &Stage) -> Result<String, String> {
    // A deploy gives nobody anything back: every run has a service of its own.
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let name = format!("metered-{}", RUNS.fetch_add(1, Ordering::Relaxed));
    let rate = r#"{ limit = 50, per = "1h", by = "ip" }"#;
    assert!(stage.host.deploy(&limited(&name, rate)).status < 300);
    let statuses = at_once(stage, &format!("/api/v1/{name}"), 50, 20);
    let count = |status: u16| statuses.iter().filter(|seen| **seen == status).count();
    let seen = format!("{} x 200, {} x 429", count(200), count(429));
    if (count(200), count(429)) == (50, 950) { Ok(seen) } else { Err(seen) }
}

fn permits(stage: &Stage) -> Result<String, String> {
    let one = "concurrency = 1\nqueue = 0";
    for (name, run) in [("failing", "unreachable"), ("fine", "(i32.const 1)")] {
        assert!(stage.host.deploy(&service(name, "", run, one)).status < 300);
    }
    // More than there is a place for fails in one way or the other, and takes no place along.
    let crowd = at_once(stage, "/api/v1/failing", 8, 25);
    if let Some(other) = crowd.iter().find(|status| !matches!(status, 500 | 503)) {
        return Err(other.to_string());
    }
    let alone = at_once(stage, "/api/v1/failing", 1, 50);
    let fine = at_once(stage, "/api/v1/fine", 1, 50);
    match alone.iter().all(|status| *status == 500) && fine.iter().all(|status| *status == 200) {
        true => Ok(format!("{} in a crowd; 50 x 500 and 50 x 200 with one place", crowd.len())),
        false => Err(format!("{alone:?} {fine:?}")),
    }
}
