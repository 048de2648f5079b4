//! The system from outside: the binary, its command line, HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod access;
mod attacks;
mod chaos;
mod cli;
mod contracts;
mod databases;
mod demo;
mod dev;
mod disks;
mod drain;
mod events;
mod food_delivery;
mod food_events;
mod games;
mod idempotency;
mod identity;
mod messages;
mod metrics;
mod new_service;
mod notify;
mod outside;
mod payments;
mod reload;
mod rollouts;
mod schedules;
mod settings;
mod shop;
mod site;
mod snapshots;
mod stock;
mod support;
mod swap;
mod traces;
mod upload;
mod users;
