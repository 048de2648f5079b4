//! The admin API.

use crate::support::{Answer, TestHost, caller, counter};

const WASM: &str = "content-type: application/wasm\r\n";

async fn upload(host: &TestHost, query: &str, headers: &str, bytes: &[u8]) -> Answer {
    host.admin_send(&format!("POST /admin/v1/services{query}"), headers, bytes).await
}

#[tokio::test]
async fn an_upload_is_live_and_the_same_again_changes_nothing() {
    let host = TestHost::new().await;
    let answer = upload(&host, "", WASM, &counter(1)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("location"), Some("/admin/v1/services/counter"));
    assert_eq!(
        (&answer.json()["service"], &answer.json()["revision"]),
        (&"counter".into(), &1.into())
    );
    assert_eq!(host.get("/api/v1/ping").await.text(), "1");
    assert_eq!(upload(&host, "", "", &counter(1)).await.status, 200);
    assert_eq!(upload(&host, "?force=true", "", &counter(2)).await.status, 201);
    assert_eq!(host.get("/api/v1/ping").await.text(), "2");
    assert_eq!(upload(&host, "", WASM, &counter(1)).await.status, 201);
    assert_eq!(host.get("/api/v1/ping").await.text(), "1");
}

#[tokio::test]
async fn what_is_no_component_is_refused_and_nothing_changes() {
    let host = TestHost::with_counter().await;
    let before = host.admin_get("/services").await.json();
    let whole = counter(2);
    let refused: [(&str, &[u8], u16, &str); 6] = [
        (WASM, b"hello", 422, "not_a_component"),
        (WASM, b"\0asm\x01\0\0\0", 422, "not_a_component"),
        (WASM, &whole[..whole.len() / 2], 422, "invalid_component"),
        (WASM, b"", 422, "not_a_component"),
        ("content-type: text/plain\r\n", &whole, 415, "unsupported_media_type"),
        ("content-type: multipart/form-data\r\n", &whole, 415, "unsupported_media_type"),
    ];
    for (headers, bytes, status, code) in refused {
        let answer = upload(&host, "", headers, bytes).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        let got = answer.problem();
        assert!(got == code || status == 422, "{got}");
    }
    let answer = upload(&host, "?forse=true", WASM, &whole).await;
    assert_eq!((answer.status, answer.problem()), (400, "bad_request".into()));
    assert!(answer.text().contains("forse"), "{}", answer.text());
    assert_eq!(upload(&host, "?force=1", WASM, &whole).await.status, 400);
    assert_eq!(host.admin_get("/services").await.json(), before);
}

#[tokio::test]
async fn services_and_revisions_can_be_seen() {
    let host = TestHost::with_counter().await;
    host.deploy(counter(2)).await;
    let list = host.admin_get("/services").await.json();
    assert_eq!(list["items"][0]["name"], "counter");
    assert_eq!(list["items"][0]["state"], "running");
    let one = host.admin_get("/services/counter").await.json();
    assert_eq!((&one["revision"], &one["previous"]), (&2.into(), &1.into()));
    let revisions = host.admin_get("/services/counter/revisions").await.json();
    assert_eq!(revisions["items"].as_array().unwrap().len(), 2);
    for path in
        ["/services/nothing", "/services/nothing/revisions", "/services/NOTHING", "/services/..%2f"]
    {
        assert_eq!(host.admin_get(path).await.status, 404, "{path}");
    }
    assert_eq!(host.admin_get("/services?all=1").await.status, 400);
}

