//! Requests below `/api/v1`: routed, decoded, run, answered.

use std::time::{Duration, Instant};

use crate::support::{Answer, TestHost, caller, counter, injector};

fn revision(answer: &Answer) -> &str {
    answer.header("x-thali-revision").unwrap()
}

#[tokio::test]
async fn a_result_is_json_and_says_which_revision_made_it() {
    let host = TestHost::with_counter().await;
    let answer = host.get("/api/v1/ping").await;
    assert_eq!((answer.status, answer.text()), (200, "1"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(revision(&answer), "counter/1");
    assert_eq!(answer.header("x-request-id").unwrap().len(), 36);
    assert!(answer.header("server").is_none());
}

#[tokio::test]
async fn a_body_becomes_arguments_and_the_result_a_location() {
    let host = TestHost::with_counter().await;
    let answer = host.post("/api/v1/sums", r#"{"a": 40, "b": 2}"#).await;
    assert_eq!((answer.status, answer.text()), (201, r#"{"total":42,"label":"sum"}"#));
    assert_eq!(answer.header("location"), Some("/api/v1/sums/42"));
    let answer = host.send("POST /api/v1/reset", "", "").await;
    assert_eq!((answer.status, answer.text()), (204, ""));
}

#[tokio::test]
async fn every_mistake_of_a_body_is_in_one_answer() {
    let host = TestHost::with_counter().await;
    let answer = host.post("/api/v1/sums", r#"{"a": "x", "c": 1}"#).await;
    assert_eq!((answer.status, answer.problem()), (400, "bad_request".into()));
    let problem = answer.json();
    let pointers: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers.len(), 3, "{problem}");
    for pointer in ["/a", "/b", "/c"] {
        assert!(pointers.contains(&pointer), "{problem}");
    }
    assert_eq!(problem["request_id"], answer.header("x-request-id").unwrap());
}

#[tokio::test]
async fn errors_of_a_service_have_the_status_of_its_manifest() {
    let host = TestHost::with_counter().await;
    assert_eq!(host.get("/api/v1/numbers/7").await.text(), "7");
    let missing = host.get("/api/v1/numbers/50").await;
    assert_eq!((missing.status, missing.problem()), (404, "not_found".into()));
    let big = host.get("/api/v1/numbers/500").await;
    assert_eq!((big.status, big.problem()), (422, "too_big".into()));
    assert_eq!(host.get("/api/v1/numbers/x").await.status, 400);
    assert_eq!(host.get("/api/v1/numbers/%ff").await.status, 400);
    assert_eq!(host.get("/api/v1/numbers/%37").await.text(), "7");
    assert_eq!(host.get("/api/v1/numbers/7?x=1").await.status, 400);
}

#[tokio::test]
async fn paths_and_methods_that_lead_nowhere_say_so() {
    let host = TestHost::with_counter().await;
    for path in [
        "/api/v1/nothing",
        "/api/v1/",
        "/api/v1/ping/",
        "/api/v1//ping",
        "/api/v1",
        "/api/v1ping",
        "/nothing",
    ] {
        let answer = host.get(path).await;
        assert_eq!((answer.status, answer.problem()), (404, "not_found".into()), "{path}");
    }
    let answer = host.send("DELETE /api/v1/spin", "", "").await;
    assert_eq!((answer.status, answer.problem()), (405, "method_not_allowed".into()));
    assert_eq!(answer.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    let answer = host.send("OPTIONS /api/v1/spin", "", "").await;
    assert_eq!((answer.status, answer.header("allow")), (204, Some("GET, HEAD, POST, OPTIONS")));
    let answer = host.send("BREW /api/v1/ping", "", "").await;
    assert_eq!(answer.status, 405);
}

/// H-12: a guest makes values, not heads. The one header that has some of a value in it has it encoded.
#[tokio::test]
async fn a_line_break_in_a_result_makes_no_header() {
    let host = TestHost::new().await;
    host.deploy(injector()).await;
    let answer = host.post("/api/v1/labels", "{}").await;
    assert_eq!((answer.status, answer.header("set-cookie")), (201, None));
    let location = answer.header("location").unwrap();
    assert!(location.starts_with("/api/v1/labels/a%0D%0Aset-cookie"), "{location}");
    assert_eq!(answer.json()["label"], "a\r\nset-cookie: b=c");
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let host = TestHost::with_counter().await;
    let mut client = host.connect().await;
    client.send("HEAD /api/v1/ping HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let head = client.head_answer().await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-length: 1\r\n"), "{head}");
    assert_eq!(client.get("/api/v1/ping").await.text(), "1");
}

#[tokio::test]
async fn a_body_must_be_json_and_only_where_one_is_expected() {
    let host = TestHost::with_counter().await;
    let body = r#"{"a": 1, "b": 2}"#;
    for headers in
        ["", "content-type: text/plain\r\n", "content-type: application/x-www-form-urlencoded\r\n"]
    {
        let answer = host.send("POST /api/v1/sums", headers, body).await;
        assert_eq!((answer.status, answer.problem()), (415, "unsupported_media_type".into()));
        assert_eq!(answer.header("connection"), Some("close"));
    }
    let headers = "content-type: application/json; charset=UTF-8\r\n";
    assert_eq!(host.send("POST /api/v1/sums", headers, body).await.status, 201);
    let answer = host.send("GET /api/v1/ping", "", body).await;
    assert_eq!((answer.status, answer.problem()), (400, "bad_request".into()));
    let answer = host.post("/api/v1/sums", &"x".repeat((1 << 20) + 1)).await;
    assert_eq!((answer.status, answer.problem()), (413, "body_too_large".into()));
}

#[tokio::test]
async fn a_trap_is_500_and_says_nothing_of_the_inside() {
    let host = TestHost::with_counter().await;
    let mut client = host.connect().await;
    let answer = client.get("/api/v1/fail").await;
    assert_eq!((answer.status, answer.problem()), (500, "trapped".into()));
    for secret in ["unreachable", "wasm", "backtrace", "api.fail"] {
        assert!(!answer.text().contains(secret), "{}", answer.text());
    }
    assert_eq!(revision(&answer), "counter/1");
    assert_eq!(client.get("/api/v1/ping").await.text(), "1", "the connection goes on");
}

#[tokio::test]
async fn a_result_that_json_cannot_hold_is_502() {
    let host = TestHost::with_counter().await;
    let answer = host.get("/api/v1/nan").await;
    assert_eq!((answer.status, answer.problem()), (502, "invalid_result".into()));
}

#[tokio::test]
async fn a_service_that_never_answers_is_504_and_others_go_on() {
    let host = TestHost::with_counter().await;
    let start = Instant::now();
    let mut client = host.connect().await;
    client.send("GET /api/v1/spin HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.until(|h| h.in_flight("counter") == 1).await;
    assert_eq!(host.get("/api/v1/ping").await.status, 200);
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.problem()), (504, "deadline".into()));
    assert!(start.elapsed() < Duration::from_millis(2500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_client_that_leaves_ends_a_get_at_once() {
    let host = TestHost::with_counter().await;
    let mut client = host.connect().await;
    client.send("GET /api/v1/spin HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.until(|h| h.in_flight("counter") == 1).await;
    let start = Instant::now();
    drop(client);
    host.until(|h| h.in_flight("counter") == 0).await;
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    assert_eq!(host.get("/api/v1/ping").await.status, 200);
}

#[tokio::test]
async fn a_post_goes_on_when_its_client_leaves_and_a_stop_waits_for_it() {
    let host = TestHost::with_counter().await;
    let mut client = host.connect().await;
    client.send("POST /api/v1/spin HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.until(|h| h.in_flight("counter") == 1).await;
    let start = Instant::now();
    drop(client);
    host.until(|h| h.serving.public().connections() == 0).await;
    assert_eq!(host.in_flight("counter"), 1);
    assert_eq!(host.serving.stop(Duration::from_secs(10)).await, 0);
    assert!(start.elapsed() > Duration::from_millis(1500), "it ran to its deadline");
}

#[tokio::test]
async fn a_stop_cuts_what_takes_too_long() {
    let host = TestHost::with_counter().await;
    let mut client = host.connect().await;
    client.send("POST /api/v1/spin HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.until(|h| h.in_flight("counter") == 1).await;
    assert_eq!(host.serving.stop(Duration::from_millis(200)).await, 1);
    assert!(client.try_answer().await.is_none());
}

#[tokio::test]
async fn a_service_that_misses_another_is_503_waiting_until_it_comes() {
    let host = TestHost::new().await;
    host.deploy(caller()).await;
    let answer = host.get("/api/v1/twice").await;
    assert_eq!((answer.status, answer.problem()), (503, "waiting".into()));
    assert!(answer.text().contains("test:counter/api@1.0.0"), "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    host.deploy(counter(21)).await;
    let answer = host.get("/api/v1/twice").await;
    assert_eq!((answer.status, answer.text()), (200, "42"));
    assert_eq!(revision(&answer), "caller/1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swapping_a_service_loses_no_request_and_mixes_no_versions() {
    let host = TestHost::with_counter().await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut clients = Vec::new();
    for _ in 0..8 {
        let (mut client, stop) = (host.connect().await, stop.clone());
        clients.push(tokio::spawn(async move {
            let mut answers = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let answer = client.get("/api/v1/ping").await;
                assert_eq!(answer.status, 200, "{answer:?}");
                assert_eq!(revision(&answer), format!("counter/{}", answer.text()));
                answers += 1;
            }
            answers
        }));
    }
    for version in 2..=12 {
        host.deploy(counter(version)).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut answers = 0;
    for client in clients {
        answers += client.await.unwrap();
    }
    assert!(answers > 100, "{answers}");
    assert_eq!(host.get("/api/v1/ping").await.text(), "12");
}

#[tokio::test]
async fn a_trace_of_the_client_goes_on_and_a_wrong_one_does_no_harm() {
    let host = TestHost::with_counter().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let answer = host.send("GET /api/v1/ping", &format!("traceparent: {trace}\r\n"), "").await;
    let told = answer.header("traceparent").unwrap().to_owned();
    assert_eq!((answer.status, &told[..36]), (200, &trace[..36]));
    assert!(told.ends_with("-01"), "still sampled: {told}");
    assert_ne!(&told[36..52], &trace[36..52], "the host has a span of its own");
    let missing = host.send("GET /api/v1/nothing", &format!("traceparent: {trace}\r\n"), "").await;
    assert_eq!(
        (missing.status, &missing.header("traceparent").unwrap()[..36]),
        (404, &trace[..36])
    );
    let answer = host.send("GET /api/v1/ping", "traceparent: 00-0-0-0\r\n", "").await;
    assert_eq!(answer.status, 200);
    let begun = answer.header("traceparent").unwrap();
    assert_eq!((begun.len(), &begun[..3], &begun[52..]), (55, "00-", "-00"));
}

#[tokio::test]
async fn requests_that_services_send_to_their_own_host_nest_only_so_deep() {
    let host = TestHost::with_counter().await;
    for (depth, status) in [("0", 200), ("15", 200), ("16", 508), ("255", 508), ("x", 508)] {
        let answer = host.send("GET /api/v1/ping", &format!("thali-depth: {depth}\r\n"), "").await;
        assert_eq!(answer.status, status, "{depth}: {}", answer.text());
    }
    let answer = host.send("GET /api/v1/ping", "thali-depth: 16\r\n", "").await;
    assert_eq!(answer.problem(), "call_depth");
}
