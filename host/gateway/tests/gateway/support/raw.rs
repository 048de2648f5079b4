//! A client that sends what a proper HTTP library refuses to.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A socket and what was read from it but not used.
pub struct Raw {
    stream: TcpStream,
    unused: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    pub fn over(stream: TcpStream) -> Self {
        Self { stream, unused: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self
    }

    /// Like `send`, when the server may have closed.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// A GET on this connection.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        self.answer().await
    }

    /// The next answer; panics when the connection ends before it is whole.
    pub async fn answer(&mut self) -> Answer {
        self.try_answer().await.expect("a whole answer")
    }

    /// The next answer, or `None` when the connection ends before it is whole.
    pub async fn try_answer(&mut self) -> Option<Answer> {
        let head = loop {
            if let Some(end) = find(&self.unused, b"\r\n\r\n") {
                let rest = self.unused.split_off(end + 4);
                break String::from_utf8(std::mem::replace(&mut self.unused, rest)).unwrap();
            }
            self.more().await?;
        };
        let mut lines = head.lines();
        let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        if status == 100 {
            return Some(Answer { status, headers: Vec::new(), body: Vec::new() });
        }
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = self.chunks().await?;
            return Some(answer);
        }
        let length: usize =
            answer.header("content-length").map_or(0, |value| value.parse().unwrap());
        while self.unused.len() < length {
            self.more().await?;
        }
        let rest = self.unused.split_off(length);
        answer.body = std::mem::replace(&mut self.unused, rest);
        Some(answer)
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let Some(line) = find(&self.unused, b"\r\n") else {
                self.more().await?;
                continue;
            };
            let size = std::str::from_utf8(&self.unused[..line]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            while self.unused.len() < line + 4 + size {
                self.more().await?;
            }
            body.extend_from_slice(&self.unused[line + 2..line + 2 + size]);
            self.unused.drain(..line + 4 + size);
            if size == 0 {
                return Some(body);
            }
        }
    }

    /// An answer to a HEAD request: no body, whatever the head says.
    pub async fn head_answer(&mut self) -> String {
        loop {
            if let Some(end) = find(&self.unused, b"\r\n\r\n") {
                let rest = self.unused.split_off(end + 4);
                return String::from_utf8(std::mem::replace(&mut self.unused, rest)).unwrap();
            }
            self.more().await.unwrap();
        }
    }

    /// Reads an answer with a pause before every megabyte; returns the length of its body.
    pub async fn slow_answer(&mut self, pause: Duration) -> usize {
        let head = self.head_answer().await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.unwrap().parse().unwrap();
        let (mut read, mut paused_at) = (self.unused.len(), 0);
        while read < length {
            self.unused.clear();
            self.more().await.unwrap();
            read += self.unused.len();
            if read >> 20 > paused_at {
                paused_at = read >> 20;
                tokio::time::sleep(pause).await;
            }
        }
        self.unused.clear();
        read
    }

    /// Whether the server closes, with nothing more to say, within `limit`.
    pub async fn is_closed_within(&mut self, limit: Duration) -> bool {
        let mut byte = [0; 1];
        self.unused.is_empty()
            && matches!(timeout(limit, self.stream.read(&mut byte)).await, Ok(Ok(0) | Err(_)))
    }

    /// Everything until the server closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await.is_some() {}
        std::mem::take(&mut self.unused)
    }

    async fn more(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.unused).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The `code` of a problem document, which must name the request.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(problem["request_id"].is_string());
        problem["code"].as_str().unwrap().to_owned()
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
