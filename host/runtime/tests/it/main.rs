//! The runtime from outside: hostile guests, typed calls, swaps.
#![allow(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc)]

mod calls;
mod cpu;
mod hostile;
mod sandbox;
mod support;
mod upstreams;
