//! Requests that meet one of several live revisions.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::tokens::{MANY, config, token_of};
use crate::support::{Answer, TestHost, counter, counter_with};

/// `ping` at another path, and too big a number is the service's own failure.
const CANARY: &str = r#"
    [service]
    name = "counter"
    version = "1.1.0"
    [http]
    "GET /pong" = "api.ping"
    "GET /numbers/{n}" = "api.check"
    "GET /numbers/last" = "api.ping"
    "GET /mine" = { call = "api.ping", auth = "required" }
    [errors]
    not-found = 404
    too-big = 503
    "#;

fn revision(answer: &Answer) -> &str {
    answer.header("x-thali-revision").unwrap_or_default()
}

/// A host with keys, `counter/1` and a canary.
async fn with_canary(manifest: &str, percent: u8) -> TestHost {
    let host = TestHost::with_keys(config(), MANY).await;
    host.deploy(counter(1)).await;
    host.canary(counter_with(2, manifest), percent).await;
    host
}

/// A request with a token and what it asks for.
async fn ask(host: &TestHost, path: &str, scope: &str, wanted: &str) -> Answer {
    let token = token_of("ann", scope);
    let headers = format!("authorization: Bearer {token}\r\nx-thali-revision: {wanted}\r\n");
    host.send(&format!("GET {path}"), &headers, "").await
}

async fn put_traffic(host: &TestHost, body: &Value) -> Answer {
    let body = body.to_string();
    let headers = "content-type: application/json\r\n";
    host.admin_send("PUT /admin/v1/services/counter/traffic", headers, body.as_bytes()).await
}

#[tokio::test]
async fn requests_are_shared_out_and_each_is_answered_by_one_revision() {
    let host = TestHost::with_counter().await;
    host.canary(counter(2), 50).await;
    let mut client = host.connect().await;
    let mut met = [0, 0];
    for _ in 0..400 {
        let answer = client.get("/api/v1/ping").await;
        let number: usize = answer.text().parse().unwrap();
        assert_eq!(revision(&answer), format!("counter/{number}"));
        met[number - 1] += 1;
    }
    // The ids of requests are random: 6 sigma of 400 at 50 %.
    assert!(met.iter().all(|count| (140..=260).contains(count)), "{met:?}");
}

#[tokio::test]
async fn a_request_finds_what_its_revision_would_have_alone() {
    let host = with_canary(CANARY, 0).await;
    for (path, wanted, status) in [
        ("/api/v1/ping", "v1", 200),
        ("/api/v1/pong", "v1", 404),
        ("/api/v1/numbers/last", "v1", 400),
        ("/api/v1/ping", "v2", 404),
        ("/api/v1/pong", "v2", 200),
        ("/api/v1/numbers/last", "v2", 200),
        ("/api/v1/numbers/5", "v2", 200),
        ("/api/v1/mine", "v1", 404),
        ("/api/v1/mine", "v2", 200),
    ] {
        let answer = ask(&host, path, "thali:revision", wanted).await;
        assert_eq!(answer.status, status, "{path} of {wanted}: {}", answer.text());
        if status == 200 {
            assert_eq!(revision(&answer), format!("counter/{}", &wanted[1..]));
        }
    }
    assert_eq!(host.get("/api/v1/pong").await.status, 404, "0 % of the requests");
    assert_eq!(host.get("/api/v1/ping").await.status, 200);
}

#[tokio::test]
async fn a_revision_is_asked_for_by_number_tag_and_digest_by_who_may() {
    let host = with_canary(CANARY, 0).await;
    let digest = host.admin_get("/services/counter").await.json()["revisions"][0]["digest"].clone();
    let digest = digest.as_str().unwrap();
    for wanted in ["2", "v2", "counter/2", "counter/v2", digest, &digest[..12]] {
        let answer = ask(&host, "/api/v1/pong", "thali:revision", wanted).await;
        assert_eq!((answer.status, revision(&answer)), (200, "counter/2"), "{wanted}");
    }
    assert_eq!(ask(&host, "/api/v1/pong", "admin", "2").await.status, 200);
    for (scope, wanted, status, code) in [
        ("", "2", 403, "revision_not_allowed"),
        ("thali:other", "2", 403, "revision_not_allowed"),
        ("thali:revision", "two", 400, "bad_revision"),
        ("thali:revision", "", 400, "bad_revision"),
        ("thali:revision", "3", 404, "revision_not_live"),
        ("thali:revision", "nobody/1", 404, "unknown_service"),
    ] {
        let answer = ask(&host, "/api/v1/ping", scope, wanted).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{scope} {wanted}");
    }
    let anonymous = host.send("GET /api/v1/ping", "x-thali-revision: 2\r\n", "").await;
    assert_eq!(anonymous.status, 403);
}

