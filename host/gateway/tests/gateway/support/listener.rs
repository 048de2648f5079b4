//! A listener with a handler that does what its path says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use thali_gateway::listen::{Call, Drained, Handler, Server, accept_loop};
use thali_gateway::{Body, GatewayLimits};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::Raw;

/// What the handler saw.
#[derive(Default)]
pub struct Probe {
    /// Requests that came.
    pub requests: AtomicUsize,
    /// Requests that were dropped before their answer.
    pub dropped: AtomicUsize,
    /// Lets one `/gate` go on.
    pub gate: Notify,
}

impl Probe {
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }
}

/// A listener on a port of its own.
pub struct TestListener {
    pub address: SocketAddr,
    pub server: Arc<Server>,
    pub probe: Arc<Probe>,
}

impl TestListener {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(limits: impl FnOnce(&mut GatewayLimits)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::new(GatewayLimits::default().with(limits));
        let probe = Arc::new(Probe::default());
        let handler = ByPath(Arc::clone(&probe));
        tokio::spawn(accept_loop(listener, Arc::clone(&server), handler));
        Self { address, server, probe }
    }

    pub async fn connect(&self) -> Raw {
        Raw::connect(self.address).await
    }

    /// The handler, for another listener.
    pub fn handler(&self) -> impl Handler {
        ByPath(Arc::clone(&self.probe))
    }

    pub async fn drain(&self, grace: Duration) -> Drained {
        self.server.drain(grace).await
    }

    /// Waits until something is so. Time must be paused.
    pub async fn until(&self, mut so: impl FnMut(&Self) -> bool) {
        for _ in 0..5000 {
            if so(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("it never happened");
    }

    /// Everything is as before the first connection, and one more is served.
    pub async fn assert_clean(&self) {
        self.until(|l| l.server.connections() == 0 && l.server.requests() == 0).await;
        assert_eq!(self.connect().await.get("/echo").await.status, 200);
    }
}

#[derive(Clone)]
struct ByPath(Arc<Probe>);

struct CountsDrop(Arc<Probe>, bool);

impl Drop for CountsDrop {
    fn drop(&mut self) {
        if !self.1 {
            self.0.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Handler for ByPath {
    async fn handle(&self, request: Request<Incoming>, mut call: Call) -> Response<Body> {
        self.0.requests.fetch_add(1, Ordering::SeqCst);
        let mut drops = CountsDrop(Arc::clone(&self.0), false);
        let (head, body) = request.into_parts();
        let answer: Vec<u8> = match head.uri.path() {
            "/gate" => {
                self.0.gate.notified().await;
                b"open".to_vec()
            }
            "/panic" => panic!("as asked"),
            "/refuse" => Vec::new(),
            "/big" => vec![b'x'; 50 << 20],
            _ => match call.read_body(body).await {
                Ok(bytes) => bytes.to_vec(),
                Err(error) => {
                    drops.1 = true;
                    return call.refuse(&error.problem());
                }
            },
        };
        drops.1 = true;
        call.finish(Response::new(Body::from(answer)))
    }
}
