//! What components may import from the host: `thali:platform/*`, and what is not WASI's plain part.
//!
//! Each capability is a module that works without wasm, and a thin [`Capability`] that lends it to
//! components. Nothing here knows of routes, rollouts or HTTP.
#![forbid(unsafe_code)]

mod backends;
pub mod cache;
pub mod config;
pub mod context;
pub mod events;
pub mod idempotency;
pub mod identity;
pub mod logging;
pub mod mail;
mod messaging;
pub mod outbound;
pub mod schedules;
pub mod sms;
pub mod sql;

pub use backends::Backends;
pub use messaging::{SendCounts, SendError};

use thali_contract::name::InterfaceName;
use thali_runtime::Capability;

/// Everything that this host offers to components.
pub const CAPABILITIES: &[&dyn Capability] = &[
    &cache::CacheCapability,
    &config::ConfigCapability,
    &context::ContextCapability,
    &identity::IdentityCapability,
    &logging::WasiLogging,
    &logging::WasiLoggingUnversioned,
    &mail::MailCapability,
    &outbound::HttpCapability,
    &outbound::WasiHttpTypes,
    &outbound::WasiOutgoingHandler,
    &sms::SmsCapability,
    &sql::SqlCapability,
];

/// `thali:platform/NAME@1.0.0`
fn interface(name: &str) -> InterfaceName {
    InterfaceName {
        namespace: "thali".to_owned(),
        package: "platform".to_owned(),
        interface: name.to_owned(),
        version: Some(semver::Version::new(1, 0, 0)),
    }
}
