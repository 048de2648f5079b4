//! Health, the index and the description, on the listener for the services.

use std::time::Duration;

use thali_control::Cause;

use crate::support::{TestHost, caller, prober_that_falls_ill};

#[tokio::test]
async fn a_host_is_live_before_it_is_ready() {
    let host = TestHost::not_ready().await;
    assert_eq!(host.get("/health/live").await.status, 200);
    let starting = host.get("/health/ready").await;
    assert_eq!((starting.status, &starting.json()["reason"]), (503, &"starting".into()));
    host.serving.ready();
    assert_eq!(host.get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn a_host_that_goes_down_says_so_first_and_serves_meanwhile() {
    let host = TestHost::with_counter().await;
    host.serving.not_ready();
    let draining = host.get("/health/ready").await;
    assert_eq!((draining.status, &draining.json()["reason"]), (503, &"draining".into()));
    assert_eq!(host.get("/health/live").await.status, 200);
    assert_eq!(host.get("/api/v1/ping").await.status, 200, "the door is open still");
    host.serving.ready();
    assert_eq!(host.get("/health/ready").await.status, 503, "there is no way back");
}

#[tokio::test]
async fn a_host_whose_services_all_wait_is_not_ready() {
    let host = TestHost::new().await;
    host.deploy(caller()).await;
    let waiting = host.get("/health/ready").await;
    assert_eq!((waiting.status, &waiting.json()["reason"]), (503, &"no_service_runs".into()));
    host.deploy(crate::support::counter(1)).await;
    assert_eq!(host.get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn readiness_falls_before_the_last_request_ends() {
    let host = TestHost::with_counter().await;
    let mut busy = host.connect().await;
    busy.send("POST /api/v1/spin HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let mut probe = host.connect().await;
    // A head that is not whole keeps the connection open through the drain.
    probe.send("GET /health/ready HTTP/1.1\r\n").await;
    host.until(|h| h.in_flight("counter") == 1 && h.serving.public().connections() == 2).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stop = tokio::spawn(host.serving.stop(Duration::from_secs(10)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    probe.send("host: test\r\n\r\n").await;
    let answer = probe.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (503, Some("close")));
    assert_eq!(busy.answer().await.status, 504);
    assert_eq!(stop.await.unwrap(), 0);
}

#[tokio::test]
async fn health_says_how_every_service_is() {
    let host = TestHost::with_counter().await;
    assert_eq!(host.get("/health/counter").await.status, 200);
    assert_eq!(host.get("/health/caller").await.problem(), "unknown_service");
    assert_eq!(host.get("/health/..").await.status, 404);
    host.deploy(caller()).await;
    let name = "counter".parse().unwrap();
    host.control.remove(&name, true, Cause::default()).await.unwrap();
    let answer = host.get("/health/caller").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["state"], "waiting");
    assert_eq!(answer.json()["waiting_for"], "test:counter/api@1.0.0");
    let all = host.get("/health").await;
    assert_eq!(all.status, 200);
    assert_eq!(all.json()["items"][0]["name"], "caller");
    assert_eq!(host.get("/health/counter").await.status, 404);
}

#[tokio::test]
async fn the_description_is_cached_by_its_tag_until_something_is_deployed() {
    let host = TestHost::with_counter().await;
    let first = host.get("/openapi.json").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert!(first.json()["paths"].as_object().unwrap().keys().any(|path| path.ends_with("/ping")));
    let tag = first.header("etag").unwrap().to_owned();
    let again = async |tag: &str| {
        host.send("GET /openapi.json", &format!("if-none-match: {tag}\r\n"), "").await
    };
    let cached = again(&tag).await;
    assert_eq!((cached.status, cached.body.len()), (304, 0));
    assert_eq!(again(&format!("\"x\", W/{tag}")).await.status, 304);
    host.deploy(caller()).await;
    let next = again(&tag).await;
    assert_eq!(next.status, 200);
    assert_ne!(next.header("etag"), Some(tag.as_str()));
}

#[tokio::test]
async fn the_index_links_to_the_rest_and_wrong_methods_are_405() {
    let host = TestHost::new().await;
    let index = host.get("/").await;
    assert_eq!(index.json()["links"]["health"], "/health");
    let answer = host.send("POST /health", "", "").await;
    assert_eq!((answer.status, answer.problem()), (405, "method_not_allowed".into()));
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    assert_eq!(host.get("/health?verbose=1").await.status, 400);
}

#[tokio::test]
async fn a_service_that_says_it_is_ill_is_503_and_is_not_asked_more_than_once_a_second() {
    let host = TestHost::new().await;
    host.deploy(prober_that_falls_ill()).await;
    let well = host.get("/health/prober").await;
    assert_eq!((well.status, &well.json()["healthy"]), (200, &true.into()));
    assert!(host.get("/health").await.json()["items"][0].get("healthy").is_none());
    host.post("/api/v1/prober/api/ping", "{}").await;
    let begun = std::time::Instant::now();
    let before = host.invocations_of("prober");
    let mut asked = 0;
    let ill = loop {
        let answer = host.get("/health/prober").await;
        asked += 1;
        if answer.status == 503 {
            break answer;
        }
        assert!(begun.elapsed().as_secs() < 10, "it is never found to be ill");
    };
    let checks = host.invocations_of("prober") - before;
    assert!(checks <= begun.elapsed().as_secs() + 1 && asked > checks, "{checks} of {asked}");
    assert_eq!((&ill.json()["state"], &ill.json()["healthy"]), (&"running".into(), &false.into()));
}
