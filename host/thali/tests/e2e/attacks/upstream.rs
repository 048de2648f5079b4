//! Servers that do what no HTTP library would, for services that call them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A server. It ends with this value, and so do its connections.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    accepted: AtomicUsize,
    connections: Mutex<Vec<TcpStream>>,
}

impl Upstream {
    /// Serves each connection to a free port of `ip` with `serve`.
    pub(super) fn start(ip: &str, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            std::thread::scope(|scope| {
                for stream in listener.incoming().map_while(Result::ok) {
                    if theirs.is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    theirs.accepted.fetch_add(1, Ordering::SeqCst);
                    theirs.connections.lock().unwrap().push(stream.try_clone().unwrap());
                    let serve = &serve;
                    scope.spawn(move || serve(stream));
                }
            });
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    /// Answers every request without a body with the same bytes.
    pub(super) fn answering(ip: &str, answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(
            ip,
            move |mut stream| {
                while read_head(&mut stream) && stream.write_all(&answer).is_ok() {}
            },
        )
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections that were made.
    pub(super) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        for connection in self.shared.connections.lock().unwrap().iter() {
            let _ = connection.shutdown(std::net::Shutdown::Both);
        }
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

/// Reads up to the end of a head; false when the client has gone.
pub(super) fn read_head(stream: &mut TcpStream) -> bool {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_exact(&mut byte).is_err() {
            return false;
        }
        head.extend(byte);
    }
    true
}

/// An answer of 200 with a body.
pub(super) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
