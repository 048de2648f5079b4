//! The two listeners of a host, from binding to draining.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use thali_control::Control;
use thali_runtime::Runtime;
use thali_telemetry::Telemetry;
use thali_telemetry::logs::Logs;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::AbortHandle;

use crate::admin::audit::{self, AuditLog};
use crate::admin::token::AdminToken;
use crate::admin::{AdminHandler, Parts};
use crate::auth::Auth;
use crate::client::Proxies;
use crate::configured::{Configured, Doors};
use crate::dispatch::Dispatch;
use crate::dress::DressConfig;
use crate::front::{FrontConfig, Fronts};
use crate::idempotency;
use crate::limits::GatewayLimits;
use crate::listen::{Server, accept_loop};
use crate::metrics::{Metrics, Sources};
use crate::public::PublicHandler;
use crate::readiness::Readiness;
use crate::site::Site;
use crate::sse::Closing;
use crate::status::{Board, Watched};
use crate::streams::Streams;

/// Connections that the kernel keeps until they are accepted. Linux cuts it to `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// Where a host listens, and what it allows there.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// For the services. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// For the admin API. Default `127.0.0.1:8081`. Keep it on loopback unless it has a token.
    pub admin: SocketAddr,
    /// What the listener for the services allows.
    pub limits: GatewayLimits,
    /// What the admin listener allows.
    pub admin_limits: GatewayLimits,
    /// The proxies that are believed about who their clients are.
    pub proxies: Proxies,
    /// What is in front of all routes.
    pub front: FrontConfig,
    /// What answers wear.
    pub dress: DressConfig,
    /// Who has no admin token may look at the host, wherever it listens; on loopback they may anyway. Default no.
    pub anonymous_reads: bool,
    /// The files that are served beside the services. Default none.
    pub site: Option<Site>,
    /// What is kept for who looks at the host.
    pub telemetry: Telemetry,
}

/// What stands at the doors of a host.
#[derive(Clone)]
pub struct Guards {
    /// Checks the tokens of requests to services.
    pub auth: Arc<Auth>,
    /// What requests to the admin API need; `None` lets in whoever reaches it.
    pub admin_token: Option<AdminToken>,
    /// Where changes through the admin API are written down.
    pub audit: Arc<AuditLog>,
    /// Who knows what the host is told.
    pub configured: Arc<Configured>,
}

/// Two bound listeners that do not accept yet.
pub struct Gateway {
    public: TcpListener,
    admin: TcpListener,
    address: SocketAddr,
    admin_address: SocketAddr,
    config: GatewayConfig,
    control: Arc<Control>,
    runtime: Arc<Runtime>,
    guards: Guards,
    logs: Arc<Logs>,
}

/// Two listeners that serve, until [`Serving::stop`].
pub struct Serving {
    public: Arc<Server>,
    admin: Arc<Server>,
    readiness: Arc<Readiness>,
    streams: Arc<Streams>,
    closing: Closing,
    sweep: AbortHandle,
    sampler: AbortHandle,
    doors: Doors,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin: SocketAddr::from(([127, 0, 0, 1], 8081)),
            limits: GatewayLimits::default(),
            admin_limits: GatewayLimits::admin(),
            proxies: Proxies::default(),
            front: FrontConfig::default(),
            dress: DressConfig::default(),
            anonymous_reads: false,
            site: None,
            telemetry: Telemetry::default(),
        }
    }
}

impl Gateway {
    /// Binds both listeners. Port 0 takes any that is free.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on.
    pub async fn bind(
        config: GatewayConfig,
        control: Arc<Control>,
        runtime: Arc<Runtime>,
        guards: Guards,
    ) -> io::Result<Self> {
        let (public, admin) = (listen(config.listen)?, listen(config.admin)?);
        let (address, admin_address) = (public.local_addr()?, admin.local_addr()?);
        let logs = Logs::none();
        Ok(Self { public, admin, address, admin_address, config, control, runtime, guards, logs })
    }

