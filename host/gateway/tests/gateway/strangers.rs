//! What is said to somebody who may not call a route: that it is there, and nothing more.

use crate::support::tokens::{MANY, config, token_of};
use crate::support::{TestHost, caller_with, counter_with};

const COUNTER: &str = r#"
    [service]
    name = "counter"
    version = "1.0.0"
    [http]
    "GET /numbers/{n}" = { call = "api.check", scope = "counter:read" }
    "#;

const CALLER: &str = r#"
    [service]
    name = "caller"
    version = "1.0.0"
    [http]
    "GET /twice" = { call = "api.twice", scope = "caller:read" }
    "#;

/// Nobody gets 401, whoever lacks the scope 403, and whoever has it `status`.
async fn assert_only_known_is_told(host: &TestHost, path: &str, status: u16) {
    assert_eq!(host.get(path).await.problem(), "unauthenticated", "{path}");
    let answer = host.get_as(path, &token_of("ann", "")).await;
    assert_eq!(answer.problem(), "insufficient_scope", "{path}");
    let answer = host.get_as(path, &token_of("ann", "counter:read caller:read")).await;
    assert_eq!(answer.status, status, "{path}: {}", answer.text());
}

#[tokio::test]
async fn who_asks_comes_before_what_is_wrong_with_the_path() {
    let host = TestHost::with_keys(config(), MANY).await;
    host.deploy(counter_with(1, COUNTER)).await;
    for bad in ["%FF", "x", "-1", "99999999999"] {
        assert_only_known_is_told(&host, &format!("/api/v1/numbers/{bad}"), 400).await;
    }
    assert_only_known_is_told(&host, "/api/v1/numbers/7", 200).await;
}

#[tokio::test]
async fn who_asks_comes_before_a_service_that_waits() {
    let host = TestHost::with_keys(config(), MANY).await;
    host.deploy(caller_with(CALLER)).await;
    assert_only_known_is_told(&host, "/api/v1/twice", 503).await;
    host.deploy(counter_with(1, COUNTER)).await;
    assert_only_known_is_told(&host, "/api/v1/twice", 200).await;
}

#[tokio::test]
async fn who_asks_comes_before_what_is_wrong_with_a_canary() {
    let host = TestHost::with_keys(config(), MANY).await;
    host.deploy(counter_with(1, COUNTER)).await;
    host.canary(counter_with(2, COUNTER), 50).await;
    for _ in 0..10 {
        assert_only_known_is_told(&host, "/api/v1/numbers/%FF", 400).await;
    }
}
