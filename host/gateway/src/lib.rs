//! HTTP in front of the services: listeners, HTTP/JSON to typed calls, health, and the admin API.
//!
//! [`listen`] takes connections and knows nothing of services. On top of it are two handlers: the public
//! one sends what is below `/api/v1` to the dispatcher and the rest to an axum router; the admin one has
//! a router of its own. Both answer every error with a problem document that names the request.
#![forbid(unsafe_code)]

mod access;
mod admin;
mod assets;
mod auth;
mod body;
mod client;
mod configured;
mod cors;
mod dispatch;
mod dress;
mod faults;
mod front;
mod gateway;
mod idempotency;
mod limits;
pub mod listen;
mod metrics;
mod pick;
mod public;
mod rate;
mod read;
mod readiness;
mod reply;
mod site;
mod sse;
mod status;
mod streams;
mod web;

pub use admin::audit::{AuditEntry, AuditLog, AuditOutcome};
pub use admin::token::{ADMIN_TOKEN_BYTES_MIN, AdminToken, WeakAdminToken};
pub use auth::{
    Auth, AuthConfig, AuthError, AuthSnapshot, FailureLimits, JwksConfig, KeyConfig, KeyMaterial,
    PreparedKeys, ReloadError,
};
pub use body::Body;
pub use client::{ForwardedBy, Proxies};
pub use configured::{Configuration, Configured, Doors, NotReloaded};
pub use dress::DressConfig;
pub use front::FrontConfig;
pub use gateway::{Gateway, GatewayConfig, Guards, Serving};
pub use limits::GatewayLimits;
pub use rate::RateConfig;
pub use read::BodyError;
pub use site::{Site, SiteError};
