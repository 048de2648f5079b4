//! L-03, L-05: what is in the log, and what is not.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::subscriber::DefaultGuard;

use crate::support::TestHost;

/// What is logged on this thread while it lives.
struct Log {
    bytes: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn begin() -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let sink = Arc::clone(&bytes);
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || Sink(Arc::clone(&sink)))
            .finish();
        Self { bytes, _guard: tracing::subscriber::set_default(subscriber) }
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }

    /// The events of the access log.
    fn access(&self) -> Vec<Value> {
        let lines = self.text();
        let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events
            .filter(|event| event["target"] == "access")
            .map(|event| event["fields"].clone())
            .collect()
    }
}

#[tokio::test]
async fn every_request_is_one_line_and_secrets_are_in_none() {
    let log = Log::begin();
    let host = TestHost::with_counter().await;
    let headers = "x-request-id: order-17\r\nauthorization: Bearer canary\r\ncookie: canary\r\n";
    let answer = host.send("GET /api/v1/ping?token=canary", headers, "").await;
    assert_eq!(answer.status, 401);
    host.post("/api/v1/sums", r#"{"a": "canary"}"#).await;
    host.get("/nothing").await;
    let lines = log.access();
    assert_eq!(lines.len(), 3, "{lines:?}");
    let [first, second, third] = &lines[..] else { unreachable!() };
    assert_eq!((&first["method"], &first["path"]), (&"GET".into(), &"/api/v1/ping".into()));
    assert_eq!((&first["status"], &first["service"]), (&401.into(), &"counter".into()));
    assert_eq!(first["client_request_id"], "order-17");
    assert_eq!(first["request_id"], answer.json()["request_id"]);
    assert_eq!(first["bytes"], answer.body.len());
    assert!(first["duration_us"].is_u64());
    assert_eq!(second["service"], "counter");
    assert_eq!((&third["status"], &third["service"]), (&404.into(), &Value::Null));
    assert!(!log.text().contains("canary"), "{}", log.text());
}

#[tokio::test]
async fn what_the_client_is_not_told_is_in_the_log_under_the_same_id() {
    let log = Log::begin();
    let host = TestHost::with_counter().await;
    for (path, cause) in [("/api/v1/fail", "unreachable"), ("/api/v1/nan", "NaN")] {
        let answer = host.get(path).await;
        assert!(!answer.text().contains(cause), "{}", answer.text());
        let id = answer.json()["request_id"].as_str().unwrap().to_owned();
        let text = log.text();
        let told = text.lines().find(|line| line.contains("\"ERROR\"") && line.contains(&id));
        assert!(told.expect("a line with the id").contains(cause), "{told:?}");
    }
}
