//! What a request leaves behind: its spans, by the admin API.

use serde_json::Value;

use crate::support::{TestHost, counter};

/// The spans of a trace, the outermost first.
async fn spans(host: &TestHost, trace_id: &str) -> Vec<Value> {
    let answer = host.admin_get(&format!("/traces/{trace_id}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["spans"].as_array().unwrap().clone()
}

async fn listed(host: &TestHost, query: &str) -> Vec<Value> {
    let answer = host.admin_get(&format!("/traces{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_request_leaves_a_span_for_each_hop_and_its_answer_names_the_first() {
    let host = TestHost::with_counter().await;
    let given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let headers = format!("traceparent: {given}\r\n");
    let answer = host.send("GET /api/v1/numbers/7", &headers, "").await;
    let told = answer.header("traceparent").unwrap().to_owned();
    let trace = host.admin_get(&format!("/traces/{}", &given[3..35])).await;
    let trace = trace.json();
    let spans = trace["spans"].as_array().unwrap();
    let names: Vec<_> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["GET /api/v1/numbers/{n}", "api.check", "instantiate"]);
    let [server, invocation, instantiate] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(server["span_id"], told[36..52], "the answer names the span of the request");
    assert_eq!(server["parent_id"], given[36..52]);
    assert_eq!(invocation["parent_id"], server["span_id"]);
    assert_eq!(instantiate["parent_id"], invocation["span_id"]);
    assert_eq!((&server["kind"], &server["service"]), (&"server".into(), &Value::Null));
    assert_eq!(
        (&invocation["kind"], &invocation["service"]),
        (&"internal".into(), &"counter".into())
    );
    assert_eq!(invocation["attributes"]["thali.instance.reused"], false);
    assert_eq!(
        (&server["attributes"]["http.route"], &server["attributes"]["http.response.status_code"]),
        (&"/api/v1/numbers/{n}".into(), &200.into())
    );
    let end =
        |span: &Value| span["start_us"].as_u64().unwrap() + span["duration_us"].as_u64().unwrap();
    // Times are cut to microseconds.
    assert!(end(invocation) <= end(server) + 1 && end(instantiate) <= end(invocation) + 1);
}

#[tokio::test]
async fn a_query_is_nobodys_business() {
    let host = TestHost::with_counter().await;
    let answer = host.get("/api/v1/numbers/7?secret=geheim").await;
    let trace_id = answer.header("traceparent").unwrap()[3..35].to_owned();
    let trace = host.admin_get(&format!("/traces/{trace_id}")).await;
    assert!(trace.text().contains("/api/v1/numbers/7"), "{}", trace.text());
    assert!(!trace.text().contains("geheim"), "{}", trace.text());
}

#[tokio::test]
async fn a_trap_and_a_deadline_are_told_without_a_word_of_the_service() {
    let host = TestHost::with_counter().await;
    for (path, status, kind) in [("/fail", 500, "trap"), ("/spin", 504, "deadline")] {
        let answer = host.get(&format!("/api/v1{path}")).await;
        assert_eq!(answer.status, status);
        let trace_id = answer.header("traceparent").unwrap()[3..35].to_owned();
        let spans = spans(&host, &trace_id).await;
        assert_eq!(spans[0]["attributes"]["error.type"], status.to_string());
        assert_eq!(
            (&spans[1]["status"], &spans[1]["attributes"]["error.type"]),
            (&"error".into(), &kind.into())
        );
        assert!(!spans[1]["message"].as_str().unwrap().contains("wasm"), "{spans:?}");
    }
    assert_eq!(listed(&host, "?errors=true").await.len(), 2);
}

#[tokio::test]
async fn traces_are_listed_the_newest_first_and_by_what_they_are_about() {
    let host = TestHost::with_counter().await;
    for path in ["/ping", "/numbers/5", "/numbers/500", "/nothing"] {
        host.get(&format!("/api/v1{path}")).await;
    }
    let all = listed(&host, "").await;
    let names: Vec<_> = all.iter().map(|trace| trace["name"].as_str().unwrap()).collect();
    let numbers = "GET /api/v1/numbers/{n}";
    assert_eq!(names, ["GET", numbers, numbers, "GET /api/v1/ping"]);
    assert_eq!(
        (&all[3]["service"], &all[3]["status"], &all[3]["spans"]),
        (&"counter".into(), &200.into(), &3.into())
    );
    assert_eq!(all[3]["services"], serde_json::json!(["counter"]));
    assert_eq!(listed(&host, "?service=counter&limit=2").await.len(), 2);
    assert_eq!(listed(&host, "?route=/api/v1/ping").await.len(), 1);
    assert_eq!(listed(&host, "?min_ms=60000").await.len(), 0);
    assert_eq!(
        listed(&host, "?errors=true").await.len(),
        0,
        "a client's mistakes are not the host's"
    );
    let before = all[1]["started_at"].as_str().unwrap();
    assert_eq!(listed(&host, &format!("?before={before}")).await.len(), 2);
    for wrong in ["?limit=0", "?limit=1001", "?since=1", "?before=yesterday"] {
        assert_eq!(host.admin_get(&format!("/traces{wrong}")).await.status, 400, "{wrong}");
    }
    let unknown = host.admin_get("/traces/0af7651916cd43dd8448eb211c80319c").await;
    assert_eq!((unknown.status, unknown.problem().as_str()), (404, "unknown_trace"));
}

#[tokio::test]
async fn beyond_its_pace_a_host_records_what_fails_and_nothing_else() {
    let host = TestHost::with_counter().await;
    host.tracer.set_per_second(1);
    host.get("/api/v1/ping").await;
    let before = listed(&host, "").await.len();
    assert_eq!(before, 1);
    host.get("/api/v1/ping").await;
    host.get("/api/v1/numbers/500").await;
    let failed = host.get("/api/v1/fail").await;
    let all = listed(&host, "").await;
    assert_eq!(all.len(), before + 1, "{all:?}");
    let trace_id = failed.header("traceparent").unwrap()[3..35].to_owned();
    let spans = spans(&host, &trace_id).await;
    assert_eq!((spans.len(), &spans[0]["name"]), (1, &"GET /api/v1/fail".into()));
    assert_eq!(spans[0]["attributes"]["thali.service"], "counter");
    host.tracer.set_per_second(0);
    let asked = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    host.send("GET /api/v1/fail", asked, "").await;
    assert_eq!(
        listed(&host, "").await.len(),
        before + 1,
        "0 is off, for failures and whoever asks"
    );
}

#[tokio::test]
async fn an_instance_that_waits_for_its_next_request_keeps_no_trace_from_being_told() {
    let host = TestHost::new().await;
    let manifest = r#"
        [service]
        name = "counter"
        version = "1.0.0"
        [http]
        "GET /ping" = "api.ping"
        [limits]
        reuse = 10
    "#;
    host.deploy(crate::support::counter_with(1, manifest)).await;
    for reused in [false, true] {
        let answer = host.get("/api/v1/ping").await;
        let trace_id = answer.header("traceparent").unwrap()[3..35].to_owned();
        let spans = spans(&host, &trace_id).await;
        assert_eq!(spans[1]["attributes"]["thali.instance.reused"], reused);
        assert_eq!(spans.len(), if reused { 2 } else { 3 });
    }
}

#[tokio::test]
async fn a_call_by_its_name_has_a_trace_too() {
    let host = TestHost::new().await;
    host.deploy(counter(1)).await;
    let answer = host.admin_send("POST /admin/v1/services/counter/call/api/ping", "", b"{}").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let all = listed(&host, "").await;
    assert_eq!(
        (all.len(), &all[0]["name"], &all[0]["service"]),
        (1, &"api.ping".into(), &"counter".into())
    );
    assert_eq!(all[0]["status"], Value::Null);
}
