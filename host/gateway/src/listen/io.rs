//! A socket that tells its connection what it sees.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use super::connection::Connection;

/// A stream below hyper, where every wait is seen: hyper's own header timer counts idle time as header
/// time, starts only after the version was sniffed, and is allocated anew for every request.
pub(crate) struct WatchedIo<S> {
    stream: S,
    connection: Arc<Connection>,
    /// Its place among the listener's connections, also after it has become a WebSocket.
    _slot: OwnedSemaphorePermit,
    ended: bool,
    shut: bool,
}

impl<S> WatchedIo<S> {
    pub(crate) fn new(stream: S, connection: Arc<Connection>, slot: OwnedSemaphorePermit) -> Self {
        Self { stream, connection, _slot: slot, ended: false, shut: false }
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.connection.wrote(written.is_ready());
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedIo<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let before = into.filled().len();
        ready!(Pin::new(&mut me.stream).poll_read(cx, into))?;
        if into.filled().len() > before {
            me.connection.received();
        } else if into.remaining() > 0 {
            me.ended = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WatchedIo<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let written = Pin::new(&mut me.stream).poll_write(cx, bytes);
        me.wrote(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let written = Pin::new(&mut me.stream).poll_write_vectored(cx, slices);
        me.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    /// Shuts down, and then reads and forgets what the client still sends: closing a socket with unread
    /// bytes in it sends a reset, which may overtake the answer. The connection's deadline ends it.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if !me.shut {
            ready!(Pin::new(&mut me.stream).poll_shutdown(cx))?;
            me.shut = true;
        }
        if me.ended || !me.connection.has_unread() {
            return Poll::Ready(Ok(()));
        }
        me.connection.lingers();
        let mut scratch = [0; 4096];
        loop {
            let mut into = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut me.stream).poll_read(cx, &mut into)) {
                Ok(()) if !into.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}
