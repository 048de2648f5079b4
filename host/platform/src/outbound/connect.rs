//! The way to one origin: name, checked addresses, connection, TLS.
//!
//! A connector knows one origin and looks at no URL, so that nothing can be connected to that was not
//! checked.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{
    FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream,
};
use rustls::pki_types::ServerName;
use thali_contract::origin::{Host, HttpOrigin, Scheme};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tower_service::Service;

use super::Outbound;
use super::counts::Counts;
use super::error::OutboundError;
use super::grants::Grant;
use super::socket::Socket;

/// Addresses of one name that are tried, one after the other.
const ADDRESSES_MAX: usize = 8;

const CONNECTIONS_TAKEN: &str =
    "the service has as many connections as it may: servers do not take what it has sent them";

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, OutboundError>> + Send>>;

/// Connects to one origin.
#[derive(Clone)]
pub(super) struct Connector {
    transport: Transport,
    timeout: Duration,
}

#[derive(Clone)]
enum Transport {
    Plain(Dial),
    Tls(Box<HttpsConnector<Dial>>),
    /// This machine cannot check any server.
    Broken(String),
}

/// Connects to one origin, without TLS.
#[derive(Clone)]
struct Dial(Arc<Way>);

struct Way {
    origin: HttpOrigin,
    /// An operator said that this origin may have any address.
    any_address: bool,
    host: Arc<Outbound>,
    shared: Shared,
}

/// What the connections of one revision of a service have in common.
#[derive(Clone)]
pub(super) struct Shared {
    /// Turns at looking up names.
    pub(super) lookups: Arc<Semaphore>,
    /// Places of connections.
    pub(super) connections: Arc<Semaphore>,
    pub(super) counts: Arc<Counts>,
}

impl Connector {
    /// The way to an origin. Reads the certificates of the system for the first one that wants TLS.
    pub(super) fn new(host: &Arc<Outbound>, grant: &Grant, shared: &Shared) -> Self {
        let dial = Dial(Arc::new(Way {
            origin: grant.origin.clone(),
            any_address: grant.any_address,
            host: Arc::clone(host),
            shared: shared.clone(),
        }));
        let transport = match grant.origin.scheme() {
            Scheme::Http => Transport::Plain(dial),
            Scheme::Https => match secure(host, &grant.origin, dial) {
                Ok(connector) => Transport::Tls(Box::new(connector)),
                Err(reason) => {
                    tracing::warn!(origin = %grant.origin, "no request will be sent: {reason}");
                    Transport::Broken(reason)
                }
            },
        };
        Self { transport, timeout: host.limits().connect_timeout }
    }
}

fn secure(
    host: &Outbound,
    origin: &HttpOrigin,
    dial: Dial,
) -> Result<HttpsConnector<Dial>, String> {
    let name = match origin.host() {
        Host::Address(address) => ServerName::from(*address),
        Host::Name(name) => {
            let name = ServerName::try_from(name.to_string());
            name.map_err(|_| "no certificate can be for this name".to_owned())?
        }
    };
    let config = host.trust().config()?;
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config((*config).clone())
        .https_only()
        .with_server_name_resolver(FixedServerNameResolver::new(name))
        .enable_http1()
        .enable_http2()
        .wrap_connector(dial))
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Socket>;
    type Error = OutboundError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OutboundError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting: Connecting<Self::Response> = match &mut self.transport {
            Transport::Plain(dial) => {
                let way = Arc::clone(&dial.0);
                Box::pin(async move { way.connect().await.map(MaybeHttpsStream::Http) })
            }
            Transport::Tls(connector) => {
                let connecting = connector.call(uri);
                Box::pin(async move {
                    connecting.await.map_err(|error| match error.downcast::<OutboundError>() {
                        Ok(own) => *own,
                        Err(other) => OutboundError::tls(other),
                    })
                })
            }
            Transport::Broken(reason) => {
                let error = OutboundError::tls(reason);
                Box::pin(async move { Err(error) })
            }
        };
        let limit = self.timeout;
        Box::pin(async move {
            let connected = timeout(limit, connecting).await;
            connected.unwrap_or_else(|_| {
                Err(OutboundError::connect(format!("took more than {limit:?}")))
            })
        })
    }
}

