//! Rate limits: who is told to slow down, and what everybody is told of it.

use std::sync::Arc;
use std::time::Duration;

use thali_contract::manifest::edge::{RateKey, RateSpec};

use crate::support::{Answer, TestHost, fronted};

/// Whose address is 127.0.0.1 when it speaks for others.
async fn behind_a_proxy() -> TestHost {
    let host = TestHost::configured(|config| {
        config.proxies.trusted = vec!["127.0.0.1/32".parse().unwrap()];
    });
    host.await
}

fn told(answer: &Answer) -> (u16, Option<&str>) {
    (answer.status, answer.header("ratelimit"))
}

const LIMITED: &str =
    r#""GET /p" = { call = "api.ping", rate = { limit = 60, per = "1m", burst = 2, by = "ip" } }"#;

#[tokio::test]
async fn a_limited_route_tells_what_is_left_and_refuses_what_is_too_much() {
    let host = TestHost::new().await;
    host.deploy(fronted(LIMITED)).await;
    let first = host.get("/api/v1/p").await;
    assert_eq!(told(&first), (200, Some("\"route\";r=1;t=1")));
    assert_eq!(first.header("ratelimit-policy"), Some("\"route\";q=60;w=60"));
    assert_eq!(told(&host.get("/api/v1/p").await), (200, Some("\"route\";r=0;t=2")));
    let refused = host.get("/api/v1/p").await;
    assert_eq!((refused.status, refused.problem()), (429, "rate_limited".into()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"route\";q=60;w=60"));
    assert!(refused.text().contains("60 per 60s, 2 at once, by ip"), "{}", refused.text());
    assert_eq!(host.invocations_of("fronted"), 2, "what is refused does not run");
}

#[tokio::test]
async fn a_deploy_gives_nobody_anything_back() {
    let host = TestHost::new().await;
    host.deploy(fronted(LIMITED)).await;
    while host.get("/api/v1/p").await.status == 200 {}
    host.deploy(fronted(&format!("{LIMITED}\n\"GET /q\" = \"api.ping\""))).await;
    assert_eq!(host.get("/api/v1/q").await.status, 200, "the new one is live");
    assert_eq!(host.get("/api/v1/p").await.status, 429);
}

#[tokio::test]
async fn addresses_are_those_that_trusted_proxies_name_and_a_v6_network_is_one_client() {
    let host = behind_a_proxy().await;
    host.deploy(fronted(LIMITED)).await;
    let from = async |addresses: &str| {
        host.ask("/p", &format!("x-forwarded-for: {addresses}\r\n")).await.status
    };
    assert_eq!([from("192.0.2.1").await, from("192.0.2.1").await], [200, 200]);
    assert_eq!(from("192.0.2.1").await, 429);
    assert_eq!(from("192.0.2.2, 192.0.2.1").await, 429, "what its client claims does not help it");
    assert_eq!(from("192.0.2.2").await, 200);
    assert_eq!([from("2001:db8::1").await, from("2001:db8::2").await], [200, 200]);
    assert_eq!(from("2001:db8::3").await, 429, "the same /64");
    assert_eq!(from("2001:db8:0:1::1").await, 200);
    let untrusting = TestHost::new().await;
    untrusting.deploy(fronted(LIMITED)).await;
    let mut answers = Vec::new();
    for last in 1..4 {
        let header = format!("x-forwarded-for: 192.0.2.{last}\r\n");
        answers.push(untrusting.ask("/p", &header).await.status);
    }
    assert_eq!(answers, [200, 200, 429], "nobody is believed by default");
}

#[tokio::test]
async fn a_header_tells_clients_apart_and_without_it_the_address_does() {
    let host = TestHost::new().await;
    let route = r#""GET /p" = { call = "api.ping", rate = { limit = 1, per = "1h", by = "header:x-api-key" } }"#;
    host.deploy(fronted(route)).await;
    for key in ["a", "b"] {
        let header = format!("x-api-key: {key}\r\n");
        assert_eq!(host.ask("/p", &header).await.status, 200);
        let refused = host.ask("/p", &header).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("3600")));
    }
    assert_eq!(host.get("/api/v1/p").await.status, 200);
    assert_eq!(host.get("/api/v1/p").await.status, 429);
    assert_eq!(host.ask("/p", "x-api-key: 127.0.0.1\r\n").await.status, 200, "not the address");
}

