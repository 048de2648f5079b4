//! What a service promises and needs, as data: WIT types and interfaces, the manifest, routes, JSON,
//! events, OpenAPI, compatibility.
//!
//! Nothing here does I/O, runs wasm or knows of a server. Values are wasmtime's dynamic
//! [`Val`](wasmtime::component::Val)s: plain data that moves between stores.
#![forbid(unsafe_code)]

pub mod access;
pub mod compat;
pub mod contract;
pub mod events;
pub mod json;
pub mod manifest;
pub mod name;
pub mod openapi;
pub mod origin;
pub mod pack;
pub mod problem;
pub mod read;
pub mod route;
pub mod ty;

#[cfg(test)]
mod testing;
