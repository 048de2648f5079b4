//! `just bench`: what Thali costs.
//!
//! One command, one table. Every server runs in a process of its own, load comes from another one
//! (wrk), the cases take turns in short rounds, and what is reported is the median and its ratio to a
//! native axum server measured in the same rounds: absolute figures of a shared machine drift by
//! tens of percent, ratios hardly do. `bench/README.md` says how to read it.
#![forbid(unsafe_code)]

pub mod args;
pub mod micro;

mod board;
mod build;
mod cases;
mod client;
mod crowd;
mod flask;
mod host;
mod machine;
mod native;
mod native_jobs;
mod order;
mod process;
mod raw;
mod report;
mod stats;
mod town;
mod variant;
mod work;
mod wrk;

use anyhow::Result;
use mimalloc::MiMalloc;

use args::{Args, Hidden};

/// The host's allocator, so that the native reference and the micro-benchmarks have no other.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Runs the benchmarks, or the hidden native server.
///
/// # Errors
///
/// When something that is measured does not start, or answers something else than it should.
pub fn run(args: &Args) -> Result<()> {
    match &args.command {
        Some(Hidden::Native) => native::serve(),
        Some(Hidden::Components { folder, reuse }) => build::write_components(folder, *reuse),
        Some(Hidden::Town { folder }) => build::write_town(folder),
        None => cases::run(args),
    }
}
