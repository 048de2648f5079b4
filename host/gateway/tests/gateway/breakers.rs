//! Calls between services: what clients see of a breaker, and what operators do with it.

use serde_json::{Value, json};

use crate::support::{Answer, TestHost, caller, counter};

async fn host() -> TestHost {
    let host = TestHost::new().await;
    host.deploy(counter(1)).await;
    host.deploy(caller()).await;
    host
}

async fn force(host: &TestHost, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let json = "content-type: application/json\r\n";
    host.admin_send(&format!("PUT /admin/v1/breakers/{path}"), json, body.as_bytes()).await
}

#[tokio::test]
async fn an_open_breaker_is_a_503_that_says_when_to_come_back() {
    let host = host().await;
    assert_eq!(host.get("/api/v1/twice").await.text(), "2");
    let before = host.invocations_of("counter");
    let forced = force(&host, "caller/api", &json!({"state": "open"})).await;
    assert_eq!((forced.status, &forced.json()["state"]), (200, &json!("open")));
    for _ in 0..3 {
        let answer = host.get("/api/v1/twice").await;
        assert_eq!((answer.status, answer.problem()), (503, "breaker_open".into()));
        assert_eq!(answer.header("retry-after"), Some("10"), "the reset of the policy");
    }
    assert_eq!(host.invocations_of("counter"), before, "nothing was called");

    host.deploy(counter(2)).await;
    assert_eq!(host.get("/api/v1/twice").await.status, 503, "a deploy changes nothing");
    force(&host, "caller/test:counter%2Fapi", &json!({"state": "auto"})).await;
    assert_eq!(host.get("/api/v1/twice").await.text(), "4");
}

#[tokio::test]
async fn every_call_is_listed_with_its_state_its_counts_and_its_policy() {
    let host = host().await;
    host.get("/api/v1/twice").await;
    let listed = host.admin_get("/breakers").await.json();
    let [calls] = &listed["items"].as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!((&calls["consumer"], &calls["state"]), (&json!("caller"), &json!("closed")));
    assert_eq!(calls["interface"], "test:counter/api@1.0.0");
    assert_eq!((&calls["calls"], &calls["failures"]), (&json!(1), &json!(0)));
    assert_eq!(
        (&calls["policy"]["failures"], &calls["policy"]["reset_ms"]),
        (&json!(5), &json!(10_000))
    );
    assert!(calls.get("probe_in_ms").is_none(), "{calls}");
    let shown = host.admin_get("/services/caller").await.json();
    assert_eq!(shown["calls"][0]["interface"], calls["interface"]);
    force(&host, "caller/api", &json!({"state": "closed"})).await;
    let shown = host.admin_get("/services/caller").await.json();
    assert_eq!(
        (&shown["calls"][0]["state"], &shown["calls"][0]["forced"]),
        (&json!("closed"), &json!(true))
    );
}

#[tokio::test]
async fn what_names_no_breaker_or_no_state_is_refused() {
    let host = host().await;
    let open = json!({"state": "open"});
    let refused = [
        ("nobody/api", &open, 404, "unknown_service"),
        ("caller/charging", &open, 404, "unknown_breaker"),
        ("counter/api", &open, 404, "unknown_breaker"),
        ("caller/api", &json!({"state": "ajar"}), 400, "bad_request"),
        ("caller/api", &json!({"state": "open", "for": "1h"}), 400, "bad_request"),
        ("caller/api", &json!({}), 400, "bad_request"),
    ];
    for (path, body, status, code) in refused {
        let answer = force(&host, path, body).await;
        assert_eq!((answer.status, answer.problem()), (status, code.to_owned()), "{path} {body}");
    }
    assert_eq!(host.get("/api/v1/twice").await.status, 200);
}

#[tokio::test]
async fn a_function_that_is_not_exported_cannot_be_idempotent() {
    let host = TestHost::new().await;
    let manifest = "[service]\nname = \"counter\"\nversion = \"1.0.0\"\n[functions]\nidempotent = [\"api.pong\"]\n";
    let answer = host
        .admin_send("POST /admin/v1/services", "", &crate::support::counter_with(1, manifest))
        .await;
    assert_eq!((answer.status, answer.problem()), (422, "invalid_manifest".into()));
    let detail = answer.json()["errors"][0].clone();
    assert_eq!(detail["pointer"], "service.toml:5");
    assert!(detail["detail"].as_str().unwrap().contains("does not export api.pong"), "{detail}");
}
