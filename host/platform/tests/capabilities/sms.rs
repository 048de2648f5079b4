//! Text messages through a small HTTP server.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::{Value, json};
use thali_contract::name::ServiceName;
use thali_platform::SendError;
use thali_platform::config::Secret;
use thali_platform::sms::{Message, SmsConfig, Texter};
use thali_runtime::Extensions;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use wasmtime::component::Val;

use crate::support::Guest;

/// What arrived: the headers and the body.
type Arrived = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// A provider. It ends with this value.
struct Provider {
    address: SocketAddr,
    arrived: Arrived,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

/// A number decides the answer: +1NNN.. answers the status NNN, +19.. never answers.
async fn take(
    State(arrived): State<Arrived>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> impl IntoResponse {
    let to = body["to"].as_str().unwrap().to_owned();
    arrived.lock().push((headers, body));
    if to.starts_with("+19") {
        std::future::pending::<Infallible>().await;
    }
    let status = to.get(2..5).and_then(|digits| digits.parse().ok()).unwrap_or(500);
    (StatusCode::from_u16(status).unwrap(), "as\r\nasked")
}

impl Provider {
    async fn start() -> Self {
        let arrived = Arrived::default();
        let app = Router::new().route("/messages", post(take)).with_state(Arc::clone(&arrived));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let service = hyper_util::service::TowerToHyperService::new(app.clone());
                let stream = hyper_util::rt::TokioIo::new(stream);
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(stream, service),
                );
            }
        });
        Self { address, arrived, connections, task }
    }

    fn texter(&self) -> Texter {
        self.texter_within(Duration::from_secs(10))
    }

    fn texter_within(&self, timeout: Duration) -> Texter {
        let url = format!("http://{}/messages", self.address);
        Texter::http(&SmsConfig { url, token: Some(Secret::new("t0ken")), timeout }).unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn message(to: &str) -> Message {
    Message { to: to.into(), text: "Your order: \"Menü\"".into(), id: "order-1".into() }
}

fn service() -> ServiceName {
    "notifications".parse().unwrap()
}

#[tokio::test]
async fn a_message_is_posted_with_its_key_over_a_connection_that_stays_open() {
    let provider = Provider::start().await;
    let texter = provider.texter();
    for _ in 0..20 {
        texter.send(&service(), message("+1200")).await.unwrap();
    }
    let arrived = provider.arrived.lock();
    let (headers, body) = &arrived[0];
    let expected = json!({"to": "+1200", "text": "Your order: \"Menü\"", "id": "order-1"});
    assert_eq!((arrived.len(), body), (20, &expected));
    assert_eq!(headers["authorization"], "Bearer t0ken");
    assert_eq!(headers["idempotency-key"], "order-1");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(provider.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_status_says_whether_trying_again_can_help() {
    let provider = Provider::start().await;
    let texter = provider.texter();
    for status in [200, 201, 202, 204] {
        let sent = texter.send(&service(), message(&format!("+1{status}"))).await;
        assert_eq!(sent, Ok(()), "{status}");
    }
    for status in [301, 401, 403, 408, 425, 429, 500, 502, 503, 504] {
        let sent = texter.send(&service(), message(&format!("+1{status}"))).await;
        let Err(SendError::Unavailable(detail)) = sent else { panic!("{status}: {sent:?}") };
        assert!(detail.contains(&status.to_string()), "{detail}");
    }
    for status in [400, 402, 404, 410, 422, 451] {
        let sent = texter.send(&service(), message(&format!("+1{status}"))).await;
        let Err(SendError::Rejected(detail)) = sent else { panic!("{status}: {sent:?}") };
        assert!(detail.ends_with("as\\r\\nasked"), "{detail}");
    }
}

#[tokio::test]
async fn a_provider_that_is_down_or_silent_is_unavailable() {
    let provider = Provider::start().await;
    let texter = provider.texter_within(Duration::from_millis(200));
    let silent = texter.send(&service(), message("+1900")).await;
    assert!(matches!(silent, Err(SendError::Unavailable(_))), "{silent:?}");

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    let config = SmsConfig { url, token: None, timeout: Texter::TIMEOUT };
    let down = Texter::http(&config).unwrap().send(&service(), message("+1200")).await;
    let Err(SendError::Unavailable(detail)) = down else { panic!("{down:?}") };
    assert!(detail.contains("cannot be reached"), "{detail}");
}

#[tokio::test]
async fn a_message_that_nobody_could_deliver_is_rejected_unsent() {
    let provider = Provider::start().await;
    let texter = provider.texter();
    let wrong = [
        message("5550100"),
        message("+1"),
        message("+1 555 0100"),
        message("+15550100\r\n"),
        message(&format!("+{}", "1".repeat(16))),
        Message { id: "a\r\nx-y: z".into(), ..message("+1200") },
        Message { text: "x".repeat(5000), ..message("+1200") },
    ];
    for message in wrong {
        let refused = texter.send(&service(), message.clone()).await;
        assert!(matches!(refused, Err(SendError::Rejected(_))), "{refused:?}: {message:?}");
    }
    assert!(provider.arrived.lock().is_empty());
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    for url in ["sms.example", "ftp://sms.example/", "http://u:p@sms.example/", "http://"] {
        let config = SmsConfig { url: url.into(), token: None, timeout: Texter::TIMEOUT };
        let error = Texter::http(&config).unwrap_err().to_string();
        assert!(error.starts_with("sms.url"), "{url}: {error}");
    }
    let token = Some(Secret::new("a\nb"));
    let config = SmsConfig { url: "http://a/".into(), token, timeout: Texter::TIMEOUT };
    assert!(Texter::http(&config).unwrap_err().to_string().starts_with("sms.token"));
}

#[tokio::test]
async fn a_component_sends_a_text_message() {
    let provider = Provider::start().await;
    let mut extensions = Extensions::new();
    extensions.insert(Arc::new(provider.texter()));
    let api = "use thali:platform/sms@1.0.0.{message, error};
        send: func(message: message) -> result<_, error>;";
    let imports = r#"(import "thali:platform/sms@1.0.0" "send"
        (func $send (param i32 i32 i32 i32 i32 i32 i32)))"#;
    let core = r#"(func (export "test:guest/api@1.0.0#send")
        (param i32 i32 i32 i32 i32 i32) (result i32)
        (call $send (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
            (local.get 5) (i32.const 1024))
        (i32.const 1024))"#;
    let guest = Guest::with("sms", api, imports, core, extensions);
    let record = |to: &str| {
        let text = |name: &str, value: &str| (name.to_owned(), Val::String(value.into()));
        Val::Record(vec![text("to", to), text("text", "t"), text("id", "1")])
    };
    let sent = guest.call("send", &[record("+1200")]).await;
    assert_eq!(sent, Ok(Some(Val::Result(Ok(None)))));
    assert_eq!(provider.arrived.lock()[0].1["id"], "1");
    let later = guest.call("send", &[record("+1503")]).await.unwrap().unwrap();
    let Val::Result(Err(Some(error))) = later else { panic!("an error, got {later:?}") };
    assert!(matches!(*error, Val::Variant(ref case, _) if case == "unavailable"), "{error:?}");
}
