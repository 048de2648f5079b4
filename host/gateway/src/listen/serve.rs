//! Serving one connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;

use super::Handler;
use super::call::answer;
use super::connection::{Connection, Expiry};
use super::io::WatchedIo;
use super::server::{Phase, Server};
use super::timer::Timer;
use crate::limits::GatewayLimits;

/// HTTP/2: after this long without a frame the client is asked whether it is still there, and has as
/// long to say so.
const H2_PING: Duration = Duration::from_secs(20);

/// HTTP/2: bytes that wait in one stream's send buffer.
const H2_SEND_BYTES_MAX: usize = 64 << 10;

/// What hyper is told about every connection of a listener.
pub(crate) fn builder(limits: &GatewayLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Off, because `Connection::deadline` has this one and those that hyper lacks.
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(H2_PING)
        .keep_alive_timeout(H2_PING)
        .max_concurrent_streams(limits.h2_streams_max)
        .max_pending_accept_reset_streams(limits.h2_pending_resets_max)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .max_send_buf_size(H2_SEND_BYTES_MAX);
    builder
}

/// Serves a connection until it ends, a deadline cuts it, a drain does, or it becomes a WebSocket.
pub(crate) async fn serve<S, H>(
    builder: &auto::Builder<TokioExecutor>,
    server: Arc<Server>,
    handler: H,
    stream: S,
    peer: SocketAddr,
    slot: OwnedSemaphorePermit,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let connection = Connection::new(Arc::clone(&server), peer);
    let io = TokioIo::new(WatchedIo::new(stream, Arc::clone(&connection), slot));
    let service = service_fn(|request| {
        // Boxed: hyper keeps room for this future for as long as the connection lives, and it is ten
        // times the size of everything else that an idle connection needs of ours.
        let answered = Box::pin(answer(handler.clone(), Arc::clone(&connection), request));
        async { Ok::<_, Infallible>(answered.await) }
    });
    let mut http = pin!(builder.serve_connection_with_upgrades(io, service));
    let mut changed = pin!(server.phase_changed().notified());
    let mut seen = None;
    let mut timer = Timer::default();
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = http.as_mut().poll(cx) {
                if let Err(error) = ended {
                    tracing::debug!(%peer, "the connection ended: {error}");
                }
                return Poll::Ready(());
            }
            // After hyper has read what there is, so that a request that came before a drain is served. The
            // notification is polled only to be registered, at first and after each change: the waker of a
            // task stays the same, and this runs several times per request.
            let phase = server.phase();
            if seen != Some(phase) {
                seen = Some(phase);
                changed.set(server.phase_changed().notified());
                let _ = changed.as_mut().poll(cx);
                match phase {
                    Phase::Serving => {}
                    Phase::Draining => http.as_mut().graceful_shutdown(),
                    Phase::Cut => return Poll::Ready(()),
                }
                continue;
            }
            match poll_expiry(&connection, &mut timer, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Expiry::Close) => {
                    connection.closes();
                    http.as_mut().graceful_shutdown();
                }
                Poll::Ready(Expiry::Cut) => {
                    tracing::debug!(%peer, "the connection is cut: its client takes too long");
                    return Poll::Ready(());
                }
            }
        }
    })
    .await;
}

fn poll_expiry(connection: &Connection, timer: &mut Timer, cx: &mut Context<'_>) -> Poll<Expiry> {
    match connection.deadline() {
        None => Poll::Pending,
        Some((deadline, expiry)) => timer.poll_until(deadline, cx).map(|()| expiry),
    }
}