#[tokio::test]
async fn a_client_keeps_its_revision_while_the_canary_grows() {
    let host = with_canary(CANARY, 10).await;
    let sticky = put_traffic(&host, &json!({"sticky": "header:x-user"})).await;
    assert_eq!(sticky.status, 200, "{}", sticky.text());
    let canary_of = |user: usize| {
        let host = &host;
        async move {
            let headers = format!("x-user: {user}\r\n");
            host.send("GET /api/v1/numbers/1", &headers, "").await.header("x-thali-revision")
                == Some("counter/2")
        }
    };
    let mut canary = Vec::new();
    for percent in [10, 30, 60] {
        let shares = json!({"shares": {"v1": 100 - percent, "v2": percent}});
        assert_eq!(put_traffic(&host, &shares).await.status, 200);
        for user in &canary {
            assert!(canary_of(*user).await, "{user} at {percent} %");
        }
        canary.clear();
        for user in 0..60 {
            if canary_of(user).await {
                assert!(canary_of(user).await, "{user} is not drawn anew");
                canary.push(user);
            }
        }
    }
    assert!((20..=52).contains(&canary.len()), "{canary:?}");
}

#[tokio::test]
async fn the_admin_api_begins_changes_and_ends_a_rollout() {
    let host = TestHost::with_counter().await;
    let path = "POST /admin/v1/services?canary=10&message=a%20try";
    let begun = host.admin_send(path, "", &counter(2)).await;
    assert_eq!((begun.status, begun.json()["outcome"].as_str()), (201, Some("canary")));
    let again = host.admin_send("POST /admin/v1/services?canary=10", "", &counter(3)).await;
    assert_eq!((again.status, again.problem()), (409, "rollout_running".into()));
    for bad in ["canary=100", "canary=-1", "canary=x", "message=", "surprise=1"] {
        let path = format!("POST /admin/v1/services?{bad}");
        assert_eq!(host.admin_send(&path, "", &counter(3)).await.status, 400, "{bad}");
    }
    let changed = put_traffic(&host, &json!({"shares": {"1": 75, "v2": 25}})).await;
    assert_eq!(changed.json()["canaries"], json!([{"revision": 2, "percent": 25}]));
    let shown = host.admin_get("/services/counter").await.json();
    let rollout = &shown["rollout"]["revisions"];
    assert_eq!((&rollout[0]["percent"], &rollout[1]["percent"]), (&json!(75), &json!(25)));
    let promote = "POST /admin/v1/services/counter/promote?message=good";
    assert_eq!(host.admin_send(promote, "", b"").await.json()["revision"], 2);
    let again = host.admin_send(promote, "", b"").await;
    assert_eq!((again.status, again.problem()), (409, "no_rollout".into()));
    let history = host.admin_get("/services/counter/history").await.json();
    let what: Vec<_> = history["items"].as_array().unwrap().iter().map(|c| &c["what"]).collect();
    assert_eq!(what, ["promote", "traffic", "canary", "deploy"]);
    assert_eq!(history["items"][2]["message"], "a try");
    assert_eq!(host.admin_get("/services/nobody/history").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_answers_one_request_in_five_with_its_own_failure_is_rolled_back() {
    let host = with_canary(CANARY, 20).await;
    let begun = Instant::now();
    let mut client = host.connect().await;
    let (mut requests, mut failed) = (0u32, 0u32);
    let is_rolling = || !host.control.live().rolling.is_empty();
    while is_rolling() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{failed} of {requests} failed");
        // 100 is too big: what the stable revision answers with 422 is the canary's failure.
        let number = if requests % 5 == 0 { 100 } else { 1 };
        let answer = client.get(&format!("/api/v1/numbers/{number}")).await;
        assert!(answer.status != 503 || revision(&answer) == "counter/2");
        requests += 1;
        failed += u32::from(answer.status == 503);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(failed * 10 < requests, "{failed} of {requests}");
    for _ in 0..50 {
        assert_eq!(client.get("/api/v1/numbers/100").await.status, 422);
    }
    let history = host.admin_get("/services/counter/history").await.json();
    let last = &history["items"][0];
    assert_eq!((&last["what"], &last["revision"]), (&json!("auto_rollback"), &json!(2)));
    assert!(last["reason"].as_str().unwrap().contains("failed"), "{last}");
}