#[tokio::test]
async fn a_service_has_a_limit_over_all_routes_which_the_host_may_override() {
    let manifest = "\"GET /p\" = { call = \"api.ping\", rate = { limit = 2, per = \"1h\" } }\n\
                    \"GET /q\" = \"api.ping\"\n[limits]\nrate = { limit = 3, per = \"1h\" }";
    let host = TestHost::new().await;
    host.deploy(fronted(manifest)).await;
    let both = host.get("/api/v1/p").await;
    assert_eq!(
        both.header("ratelimit-policy"),
        Some("\"route\";q=2;w=3600, \"service\";q=3;w=3600")
    );
    assert_eq!(both.header("ratelimit"), Some("\"route\";r=1;t=1800, \"service\";r=2;t=1200"));
    host.get("/api/v1/p").await;
    let by_route = host.get("/api/v1/p").await;
    assert_eq!(
        (by_route.status, by_route.header("ratelimit").unwrap()),
        (429, "\"route\";r=0;t=3600")
    );
    assert_eq!(told(&host.get("/api/v1/q").await), (200, Some("\"service\";r=0;t=3600")));
    assert_eq!(host.get("/api/v1/q").await.status, 429);

    let tight = RateSpec { limit: 1, per: Duration::from_secs(60), burst: 1, by: RateKey::Ip };
    let host = TestHost::configured(|config| {
        config.front.rate.services.insert("fronted".parse().unwrap(), Arc::new(tight.clone()));
        config.front.rate.default = Some(Arc::new(tight));
    })
    .await;
    host.deploy(fronted(manifest)).await;
    host.deploy(crate::support::counter(1)).await;
    assert_eq!(host.get("/api/v1/q").await.status, 200);
    assert_eq!(host.get("/api/v1/q").await.status, 429, "the host's word counts");
    assert_eq!(host.get("/api/v1/ping").await.status, 200, "each service has its own");
    assert_eq!(host.get("/api/v1/ping").await.status, 429, "the default is for who says nothing");
}

/// M-03: a service that is flooded does not take its neighbour's clients along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_over_its_limit_is_refused_and_others_are_served() {
    let host = TestHost::new().await;
    let rate = r#"rate = { limit = 20, per = "1s", burst = 5, by = "header:x-api-key" }"#;
    host.deploy(fronted(&format!("\"GET /p\" = {{ call = \"api.ping\", {rate} }}"))).await;
    host.deploy(crate::support::counter(1)).await;
    let mut noisy = host.connect().await;
    let mut quiet = host.connect().await;
    let mut refused = 0;
    for _ in 0..400 {
        noisy.send("GET /api/v1/p HTTP/1.1\r\nhost: test\r\nx-api-key: noisy\r\n\r\n").await;
        refused += u32::from(noisy.answer().await.status == 429);
        assert_eq!(quiet.get("/api/v1/ping").await.status, 200);
    }
    assert!(refused > 200, "{refused}");
    assert_eq!(host.ask("/p", "x-api-key: polite\r\n").await.status, 200);
}

#[tokio::test]
async fn the_description_says_that_a_limited_route_may_refuse() {
    let host = TestHost::new().await;
    host.deploy(fronted(&format!("{LIMITED}\n\"GET /q\" = \"api.ping\""))).await;
    let document = host.get("/openapi.json").await.json();
    let responses = |path: &str| document["paths"][path]["get"]["responses"].clone();
    assert_eq!(responses("/p")["429"]["$ref"], "#/components/responses/RateLimited");
    assert_eq!(responses("/q")["429"]["$ref"], "#/components/responses/TooManyFailures");
}
