//! Servers made of raw sockets, which do what no HTTP library would.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A server. It ends with this value, and so do its connections.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    requests: Requests,
    task: JoinHandle<()>,
}

/// The heads of the requests that came.
type Requests = Arc<Mutex<Vec<String>>>;

/// One connection to an [`Upstream`].
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    requests: Requests,
}

impl Upstream {
    /// Serves each connection with `serve`.
    pub(crate) async fn start<F, D>(serve: F) -> Self
    where
        F: Fn(Connection) -> D + Send + 'static,
        D: Future<Output = ()> + Send + 'static,
    {
        Self::on("127.0.0.1:0".parse().unwrap(), serve).await
    }

    /// The same, on an address.
    pub(crate) async fn on<F, D>(address: SocketAddr, serve: F) -> Self
    where
        F: Fn(Connection) -> D + Send + 'static,
        D: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, requests) = (Arc::new(AtomicUsize::new(0)), Requests::default());
        let (counter, log) = (Arc::clone(&accepted), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                connections.spawn(serve(Connection { stream, requests: Arc::clone(&log) }));
            }
        });
        Self { address, accepted, requests, task }
    }

    /// Answers every request with the same bytes.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |connection| connection.answer_all(Arc::clone(&answer))).await
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    /// The next request with its body; `None` when the client has gone.
    pub(crate) async fn request(&mut self) -> Option<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.ok()?);
        }
        let mut text = String::from_utf8(head).unwrap();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.stream.read_exact(&mut body).await.ok()?;
        text.push_str(&String::from_utf8_lossy(&body));
        self.requests.lock().push(text.clone());
        Some(text)
    }

    /// Sends bytes. A client that has gone is no failure.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    async fn answer_all(mut self, answer: Arc<[u8]>) {
        while self.request().await.is_some() && self.send(&answer).await {}
    }
}

/// An answer of 200 with a body.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
