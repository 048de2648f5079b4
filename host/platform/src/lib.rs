//! What components may import from the host: `thali:platform/*`.
//!
//! Each capability is a module that works without wasm, and a thin [`Capability`] that lends it to
//! components. Nothing here knows of routes, rollouts or HTTP.
//!
//! [`Capability`]: thali_runtime::Capability
#![forbid(unsafe_code)]

pub mod sql;
