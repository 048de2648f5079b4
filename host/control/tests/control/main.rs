//! The control plane as a whole: real components, a real engine, a real data folder.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "../support/mod.rs"]
mod support;

mod contracts;
mod crash;
mod data;
mod databases;
mod deploy;
mod events;
mod folder;
mod outbound;
mod races;
mod refusals;
mod remove;
mod restart;
mod rollback;
mod rollouts;
mod schedules;
mod status;

/// What most tests deploy: `thali:NAME/api@1.0.0` with one function, which returns a number.
fn api(name: &str) -> support::Guest {
    support::guest(name).exports(&format!("thali:{name}/api@1.0.0"), &["get: func() -> u32"])
}
