//! The accept loop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::Handler;
use super::refuse::refuse;
use super::serve::{builder, serve};
use super::server::{Phase, Server};
use crate::limits::GatewayLimits;

/// Where connections come from.
pub trait Accept: Send {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection. Safe to drop before it is ready.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // Without it an answer in two writes waits up to 40 ms for the client's delayed ACK.
        stream.set_nodelay(true)?;
        Ok((stream, peer))
    }
}

/// Accepts connections and serves each on a task of its own, until the server drains. The listener is
/// closed when this returns; the connections go on.
pub async fn accept_loop<A: Accept, H: Handler>(mut listener: A, server: Arc<Server>, handler: H) {
    let builder = Arc::new(builder(server.limits()));
    let mut pause = Pause::default();
    loop {
        let changed = server.phase_changed().notified();
        if server.phase() != Phase::Serving {
            return;
        }
        let accepted = tokio::select! {
            biased;
            () = changed => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = Pause::default();
                let Ok(slot) = Arc::clone(server.connection_slots()).try_acquire_owned() else {
                    refuse(&server, stream);
                    continue;
                };
                let (builder, server, handler) =
                    (Arc::clone(&builder), Arc::clone(&server), handler.clone());
                tokio::spawn(async move {
                    serve(&builder, server, handler, stream, peer, slot).await;
                });
            }
            // The client gave up while it waited to be accepted; the next one has not.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                let pause = pause.next(server.limits());
                tracing::warn!(?pause, "no connection can be accepted: {error}");
                tokio::select! {
                    () = server.phase_changed().notified() => {}
                    () = sleep(pause) => {}
                }
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput, NotConnected,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | InvalidInput | NotConnected
    )
}

/// How long to wait after failed accepts.
#[derive(Default)]
struct Pause(Option<Duration>);

impl Pause {
    fn next(&mut self, limits: &GatewayLimits) -> Duration {
        let pause = self.0.map_or(limits.accept_pause_min, |last| last * 2);
        *self.0.insert(pause.min(limits.accept_pause_max))
    }
}
