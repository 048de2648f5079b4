//! How the host is: what the dashboard and `thali top` read, and follow.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    Follower, TestHost, caller, counter, listener_of_ann, prober_that_falls_ill, publisher,
};

impl TestHost {
    async fn status(&self) -> Value {
        let answer = self.admin_get("/status").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// How a host is, once that is so.
    async fn status_when(&self, so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..200 {
            let status = self.status().await;
            if so(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it never was: {}", self.status().await);
    }
}

async fn host() -> TestHost {
    let host = TestHost::new().await;
    host.deploy(caller()).await;
    host.deploy(counter(1)).await;
    host
}

#[tokio::test]
async fn a_status_has_the_host_its_services_and_what_goes_between_them() {
    let host = host().await;
    host.deploy(publisher()).await;
    for _ in 0..5 {
        assert_eq!(host.get("/api/v1/twice").await.status, 200);
    }
    let status = host.status_when(|status| status["services"][0]["rate"] != json!(0.0)).await;
    let names: Vec<_> = status["services"].as_array().unwrap().iter().map(|s| &s["name"]).collect();
    assert_eq!(names, ["caller", "counter", "pub"]);
    let caller = &status["services"][0];
    assert_eq!((&caller["state"], &caller["revision"]), (&json!("running"), &json!(1)));
    assert_eq!((&caller["errors"], &caller["canaries"]), (&json!(0.0), &json!([])));
    assert!(caller["p99_ms"].as_f64().unwrap() >= caller["p50_ms"].as_f64().unwrap(), "{caller}");
    let counter = &status["services"][1];
    assert_eq!((&counter["rate"], &counter["p99_ms"]), (&json!(0.0), &Value::Null), "only called");
    assert_ne!(counter["invocations"], json!(0.0));
    let edge = &status["edges"][0];
    assert_eq!(
        (&edge["kind"], &edge["from"], &edge["to"]),
        (&json!("call"), &json!("caller"), &json!("counter"))
    );
    assert_eq!(edge["interface"], "test:counter/api@1.0.0");
    assert_eq!((&edge["breaker"], &edge["forced"]), (&json!("closed"), &json!(false)));
    assert_ne!(edge["rate"], json!(0.0));
    assert_eq!(status["missing"], json!([]));
    let own = &status["host"];
    assert_eq!(own["generation"], json!(host.control.live().generation));
    assert!(own["memory_bytes"].as_u64().unwrap() > 1 << 20, "{own}");
    assert_eq!(own["rate"], caller["rate"]);
    assert_eq!((&own["shed"], &own["requests_in_flight"]), (&json!(0.0), &json!(0)));
}

#[tokio::test]
async fn what_is_published_has_an_edge_to_each_subscriber() {
    let host = TestHost::new().await;
    host.deploy(publisher()).await;
    host.deploy(listener_of_ann()).await;
    let status = host.status().await;
    let edge = json!({
        "kind": "event", "from": "pub", "to": "listener", "interface": "test:pub/events@1.0.0",
        "rate": 0.0, "lag": 0, "dead": 0,
    });
    assert_eq!(status["edges"], json!([edge]));
    let change = json!({ "id": "a", "status": "cooked" }).to_string();
    assert_eq!(host.post("/api/v1/changes", &change).await.status, 204);
    let travel = json!({ "id": "a", "count": 3 }).to_string();
    assert_eq!(host.post("/api/v1/travels", &travel).await.status, 204);
    host.status_when(|status| status["edges"][0]["dead"] != json!(0)).await;
}

#[tokio::test]
async fn errors_are_answers_that_say_the_service_failed() {
    let host = TestHost::with_counter().await;
    host.get("/api/v1/nothing").await;
    host.admin_send("POST /admin/v1/services/counter/call/api/fail", "", b"").await;
    let status = host.status_when(|status| status["services"][0]["traps"] != json!(0.0)).await;
    let counter = &status["services"][0];
    assert_eq!(counter["errors"], json!(0.0), "it was no request to the service: {counter}");
    assert_eq!(status["host"]["errors"], json!(0.0), "404 is none");
}

#[tokio::test]
async fn what_is_missing_and_who_is_ill_is_told() {
    let host = TestHost::new().await;
    host.deploy(caller()).await;
    let status = host.status().await;
    assert_eq!(
        status["missing"],
        json!([{"from": "caller", "interface": "test:counter/api@1.0.0", "optional": false}])
    );
    assert_eq!(status["services"][0]["state"], "waiting");
    assert!(status["services"][0]["reason"].as_str().unwrap().contains("test:counter/api"));
    assert_eq!(status["services"][0]["health"], Value::Null, "it says nothing of its health");
    host.deploy(prober_that_falls_ill()).await;
    host.admin_send("POST /admin/v1/services/prober/call/api/ping", "", b"").await;
    host.status_when(|status| status["services"][1]["health"] == "failing").await;
}

#[tokio::test]
async fn a_follower_gets_the_status_each_second_and_every_change() {
    let host = host().await;
    let mut follower = Follower::admin(host.admin, "").await;
    assert_eq!(follower.status(), 200);
    for header in ["content-type: text/event-stream\r\n", "cache-control: no-store\r\n"] {
        assert!(follower.head.contains(header), "{}", follower.head);
    }
    let first = follower.expect("status").await.data;
    assert_eq!(first["services"][1]["name"], "counter");
    follower.find("status").await;

    host.canary(counter(2), 10).await;
    assert_eq!(follower.find("changed").await.data, json!({"what": "services"}));
    assert_eq!(follower.find("changed").await.data, json!({"what": "rollouts"}));
    let status = follower.find("status").await.data;
    let canary = &status["services"][1]["canaries"][0];
    assert_eq!((&canary["revision"], &canary["percent"]), (&json!(2), &json!(10)), "{status}");

    let open = br#"{"state": "open"}"#;
    host.admin_send("PUT /admin/v1/breakers/caller/api", "", open).await;
    assert_eq!(follower.find("changed").await.data, json!({"what": "breakers"}));
    let mut state = json!("closed");
    while state == "closed" {
        state = follower.find("status").await.data["edges"][0]["breaker"].clone();
    }
    assert_eq!(state, "open");
}

#[tokio::test]
async fn followers_are_counted_and_one_too_many_is_refused() {
    let host = TestHost::new().await;
    let mut followers = Vec::new();
    for _ in 0..32 {
        let follower = Follower::admin(host.admin, "").await;
        assert_eq!(follower.status(), 200);
        followers.push(follower);
    }
    let answer = host.admin_get("/live").await;
    assert_eq!((answer.status, answer.problem()), (503, "too_many_followers".into()));
    assert_eq!(answer.header("retry-after"), Some("5"));
    followers.pop();
    while Follower::admin(host.admin, "").await.status() != 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_host_that_ends_does_not_wait_for_its_followers() {
    let host = TestHost::new().await;
    let mut follower = Follower::admin(host.admin, "").await;
    follower.expect("status").await;
    let start = Instant::now();
    assert_eq!(host.serving.stop(Duration::from_secs(30)).await, 0);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    while follower.next().await.is_some() {}
    assert!(follower.whole, "the stream ended as it should");
}

#[tokio::test]
async fn the_past_is_kept_of_the_host_and_of_each_service() {
    let host = TestHost::with_counter().await;
    assert_eq!(host.get("/api/v1/ping").await.status, 200);
    let mut history = json!({"at": []});
    while history["at"].as_array().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        history = host.admin_get("/status/history?service=counter").await.json();
    }
    assert_eq!(history["step_s"], 2);
    for figure in ["rate", "errors", "p50_ms", "p99_ms", "in_flight", "memory_bytes"] {
        let length = history["at"].as_array().unwrap().len();
        assert_eq!(history[figure].as_array().unwrap().len(), length, "{figure}: {history}");
    }
    assert!(history["rate"][0].as_f64().unwrap() > 0.0, "{history}");
    let whole = host.admin_get("/status/history").await.json();
    assert!(whole["memory_bytes"][0].as_u64().unwrap() > 1 << 20, "{whole}");
    let answer = host.admin_get("/status/history?service=nobody").await;
    assert_eq!((answer.status, answer.problem()), (404, "unknown_service".into()));
    assert_eq!(host.admin_get("/status/history?servise=counter").await.status, 400);
}

#[tokio::test]
async fn a_follower_hears_each_step_of_a_deploy() {
    let host = TestHost::with_counter().await;
    let mut follower = Follower::admin(host.admin, "").await;
    let upload = async |query: &str, bytes: &[u8]| {
        host.admin_send(&format!("POST /admin/v1/services{query}"), "", bytes).await.status
    };
    assert_eq!(upload("?watch=page-1", &counter(2)).await, 201);
    let mut ends = Vec::new();
    while ends.last() != Some(&("drain".to_owned(), "done".to_owned())) {
        let step = follower.find("deploy").await.data;
        assert_eq!(step["watch"], "page-1", "{step}");
        let of = |member: &str| step[member].as_str().unwrap().to_owned();
        if step["state"] != "begun" {
            assert!(step["took_ms"].is_number() || step["state"] == "skipped", "{step}");
            ends.push((of("step"), of("state")));
        }
    }
    let expected = [
        ("upload", "done"),
        ("validate", "done"),
        ("manifest", "done"),
        ("contracts", "done"),
        ("compile", "done"),
        ("migrate", "skipped"),
        ("smoke", "done"),
        ("persist", "done"),
        ("swap", "done"),
        ("drain", "done"),
    ];
    assert_eq!(ends, expected.map(|(step, state)| (step.to_owned(), state.to_owned())));

    assert_eq!(upload("", b"no component").await, 422);
    let mut failed = follower.find("deploy").await.data;
    while failed["state"] != "failed" {
        failed = follower.find("deploy").await.data;
    }
    assert_eq!((&failed["step"], &failed["watch"]), (&json!("validate"), &Value::Null));
    assert!(failed["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{failed}");
    assert_eq!(upload("?watch=a%20b", &counter(3)).await, 400);
}
