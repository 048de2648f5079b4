//! Streams of events, as WebSockets.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::streams::host;
use crate::support::TestHost;

const PATIENCE: Duration = Duration::from_secs(10);

struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    async fn open(host: &TestHost, path: &str) -> Self {
        let stream = TcpStream::connect(host.address).await.unwrap();
        let url = format!("ws://{}/api/v1{path}", host.address);
        let (socket, response) = client_async(url, stream).await.unwrap();
        assert_eq!(response.status(), 101);
        assert!(response.headers().contains_key("x-request-id"));
        Self(socket)
    }

    async fn message(&mut self) -> Message {
        timeout(PATIENCE, self.0.next()).await.expect("in time").expect("a message").unwrap()
    }

    async fn next(&mut self) -> Value {
        let message = self.message().await;
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    async fn closes(&mut self) -> CloseCode {
        match self.message().await {
            Message::Close(Some(frame)) => frame.code,
            other => panic!("{other:?}"),
        }
    }
}

fn handshake(more: &str) -> String {
    format!("connection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n{more}")
}

const KEY: &str = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "sec-websocket-version: 13\r\n";

#[tokio::test]
async fn a_socket_gets_what_a_stream_gets() {
    let host = host().await;
    let mut socket = Socket::open(&host, "/orders/a/track").await;
    let placed = json!({ "id": "a", "status": "placed" });
    assert_eq!(socket.next().await, json!({ "id": 0, "event": "snapshot", "data": placed }));
    host.change("a", "cooked").await;
    let cooked = json!({ "id": "a", "status": "cooked" });
    assert_eq!(socket.next().await, json!({ "id": 1, "event": "changed", "data": cooked }));
    socket.0.send(Message::Ping("x".into())).await.unwrap();
    assert_eq!(socket.message().await, Message::Pong("x".into()));
    socket.0.send(Message::text("whatever")).await.unwrap();
    host.change("a", "delivered").await;
    assert_eq!(socket.next().await["data"]["status"], "delivered");
    assert_eq!(socket.closes().await, CloseCode::Normal);
}

#[tokio::test]
async fn a_socket_resumes_by_its_query() {
    let host = host().await;
    host.change("a", "one").await;
    host.change("a", "two").await;
    let mut socket = Socket::open(&host, "/orders/a/track?last_event_id=1").await;
    assert_eq!(socket.next().await["data"]["status"], "two");
    let mut socket = Socket::open(&host, "/orders/a/track?last_event_id=99").await;
    assert_eq!(socket.next().await["event"], "gap");
    assert_eq!(socket.next().await["event"], "snapshot");
    host.change("d", "delivered").await;
    let mut socket = Socket::open(&host, "/orders/d/track?last_event_id=3").await;
    assert_eq!(socket.closes().await, CloseCode::Normal);
}

#[tokio::test]
async fn a_client_that_may_not_look_gets_an_answer_and_no_socket() {
    let host = host().await;
    let headers = handshake(&format!("{KEY}{VERSION}"));
    let answer = host.send("GET /api/v1/orders/x/track", &headers, "").await;
    assert_eq!((answer.status, answer.problem()), (404, "not_found".into()));
}

#[tokio::test]
async fn a_handshake_that_is_wrong_is_refused() {
    let host = host().await;
    let track = "GET /api/v1/orders/a/track";
    let old = handshake(&format!("{KEY}sec-websocket-version: 8\r\n"));
    let answer = host.send(track, &old, "").await;
    assert_eq!((answer.status, answer.problem()), (426, "upgrade_required".into()));
    assert_eq!(answer.header("sec-websocket-version"), Some("13"));
    for key in ["", "sec-websocket-key: short\r\n"] {
        let answer = host.send(track, &handshake(&format!("{key}{VERSION}")), "").await;
        assert_eq!((answer.status, answer.problem()), (400, "bad_request".into()));
        assert_eq!(answer.json()["errors"][0]["pointer"], "sec-websocket-key");
    }
    // Any other route answers as if nobody had asked.
    let headers = handshake(&format!("{KEY}{VERSION}"));
    assert_eq!(host.send("GET /api/v1/changes", &headers, "").await.status, 405);
}

#[tokio::test]
async fn a_stop_says_goodbye_and_waits_for_it() {
    let host = host().await;
    let mut sockets = Vec::new();
    for n in 0..5 {
        let mut socket = Socket::open(&host, &format!("/orders/a{n}/track")).await;
        socket.next().await;
        sockets.push(socket);
    }
    assert_eq!(host.serving.public().connections(), 5, "a socket keeps its place");
    let (cut, ()) = tokio::join!(host.serving.stop(Duration::from_secs(30)), async {
        for socket in &mut sockets {
            assert_eq!(socket.closes().await, CloseCode::Away);
            assert!(timeout(PATIENCE, socket.0.next()).await.unwrap().is_none());
        }
    });
    assert_eq!(cut, 0);
}

#[tokio::test]
async fn a_client_that_sends_too_much_is_cut_off() {
    let host = host().await;
    let mut socket = Socket::open(&host, "/orders/a/track").await;
    socket.next().await;
    let _ = socket.0.send(Message::text("x".repeat(5 << 10))).await;
    let end = timeout(PATIENCE, async { while let Some(Ok(_)) = socket.0.next().await {} });
    end.await.expect("the connection ends");
    host.until(|host| host.serving.public().connections() == 0).await;
}
