//! A listener: connections in, HTTP/1.1 and h2c requests out to a [`Handler`], under [`GatewayLimits`](crate::GatewayLimits).
//!
//! The accept loop is our own because nobody else's has what a public socket needs: hyper's version
//! sniffing has no deadline, `axum::serve` sets no timer, and an accept error must slow the loop down
//! but never end it. What every request gets here, whoever handles it: an id, a place in the count of
//! running requests (which a drain waits for), refusal of what HTTP parsers disagree about, and a 500
//! instead of a dropped connection when a handler panics.
//!
//! Nothing here knows what a service is.

mod accept;
mod call;
mod connection;
mod head;
mod io;
mod refuse;
mod serve;
mod server;
mod timer;

use std::future::Future;

use http::{Request, Response};
use hyper::body::Incoming;

use crate::body::Body;

pub use accept::{Accept, accept_loop};
pub use call::Call;
pub use server::{Drained, Server};

pub(crate) use call::{REQUEST_ID, panicked};
pub(crate) use connection::InFlight;
pub(crate) use server::BodyRoom;

/// Answers the requests of a listener.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one request, with [`Call::finish`]. The future is dropped when the client leaves.
    fn handle(
        &self,
        request: Request<Incoming>,
        call: Call,
    ) -> impl Future<Output = Response<Body>> + Send;
}
