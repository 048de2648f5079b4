//! A stream as a WebSocket (RFC 6455): one text message per event.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode, Version};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use thali_contract::problem::{Mistake, Problem};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::session::{Ending, Item, Session};
use crate::body::Body;
use crate::faults;

const KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");
const VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");

/// Says that events are missing.
pub(crate) const GAP: &str = r#"{"event":"gap","data":{}}"#;

/// What a client has to say is nothing much: pongs, and goodbye.
const CLIENT_MESSAGE_BYTES_MAX: usize = 4 << 10;

/// Clients mostly listen, so little is set aside for what they say.
const READ_BUFFER_BYTES: usize = 1 << 10;

/// Pings without any sign of life, after which a client is taken for dead.
const SILENT_BEATS_MAX: u32 = 2;

/// How long the connection may take to change its protocol.
const UPGRADE_TIME: Duration = Duration::from_secs(10);

/// How long a client may take to say goodbye.
const GOODBYE_TIME: Duration = Duration::from_secs(1);

/// A request that asks for a WebSocket.
pub(crate) struct Handshake {
    accept: HeaderValue,
    upgrade: OnUpgrade,
}

/// A request that asks for a WebSocket and cannot have one.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Box<Problem>);

impl Handshake {
    /// `None` when the request asks for no WebSocket.
    pub(crate) fn take(head: &mut Parts) -> Result<Option<Self>, Refused> {
        // HTTP/2 has no upgrade; a client there has to ask for server-sent events.
        let asks = head.method == Method::GET
            && head.version == Version::HTTP_11
            && has_token(&head.headers, &CONNECTION, "upgrade")
            && has_token(&head.headers, &UPGRADE, "websocket");
        let Some(upgrade) = head.extensions.remove::<OnUpgrade>().filter(|_| asks) else {
            return Ok(None);
        };
        if head.headers.get(&VERSION).is_none_or(|version| version != "13") {
            return Err(Refused::version());
        }
        let key = head.headers.get(&KEY).filter(|key| is_key(key.as_bytes()));
        let accept = key.map(|key| derive_accept_key(key.as_bytes()));
        match accept.and_then(|accept| HeaderValue::try_from(accept).ok()) {
            Some(accept) => Ok(Some(Self { accept, upgrade })),
            None => Err(Refused::key()),
        }
    }

    /// The answer after which the connection is a WebSocket that sends `first` and goes on with the
    /// session. `stall` is how long the client may take none of what is sent.
    pub(crate) fn response(
        self,
        first: Vec<String>,
        session: Session,
        stall: Duration,
    ) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(ACCEPT, self.accept);
        let upgrade = self.upgrade;
        tokio::spawn(async move {
            if let Ok(Ok(upgraded)) = timeout(UPGRADE_TIME, upgrade).await {
                let io = TokioIo::new(upgraded);
                let socket =
                    WebSocketStream::from_raw_socket(io, Role::Server, Some(config())).await;
                Socket { socket, stall, silent_beats: 0 }.run(first, session).await;
            }
        });
        response
    }
}

impl Refused {
    fn version() -> Self {
        let problem = Problem::new(
            426,
            "upgrade_required",
            "The version of the WebSocket protocol is not spoken here",
        );
        Self(Box::new(problem.detail("expected sec-websocket-version: 13")))
    }

    fn key() -> Self {
        let detail = "expected 16 bytes in base64";
        Self(Box::new(faults::mistakes(vec![Mistake::new(KEY.as_str(), detail)])))
    }

    /// Says which version is spoken, where that is what is wrong.
    pub(crate) fn complete(&self, response: &mut Response<Body>) {
        if self.0.status == 426 {
            let headers = response.headers_mut();
            headers.insert(VERSION, HeaderValue::from_static("13"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(CLIENT_MESSAGE_BYTES_MAX))
        .max_frame_size(Some(CLIENT_MESSAGE_BYTES_MAX))
}

struct Socket {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    stall: Duration,
    silent_beats: u32,
}

/// The client has gone, or speaks something else.
struct Gone;

impl Socket {
    async fn run(mut self, first: Vec<String>, mut session: Session) {
        let Ok(ending) = self.follow(first, &mut session).await else { return };
        let (code, reason) = match ending {
            Ending::Complete => (CloseCode::Normal, "the stream has ended"),
            Ending::Interrupted => (CloseCode::Away, "come back with last_event_id"),
            Ending::TooSlow => (CloseCode::Again, "too slow: come back with last_event_id"),
        };
        drop(session);
        let close = CloseFrame { code, reason: reason.into() };
        let goodbye = async {
            self.socket.close(Some(close)).await?;
            while let Some(Ok(_)) = self.socket.next().await {}
            Ok::<_, tokio_tungstenite::tungstenite::Error>(())
        };
        let _ = timeout(GOODBYE_TIME, goodbye).await;
    }

    async fn follow(&mut self, first: Vec<String>, session: &mut Session) -> Result<Ending, Gone> {
        for message in first {
            self.send(Message::text(message)).await?;
        }
        loop {
            tokio::select! {
                item = session.next() => match item {
                    Ok(item) => self.send_item(item).await?,
                    Err(ending) => return Ok(ending),
                },
                // Not while it catches up: each frame would have the backlog read anew.
                said = self.socket.next(), if !session.is_catching_up() => match said {
                    // Answers to pings are queued by the library; nothing else needs one.
                    Some(Ok(_)) => self.silent_beats = 0,
                    Some(Err(_)) | None => return Err(Gone),
                },
            }
        }
    }

    async fn send_item(&mut self, item: Item) -> Result<(), Gone> {
        match item {
            Item::Event(notice) => self.send(Message::text(notice.message())).await,
            Item::Gap => self.send(Message::text(GAP)).await,
            Item::Beat if self.silent_beats >= SILENT_BEATS_MAX => Err(Gone),
            Item::Beat => {
                self.silent_beats += 1;
                self.send(Message::Ping(bytes::Bytes::new())).await
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(self.stall, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }
}

/// Whether a list of tokens has this one, whatever its case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(token))
}

/// Sixteen bytes in base64: 22 characters and two of padding.
fn is_key(key: &[u8]) -> bool {
    let Some((digits, b"==")) = key.split_at_checked(22) else { return false };
    digits.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        for bad in
            ["", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=a", "dGhlIHNhbXBsZSBub25j!!=="]
        {
            assert!(!is_key(bad.as_bytes()), "{bad}");
        }
    }
}
