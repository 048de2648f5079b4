//! A day on a running host: customers order, drivers move, stock runs low, players level up. Everything
//! goes through the public HTTP API, as any client's requests would.
#![allow(clippy::indexing_slicing, reason = "JSON only: what is not there is null")]

mod api;
mod chance;
mod city;
mod day;
mod games;
mod people;
mod shop;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use api::Api;
use day::Day;

/// Lets a day go by on a host that `./justw up` runs.
#[derive(Debug, Parser)]
#[command(name = "thali-demo", max_term_width = 100)]
struct Args {
    /// Where the services are.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A token with the scope `admin`, for the kitchen, the drivers and the game: `thali token --sub demo --scope admin`.
    #[arg(long, env = "THALI_DEMO_TOKEN", hide_env_values = true)]
    token: String,
    /// How long the day takes, in seconds.
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let api = Api::new(&args.url, &args.token);
    api.is_ready()?;
    let day = Day::begin(&api, Duration::from_secs(args.seconds))?;
    println!("{}", day.go_by()?);
    Ok(())
}
