//! HTTP requests of services: `thali:platform/http`, and `wasi:http/outgoing-handler`.
//!
//! Nothing may be called unless the manifest names it (`[outbound] allow`), and nothing that has no
//! public address unless an operator does (`[outbound] private` of the host's file). A revision has one
//! [`Client`] with a pool of connections per origin; each origin's connector resolves, checks and
//! connects by itself and looks at no URL, so a request cannot go where it was not checked
//! (`connect`). The rest is limits: times, sizes, numbers ([`OutboundLimits`]).
//!
//! What is absent on purpose: redirects, cookies, proxies, decompression and caching. A service sees what
//! the server sent.

mod address;
mod bindings;
mod body;
mod capability;
mod client;
mod connect;
mod counts;
mod error;
mod grants;
mod head;
mod hops;
mod invocation;
mod limits;
mod private;
mod resolve;
mod socket;
mod spans;
mod tls;
mod wasi;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

pub use body::ResponseBody;
pub use capability::HttpCapability;
pub use client::{BodyError, Client, OutboundRequest, RequestBody, Timeouts};
pub use counts::OutboundCounts;
pub use error::OutboundError;
pub use grants::{Grant, Grants, Ungranted};
pub use hops::depth;
pub use invocation::Invocation;
pub use limits::OutboundLimits;
pub use private::{PrivateTarget, PrivateTargets};
pub use resolve::{Answer, Resolve, SystemResolver};
pub use tls::CaError;
pub use wasi::{WasiHttpTypes, WasiOutgoingHandler};

use tls::Trust;

/// What the requests of all services of a host have in common.
pub struct Outbound {
    limits: OutboundLimits,
    private: PrivateTargets,
    trust: Trust,
    resolver: Arc<dyn Resolve>,
    admin: OnceLock<SocketAddr>,
}

impl Outbound {
    /// Requests within these limits.
    pub fn new(limits: OutboundLimits, private: PrivateTargets) -> Self {
        Self { limits, private, ..Self::default() }
    }

    /// Trusts the authorities of a PEM file beside the system's.
    ///
    /// # Errors
    ///
    /// When there is no certificate to be read from it.
    pub fn with_ca(self, path: &Path) -> Result<Self, CaError> {
        Ok(Self { trust: Trust::with(path)?, ..self })
    }

    /// Asks another resolver.
    #[must_use]
    pub fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, ..self }
    }

    /// Closes the address of the host's own admin API to services, whatever `private` says: who reaches it
    /// can deploy. The first address stays.
    pub fn close(&self, admin: SocketAddr) {
        let _ = self.admin.set(admin);
    }

    /// Whether the admin API answers at an address. What is connected to 0.0.0.0 arrives on loopback.
    fn is_admin(&self, address: SocketAddr) -> bool {
        let Some(admin) = self.admin.get() else { return false };
        let ip = address.ip().to_canonical();
        address.port() == admin.port() && (ip == admin.ip().to_canonical() || ip.is_unspecified())
    }

    /// What services may do.
    pub fn limits(&self) -> &OutboundLimits {
        &self.limits
    }

    /// What an operator opens of the host's own network.
    pub fn private(&self) -> &PrivateTargets {
        &self.private
    }

    fn trust(&self) -> &Trust {
        &self.trust
    }

    fn resolver(&self) -> &dyn Resolve {
        &*self.resolver
    }
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            limits: OutboundLimits::default(),
            private: PrivateTargets::default(),
            trust: Trust::default(),
            resolver: Arc::new(SystemResolver::default()),
            admin: OnceLock::new(),
        }
    }
}
