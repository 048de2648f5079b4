//! A client that follows a stream.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything in a stream may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection on which server-sent events come.
pub struct Follower {
    stream: TcpStream,
    /// The answer's head.
    pub head: String,
    chunked: Vec<u8>,
    text: String,
    /// Whether the last chunk came.
    pub whole: bool,
}

/// One server-sent event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: Option<i64>,
    pub name: String,
    pub data: Value,
}

impl Follower {
    /// Asks for `/api/v1{path}`.
    pub async fn open(address: SocketAddr, path: &str, last_event_id: Option<i64>) -> Self {
        let header = last_event_id.map_or(String::new(), |id| format!("last-event-id: {id}\r\n"));
        Self::send(address, path, &header).await
    }

    pub async fn send(address: SocketAddr, path: &str, headers: &str) -> Self {
        Self::get(address, &format!("/api/v1{path}"), headers).await
    }

    /// Follows the host itself.
    pub async fn admin(address: SocketAddr, headers: &str) -> Self {
        Self::get(address, "/admin/v1/live", headers).await
    }

    /// Follows the log.
    pub async fn logs(address: SocketAddr, query: &str, headers: &str) -> Self {
        Self::get(address, &format!("/admin/v1/logs/stream{query}"), headers).await
    }

    async fn get(address: SocketAddr, path: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let (head, chunked) = (String::new(), Vec::new());
        let mut me = Self { stream, head, chunked, text: String::new(), whole: false };
        let end = loop {
            if let Some(end) = me.chunked.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(me.more().await, "no answer");
        };
        let rest = me.chunked.split_off(end);
        me.head = String::from_utf8(std::mem::replace(&mut me.chunked, rest)).unwrap();
        me.head.make_ascii_lowercase();
        me
    }

    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = Event::read(event);
                self.text = rest.to_owned();
                if event.is_some() {
                    return event;
                }
            }
            self.dechunk();
            if self.text.contains("\n\n") {
                continue;
            }
            if self.whole || !self.more().await {
                return None;
            }
        }
    }

    /// The next event of this name.
    pub async fn find(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("the end instead of {name}"));
            if event.name == name {
                return event;
            }
        }
    }

    /// The next event, which has to have this name.
    pub async fn expect(&mut self, name: &str) -> Event {
        let event = self.next().await.unwrap_or_else(|| panic!("the end instead of {name}"));
        assert_eq!(event.name, name, "{event:?}");
        event
    }

    fn dechunk(&mut self) {
        while let Some(line) = self.chunked.windows(2).position(|bytes| bytes == b"\r\n") {
            let size = std::str::from_utf8(&self.chunked[..line]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            if self.chunked.len() < line + 2 + size + 2 {
                return;
            }
            let rest = self.chunked.split_off(line + 2 + size + 2);
            let chunk = std::mem::replace(&mut self.chunked, rest);
            self.text.push_str(std::str::from_utf8(&chunk[line + 2..line + 2 + size]).unwrap());
            self.whole |= size == 0;
        }
    }

    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.chunked)).await;
        matches!(read.expect("something happens in time"), Ok(1..))
    }
}

impl Event {
    /// `None` for what is no event: a comment, the time to wait.
    fn read(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(field, _)| *field == name).map(|(_, value)| value.to_owned())
        };
        Some(Self {
            id: field("id").map(|id| id.parse().unwrap()),
            name: field("event")?,
            data: serde_json::from_str(&field("data")?).unwrap(),
        })
    }
}
