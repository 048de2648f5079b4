//! `thali:platform/config`: what operators set for a service, and what it falls back to.
//!
//! A value comes from the environment (`THALI_CONFIG_ORDERS__MAX_LINES`), else from the host's file
//! (`[services.orders.config]`), else from the manifest. A secret has no value in the manifest, and
//! may be kept in a file of its own. [`Overrides`] is what operators say, for all services;
//! [`Settings`] what came out for one of them, when it was deployed.
//!
//! What is absent on purpose: changing a setting of a running revision. A request would see two
//! values of it. Deploy again, or restart.

mod bindings;
mod capability;
mod overrides;
mod secret;
mod settings;

pub use capability::ConfigCapability;
pub use overrides::{Environment, Overrides, ServiceOverrides};
pub use secret::{Secret, SecretError, SecretSource};
pub use settings::{Origin, Setting, Settings};
