//! The gateway over real sockets, by failure family.
#![allow(
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod support;

mod key_sets;
mod keys;
mod tokens;
mod traces;

mod admin;
mod admission;
mod audit;
mod breakers;
mod calls;
mod clients_that_send_wrong_things;
mod clients_that_stall;
mod connections;
mod cors;
mod databases;
mod drain;
mod dress;
mod health;
mod http2;
mod idempotency;
mod leaving;
mod log_desk;
mod logs;
mod metrics;
mod pages;
mod principals;
mod rates;
mod rollouts;
mod site;
mod smoke;
mod status;
mod strangers;
mod streams;
mod websockets;
mod who_may;
