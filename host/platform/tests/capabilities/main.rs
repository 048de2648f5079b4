//! The small capabilities of `thali:platform`, as a component meets them and from inside the host.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod cache;
mod config;
mod context;
mod identity;
mod logging;
mod mail;
mod outbound;
mod sms;
mod support;
