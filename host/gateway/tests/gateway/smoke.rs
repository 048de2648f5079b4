//! New revisions that do not come up never get a request.

use std::time::{Duration, Instant};

use crate::support::{TestHost, prober, wrong_prober};

/// Uploads a component.
async fn upload(host: &TestHost, component: &[u8]) -> crate::support::Answer {
    host.admin_send("POST /admin/v1/services", "content-type: application/wasm\r\n", component)
        .await
}

async fn ping(host: &TestHost) -> String {
    host.post("/api/v1/prober/api/ping", "{}").await.text().to_owned()
}

#[tokio::test]
async fn a_health_check_that_is_content_lets_the_revision_in() {
    let host = TestHost::new().await;
    assert_eq!(upload(&host, &prober(None, "")).await.status, 201);
    assert_eq!(ping(&host).await, "7");
    let path = "/api/v1/prober/health/check";
    assert_eq!(host.post(path, "{}").await.status, 404, "it is not for clients");
}

#[tokio::test]
async fn a_revision_that_says_it_cannot_serve_is_refused_with_its_words_and_nothing_changes() {
    let host = TestHost::new().await;
    host.deploy(prober(None, "")).await;
    let before = host.admin_get("/services/prober").await.json();
    let refused = upload(&host, &prober(Some("no key for the map"), "")).await;
    assert_eq!((refused.status, refused.problem()), (422, "smoke_failed".into()));
    assert!(refused.text().contains("no key for the map"), "{}", refused.text());
    let after = host.admin_get("/services/prober").await.json();
    assert_eq!(before["revisions"], after["revisions"]);
    assert_eq!(before["history"], after["history"]);
    assert_eq!(ping(&host).await, "7");
}

#[tokio::test]
async fn a_canary_that_does_not_come_up_begins_no_rollout() {
    let host = TestHost::new().await;
    host.deploy(prober(None, "")).await;
    let bad = prober(Some("not today"), "");
    let refused = host.admin_send("POST /admin/v1/services?canary=10", "", &bad).await;
    assert_eq!((refused.status, refused.problem()), (422, "smoke_failed".into()));
    assert!(host.admin_get("/services/prober").await.json()["rollout"].is_null());
}

#[tokio::test]
async fn a_revision_that_traps_at_its_start_is_refused() {
    let host = TestHost::new().await;
    host.deploy(prober(None, "")).await;
    let refused = upload(&host, &prober(None, "(func $start unreachable) (start $start)")).await;
    assert_eq!((refused.status, refused.problem()), (422, "smoke_failed".into()));
    assert!(refused.text().contains("trapped"), "{}", refused.text());
    assert_eq!(ping(&host).await, "7");
}

#[tokio::test]
async fn a_revision_that_never_comes_to_its_end_is_refused_when_its_time_is_over() {
    let host = TestHost::new().await;
    let begun = Instant::now();
    let refused = upload(&host, &prober(None, "(func $start (loop (br 0))) (start $start)")).await;
    assert_eq!((refused.status, refused.problem()), (422, "smoke_failed".into()));
    assert!(refused.text().contains("CPU time"), "{}", refused.text());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(host.get("/health/prober").await.status, 404);
}

#[tokio::test]
async fn a_health_check_of_another_shape_is_refused_by_name() {
    let host = TestHost::new().await;
    let refused = upload(&host, &wrong_prober()).await;
    assert_eq!((refused.status, refused.problem()), (422, "invalid_component".into()));
    assert!(refused.text().contains("thali:platform/health"), "{}", refused.text());
}
