//! What is measured, and that clients cannot make it grow (L-04).

use std::collections::HashMap;

use crate::support::tokens::{MANY, config, token_of};
use crate::support::{Answer, TestHost, bulk, caller, counter, fronted, prober_that_falls_ill};

impl TestHost {
    async fn scrape(&self) -> Answer {
        let mut client = crate::support::Raw::connect(self.admin).await;
        client.send(format!("GET /metrics HTTP/1.1\r\nhost: {}\r\n\r\n", self.admin)).await;
        client.answer().await
    }

    /// The samples by name and labels.
    async fn samples(&self) -> HashMap<String, f64> {
        let scrape = self.scrape().await;
        let lines = scrape.text().lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let sample = line.split_once(" # {").map_or(line, |(sample, _)| sample);
            let (name, value) = sample.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        };
        lines.map(sample).collect()
    }
}

const PING: &str = r#"service="counter",route="GET /ping""#;

#[tokio::test]
async fn requests_are_counted_by_route_and_class_also_across_deploys() {
    let host = TestHost::with_counter().await;
    for path in ["/ping", "/ping", "/ping?x=1", "/numbers/7", "/numbers/50", "/nothing"] {
        host.get(&format!("/api/v1{path}")).await;
    }
    host.deploy(counter(2)).await;
    host.get("/api/v1/ping").await;
    let samples = host.samples().await;
    let requests =
        |labels: &str| samples.get(&format!("thali_requests_total{{{labels}}}")).copied();
    assert_eq!(requests(&format!("{PING},class=\"2xx\"")), Some(3.0));
    assert_eq!(requests(&format!("{PING},class=\"4xx\"")), Some(1.0));
    let numbers = r#"service="counter",route="GET /numbers/{n}""#;
    assert_eq!(requests(&format!("{numbers},class=\"4xx\"")), Some(1.0));
    assert_eq!(requests(r#"service="",route="(none)",class="4xx""#), Some(1.0));
    assert_eq!(samples[&format!("thali_request_duration_seconds_count{{{PING}}}")], 4.0);
    let is_last = |name: &String| {
        let is_bucket = name.starts_with("thali_request_duration_seconds_bucket");
        is_bucket && name.contains(PING) && name.contains("le=\"+Inf\"")
    };
    let last = samples.iter().find(|(name, _)| is_last(name));
    let last = last.unwrap_or_else(|| panic!("a last bucket: {:#?}", samples.keys()));
    assert_eq!(*last.1, 4.0);
    assert!(samples[&format!("thali_request_duration_seconds_sum{{{PING}}}")] > 0.0);
    // Five, and the smoke tests of two deploys: the service's counts outlive its revisions.
    assert!(samples[r#"thali_invocations_total{service="counter"}"#] >= 5.0);
    let scrape = host.scrape().await;
    let kind = scrape.header("content-type").unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(scrape.text().ends_with("# EOF\n"));
}

#[tokio::test]
async fn what_runs_waits_and_is_turned_away_is_told() {
    let host = TestHost::new().await;
    host.deploy(bulk()).await;
    let route = r#""GET /p" = { call = "api.ping", rate = { limit = 1, per = "1h" } }"#;
    host.deploy(fronted(route)).await;
    host.get("/api/v1/p").await;
    assert_eq!(host.get("/api/v1/p").await.status, 429);
    let mut running = host.connect().await;
    running.send("GET /api/v1/bulk/spin HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.until(|h| h.in_flight("bulk") == 1).await;
    let mut waiting = host.connect().await;
    waiting.send("GET /api/v1/bulk HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.until(|h| h.admissions_of("bulk").waiting == 1).await;
    assert_eq!(host.get("/api/v1/bulk").await.status, 503);
    let samples = host.samples().await;
    for (name, value) in [
        (r#"thali_running{service="bulk"}"#, 1.0),
        (r#"thali_queued{service="bulk"}"#, 1.0),
        (r#"thali_places{service="bulk"}"#, 1.0),
        (r#"thali_shed_total{service="bulk",reason="queue_full"}"#, 1.0),
        (r#"thali_running{service="fronted"}"#, 0.0),
        (r#"thali_instances{service="bulk"}"#, 1.0),
        (r#"thali_instances{service="fronted"}"#, 0.0),
        (r#"thali_memory_bytes{service="fronted"}"#, 0.0),
        ("thali_host_running", 1.0),
        ("thali_rate_limited_total", 1.0),
        (r#"thali_requests_in_flight{listener="public"}"#, 2.0),
        (r#"thali_connections{listener="admin"}"#, 1.0),
        ("thali_streams", 0.0),
        ("thali_panics_total", 0.0),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name}");
    }
    assert!(samples[r#"thali_memory_bytes{service="bulk"}"#] >= 65536.0);
    drop(running);
    host.until(|h| h.serving.public().aborted() == 1).await;
    assert_eq!(host.samples().await[r#"thali_client_aborts_total{listener="public"}"#], 1.0);
}

#[tokio::test]
async fn what_instances_use_and_how_guests_end_is_told_by_service() {
    let host = TestHost::with_counter().await;
    host.deploy(prober_that_falls_ill()).await;
    let statuses = [("fail", 500), ("fail", 500), ("ping", 200), ("spin", 504)];
    for (function, status) in statuses {
        assert_eq!(host.get(&format!("/api/v1/{function}")).await.status, status, "{function}");
    }
    let told = host.samples().await;
    let of =
        |name: &str, labels: &str| told[&format!("thali_{name}{{service=\"counter\"{labels}}}")];
    let traps = |reason: &str| of("traps_total", &format!(",reason=\"{reason}\""));
    assert_eq!((traps("guest"), traps("stack")), (2.0, 0.0));
    assert_eq!(traps("deadline") + traps("cpu"), 1.0);
    // Two seconds of the loop, less whatever else the machine did.
    assert!(of("cpu_seconds_total", "") > 0.2, "{}", of("cpu_seconds_total", ""));
    assert_eq!((of("instances", ""), of("memory_bytes", "")), (0.0, 0.0));
    assert!(of("instantiate_seconds_count", "") >= 4.0);
    let made = of("instance_memory_bytes_count", "");
    assert_eq!(of("instance_memory_bytes_sum", ""), made * 65536.0);
    // The smoke test has left an instance that may serve again.
    let prober = |name: &str| told[&format!("thali_{name}{{service=\"prober\"}}")];
    assert_eq!((prober("instances"), prober("instances_idle")), (1.0, 1.0));
    assert_eq!(prober("memory_bytes"), 65536.0);
}

#[tokio::test]
async fn calls_breakers_rollouts_and_tokens_are_told() {
    let host = TestHost::with_keys(config(), MANY).await;
    host.deploy(counter(1)).await;
    host.deploy(caller()).await;
    for token in [None, Some(token_of("ann", "")), Some(token_of("ann", "")), Some("x".into())] {
        let status = match &token {
            None => host.get("/api/v1/twice").await.status,
            Some(token) => host.get_as("/api/v1/twice", token).await.status,
        };
        assert!([200, 401].contains(&status), "{token:?}: {status}");
    }
    let calls = r#"service="caller",provider="counter",interface="test:counter/api@1.0.0""#;
    let told = host.samples().await;
    for (name, value) in [
        ("thali_tokens_total{outcome=\"accepted\"}".to_owned(), 2.0),
        ("thali_tokens_total{outcome=\"refused\"}".into(), 1.0),
        ("thali_tokens_from_cache_total".into(), 1.0),
        ("thali_token_keys".into(), 4.0),
        (format!("thali_calls_total{{{calls}}}"), 3.0),
        (format!("thali_call_failures_total{{{calls}}}"), 0.0),
        (format!("thali_calls_running{{{calls}}}"), 0.0),
        (format!("thali_breaker_state{{{calls}}}"), 0.0),
    ] {
        assert_eq!(told.get(&name), Some(&value), "{name}");
    }
    assert!(!told.keys().any(|name| name.starts_with("thali_rollout")), "nothing rolls");

    let json = "content-type: application/json\r\n";
    host.admin_send("PUT /admin/v1/breakers/caller/api", json, br#"{"state":"open"}"#).await;
    host.canary(counter(2), 25).await;
    assert_eq!(host.get("/api/v1/twice").await.status, 503);
    host.get("/api/v1/ping").await;
    let told = host.samples().await;
    let refused = format!("thali_calls_refused_total{{{calls},reason=\"breaker_open\"}}");
    assert_eq!((told[&refused], told[&format!("thali_breaker_state{{{calls}}}")]), (1.0, 2.0));
    let rollout = |what: &str, revision: u32| {
        told[&format!("thali_rollout_{what}{{service=\"counter\",revision=\"{revision}\"}}")]
    };
    assert_eq!((rollout("share", 1), rollout("share", 2)), (75.0, 25.0));
    // Smoke tests count with the revision that they are about.
    assert!(rollout("requests_total", 1) + rollout("requests_total", 2) >= 4.0);
    assert_eq!(rollout("failures_total", 1) + rollout("failures_total", 2), 0.0);
}

/// L-04: paths, headers, ids and subjects that clients make up do not become series.
#[tokio::test]
async fn clients_cannot_make_the_metrics_grow() {
    let host = TestHost::with_keys(config(), MANY).await;
    host.deploy(counter(1)).await;
    let mut client = host.connect().await;
    let mut before = 0;
    for number in 0..10_000 {
        let token = token_of(&format!("subject-{number}"), "");
        let head = format!(
            "GET /api/v1/nothing/{number} HTTP/1.1\r\nhost: test\r\nx-request-id: {number}\r\n\r\n\
             GET /api/v1/numbers/{number} HTTP/1.1\r\nhost: test\r\nx-api-key: {number}\r\n\
             traceparent: 00-{:032x}-{:016x}-01\r\nauthorization: Bearer {token}\r\n\r\n",
            number + 1,
            number + 1
        );
        client.send(head).await;
        assert_eq!(client.answer().await.status, 404);
        assert!([200, 404, 422].contains(&client.answer().await.status));
        if number == 100 {
            // The route has answered in each of its ways by now.
            before = host.samples().await.len();
        }
    }
    let after = host.samples().await;
    assert_eq!(after.len(), before);
    assert_eq!(after["thali_tokens_total{outcome=\"accepted\"}"], 10_000.0);
}