#[tokio::test]
async fn a_rollback_goes_back_and_a_removal_takes_away() {
    let host = TestHost::with_counter().await;
    host.deploy(counter(2)).await;
    let rollback = || host.admin_send("POST /admin/v1/services/counter/rollback", "", b"");
    let answer = rollback().await;
    assert_eq!((answer.status, &answer.json()["revision"]), (200, &1.into()), "{}", answer.text());
    assert_eq!(host.get("/api/v1/ping").await.text(), "1");
    host.deploy(caller()).await;
    let remove = |query: &'static str| {
        let line = format!("DELETE /admin/v1/services/counter{query}");
        let host = &host;
        async move { host.admin_send(&line, "", b"").await }
    };
    let answer = remove("").await;
    assert_eq!((answer.status, answer.problem()), (409, "has_dependents".into()));
    assert_eq!(host.get("/api/v1/ping").await.status, 200);
    assert_eq!(remove("?force=true").await.status, 200);
    assert_eq!(host.get("/api/v1/ping").await.status, 404);
    assert_eq!(remove("").await.problem(), "unknown_service");
}

#[tokio::test]
async fn any_function_can_be_called_by_its_name() {
    let host = TestHost::with_counter().await;
    let call = |function: &'static str, arguments: &'static str| {
        let line = format!("POST /admin/v1/services/counter/call/{function}");
        let host = &host;
        async move { host.admin_send(&line, "", arguments.as_bytes()).await }
    };
    assert_eq!(call("api/ping", "").await.text(), "1");
    let answer = call("api/add", r#"{"a": 1, "b": 2}"#).await;
    assert_eq!(answer.text(), r#"{"total":3,"label":"sum"}"#);
    assert_eq!(call("test:counter%2Fapi/add", r#"{"a": 1, "b": 2}"#).await.status, 200);
    assert_eq!(call("api/reset", "{}").await.status, 204);
    let answer = call("api/check", r#"{"n": 50}"#).await;
    assert_eq!((answer.status, answer.problem()), (422, "domain_error".into()));
    assert_eq!(answer.json()["error"], "not_found");
    let answer = call("api/add", r#"{"a": 1}"#).await;
    assert_eq!((answer.status, &answer.json()["errors"][0]["pointer"]), (400, &"/b".into()));
    let answer = call("api/nothing", "").await;
    assert_eq!((answer.status, answer.problem()), (404, "unknown_function".into()));
    assert!(answer.text().contains("api.ping"), "{}", answer.text());
    assert_eq!(call("api/fail", "").await.problem(), "trapped");
}

#[tokio::test]
async fn the_graph_has_who_calls_whom_and_what_is_missing() {
    let host = TestHost::new().await;
    host.deploy(caller()).await;
    let graph = host.admin_get("/graph").await.json();
    assert_eq!(graph["missing"][0]["interface"], "test:counter/api@1.0.0");
    assert_eq!(graph["services"][0]["state"], "waiting");
    host.deploy(counter(1)).await;
    let graph = host.admin_get("/graph").await.json();
    assert_eq!(graph["edges"][0]["consumer"], "caller");
    assert_eq!(graph["edges"][0]["provider"], "counter");
    assert_eq!(graph["missing"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn pages_of_somebody_else_are_kept_out() {
    let host = TestHost::with_counter().await;
    let answer = host
        .admin_send("DELETE /admin/v1/services/counter", "origin: http://evil.example\r\n", b"")
        .await;
    assert_eq!((answer.status, answer.problem()), (403, "foreign_origin".into()));
    let mut client = crate::support::Raw::connect(host.admin).await;
    client
        .send("DELETE /admin/v1/services/counter HTTP/1.1\r\nhost: evil.example:8081\r\n\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.problem()), (403, "foreign_host".into()));
    assert_eq!(host.get("/api/v1/ping").await.status, 200);
}

#[tokio::test]
async fn the_rest_of_the_admin_api_answers() {
    let host = TestHost::with_counter().await;
    assert_eq!(host.admin_get("/health").await.json()["services"], 1);
    assert!(host.admin_get("/openapi.json").await.json()["paths"].is_object());
    assert_eq!(host.admin_send("GET /admin/v1", "", b"").await.status, 200);
    assert_eq!(host.admin_get("/nothing").await.problem(), "not_found");
    let answer = host.admin_send("PUT /admin/v1/services", "", b"").await;
    assert_eq!((answer.status, answer.problem()), (405, "method_not_allowed".into()));
    assert!(answer.header("allow").is_some());
}