    /// Shows this log to who may see it. Without it there is nothing to see.
    #[must_use]
    pub fn with_logs(self, logs: Arc<Logs>) -> Self {
        Self { logs, ..self }
    }

    /// Where the services are.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the admin API is.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Begins to accept. The host is not ready before [`Serving::ready`].
    pub fn serve(self) -> Serving {
        let readiness = Arc::new(Readiness::default());
        let public = Server::behind(self.config.proxies, self.config.limits);
        let admin = Server::new(self.config.admin_limits);
        let streams = Streams::new(Arc::clone(&self.control), public.limits());
        let fronts = Arc::new(Fronts::new(self.config.front, self.runtime.tracer()));
        let dress = Arc::new(ArcSwap::from_pointee(self.config.dress));
        let doors = Doors {
            fronts: Arc::clone(&fronts),
            server: Arc::clone(&public),
            dress: Arc::clone(&dress),
        };
        let metrics = Metrics::new(Sources {
            control: Arc::clone(&self.control),
            runtime: Arc::clone(&self.runtime),
            auth: Arc::clone(&self.guards.auth),
            fronts: Arc::clone(&fronts),
            streams: Arc::clone(&streams),
            public: Arc::clone(&public),
            admin: Arc::clone(&admin),
            telemetry: self.config.telemetry.clone(),
            logs: Arc::clone(&self.logs),
        });
        let dispatch = Dispatch::new(
            Arc::clone(&self.control),
            Arc::clone(&self.runtime),
            Arc::clone(&streams),
            Arc::clone(&self.guards.auth),
            Arc::clone(&fronts),
        );
        let handler = PublicHandler::new(
            &self.control,
            dispatch,
            Arc::clone(&readiness),
            dress,
            self.config.site,
        );
        tokio::spawn(accept_loop(self.public, Arc::clone(&public), handler));
        let sweep = tokio::spawn(idempotency::sweep(Arc::clone(&self.control)));
        audit::watch(&self.control, &self.guards.audit);
        let (board, sampler) = Board::start(Watched {
            control: Arc::clone(&self.control),
            runtime: Arc::clone(&self.runtime),
            fronts,
            public: Arc::clone(&public),
        });
        let closing = Closing::default();
        let parts = Parts {
            control: self.control,
            runtime: self.runtime,
            metrics,
            logs: self.logs,
            board,
            closing: closing.clone(),
            telemetry: self.config.telemetry,
            anonymous_reads: self.config.anonymous_reads,
        };
        let handler = AdminHandler::new(parts, self.guards, self.admin_address);
        tokio::spawn(accept_loop(self.admin, Arc::clone(&admin), handler));
        let sweep = sweep.abort_handle();
        Serving { public, admin, readiness, streams, closing, sweep, sampler, doors }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.sweep.abort();
        self.sampler.abort();
    }
}

impl Serving {
    /// Says that the host wants requests now.
    pub fn ready(&self) {
        self.readiness.is_up();
    }

    /// Says that the host wants no more requests, and serves those that come nevertheless: load balancers
    /// look now and then, and should have seen it before [`Serving::stop`] closes the door.
    pub fn not_ready(&self) {
        self.readiness.goes_down();
    }

    /// What is in front of all routes, to be changed.
    pub fn doors(&self) -> Doors {
        self.doors.clone()
    }

    /// The listener for the services, for its counts.
    pub fn public(&self) -> &Server {
        &self.public
    }

    /// The admin listener, for its counts.
    pub fn admin(&self) -> &Server {
        &self.admin
    }

    /// Readiness falls, nothing more is accepted, idle connections are closed, streams end so that their
    /// clients come back, running requests have `grace` to end. Returns how many did not, and were cut: their clients are, at once, and what an
    /// unsafe one still runs ends with the process, or at its own deadline.
    pub async fn stop(self, grace: Duration) -> usize {
        self.readiness.goes_down();
        self.streams.close();
        self.closing.begin();
        let (public, admin) = tokio::join!(self.public.drain(grace), self.admin.drain(grace));
        public.cut + admin.cut
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A host that is started again must not wait for the connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
