//! The cases, in the order of the table.

mod beside;
mod deploy;
mod durable;
mod events;
mod food;
mod games;
mod gateway;
mod idle;
mod load;
mod micro;
mod orders;
mod overload;
mod restart;
mod serving;
mod shop;
mod streams;
mod telemetry;

use anyhow::{Result, bail};

use crate::args::{Args, Effort};
use crate::build::{self, Components};
use crate::machine::Machine;
use crate::process;
use crate::report::Report;
use crate::work::Work;

/// What every case gets.
pub(crate) struct Bench<'a> {
    pub(crate) args: &'a Args,
    pub(crate) effort: Effort,
    pub(crate) work: &'a Work,
    pub(crate) components: &'a Components,
}

/// Measures what is asked for, prints the table and keeps it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let work = Work::open()?;
    process::clean_up_on_signals(work.folder().to_owned())?;
    let components = build::components(&work)?;
    let mut report = Report::new(Machine::look(), args.quick);
    let bench = Bench { args, effort: args.effort(), work: &work, components: &components };
    let cases: &[(&[&str], Case)] = &[
        (load::CASES, load::run),
        (durable::CASES, durable::run),
        (&[food::CASE], food::run),
        (orders::CASES, orders::run),
        (shop::CASES, shop::run),
        (games::CASES, games::run),
        (&[events::CASE], events::run),
        (deploy::CASES, deploy::run),
        (&[restart::CASE], restart::run),
        (&[idle::CASE], idle::run),
        (streams::CASES, streams::run),
        (overload::CASES, overload::run),
        (gateway::CASES, gateway::run),
        (telemetry::CASES, telemetry::run),
        (micro::CASES, micro::run),
    ];
    if !cases.iter().flat_map(|(names, _)| *names).any(|name| args.wants(name)) {
        let names: Vec<_> = cases.iter().flat_map(|(names, _)| *names).copied().collect();
        bail!("no case is called so; there are: {}", names.join(", "));
    }
    for (names, case) in cases {
        if names.iter().any(|name| args.wants(name)) {
            case(&bench, &mut report)?;
        }
    }
    println!("{}", report.table());
    report.write(&work.results())?;
    eprintln!("bench: kept in {}", work.results().display());
    match report.failures() {
        [] => Ok(()),
        failures => bail!("{} answers were wrong or missing", failures.len()),
    }
}

type Case = fn(&Bench<'_>, &mut Report) -> Result<()>;

impl Bench<'_> {
    /// Says what happens now.
    pub(crate) fn say(&self, what: impl std::fmt::Display) {
        eprintln!("bench: {what}");
    }
}