impl Service<Uri> for Dial {
    type Response = Socket;
    type Error = OutboundError;
    type Future = Connecting<Socket>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OutboundError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let way = Arc::clone(&self.0);
        Box::pin(async move { way.connect().await })
    }
}

impl Way {
    /// Tries the addresses one after the other; each has an equal share of the time that is left.
    async fn connect(&self) -> Result<Socket, OutboundError> {
        let deadline = Instant::now() + self.host.limits().connect_timeout;
        let addresses = self.addresses().await?;
        let place = Arc::clone(&self.shared.connections).try_acquire_owned();
        let place = place.map_err(|_| OutboundError::Exhausted(CONNECTIONS_TAKEN.into()))?;
        let mut failure = OutboundError::dns(format!("{} has no address", self.origin.host()));
        for (tries_left, address) in (1..=addresses.len()).rev().zip(&addresses) {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(tries_left).unwrap_or(u32::MAX);
            let socket = SocketAddr::new(*address, self.origin.port());
            failure = match timeout(share, TcpStream::connect(socket)).await {
                Ok(Ok(stream)) => return self.connected(stream, place),
                Ok(Err(error)) => OutboundError::connect(error),
                Err(_) => OutboundError::connect(format!("took more than {share:?}")),
            };
        }
        Err(failure)
    }

    fn connected(
        &self,
        stream: TcpStream,
        place: OwnedSemaphorePermit,
    ) -> Result<Socket, OutboundError> {
        stream.set_nodelay(true).map_err(OutboundError::connect)?;
        self.shared.counts.connected();
        Ok(Socket::new(stream, self.host.limits().write_stall_timeout, place))
    }

    /// The addresses that may be connected to.
    async fn addresses(&self) -> Result<Vec<IpAddr>, OutboundError> {
        let found = match self.origin.host() {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.resolve(name).await?,
        };
        let mut refused = None;
        let mut addresses = Vec::with_capacity(found.len().min(ADDRESSES_MAX));
        for address in found {
            if self.host.is_admin(SocketAddr::new(address, self.origin.port())) {
                return Err(self.admin_denied());
            }
            match self.host.private().refuses(address) {
                Some(range) if !self.any_address => refused = Some((address, range)),
                _ => addresses.push(address.to_canonical()),
            }
        }
        addresses.truncate(ADDRESSES_MAX);
        match refused {
            Some((address, range)) if addresses.is_empty() => Err(self.denied(address, range)),
            _ => Ok(addresses),
        }
    }

    /// Asks for a name. The look-up goes on when nobody waits for it any more, and keeps its turn until
    /// it ends: a name whose server does not answer takes its own service's turns and no others.
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, OutboundError> {
        let turn =
            Arc::clone(&self.shared.lookups).acquire_owned().await.map_err(OutboundError::dns)?;
        let lookup = self.host.resolver().resolve(name);
        let lookup = tokio::spawn(async move {
            let _turn = turn;
            lookup.await
        });
        lookup.await.map_err(OutboundError::dns)?.map_err(OutboundError::dns)
    }

    fn admin_denied(&self) -> OutboundError {
        let origin = &self.origin;
        OutboundError::Denied(format!(
            "{origin} is the host's own admin API, which no service may call"
        ))
    }

    /// The service is not told the address: what names mean inside is not for it to know.
    fn denied(&self, address: IpAddr, range: &str) -> OutboundError {
        let origin = &self.origin;
        tracing::warn!(target: "thali::outbound", %origin, %address, range, "address denied");
        OutboundError::Denied(format!(
            "{origin} has no public address ({range}); an operator can allow it in thali.toml: \
             [outbound] private = [\"{origin}\"]"
        ))
    }
}
