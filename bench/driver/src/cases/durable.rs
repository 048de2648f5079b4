//! Durable rows: one service over HTTP against SQLite alone, in turns.

use anyhow::{Result, bail};

use super::Bench;
use crate::host::{Host, HostSpec};
use crate::raw;
use crate::report::{Ratio, Report, Row, Unit};
use crate::stats::{self, Spread};
use crate::wrk::Wrk;

const SERVICE: &str = "durable-row";
const SERIAL: &str = "raw-row";
const GROUPED: &str = "raw-row-grouped";

/// The names of the cases.
pub(super) const CASES: &[&str] = &[SERVICE, SERIAL, GROUPED];

/// Clients that wait for a row each.
const CLIENTS: u32 = 32;

/// What the issue asks for: of the figure of one commit for each row.
const AIM: f64 = 0.5;

const PATH: &str = "/api/v1/bench/rows";
const NOTE: &str = "two margheritas, one pepperoni, no basil, leave it at the door";

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let wrk = Wrk::find(bench.work)?;
    let host = Host::start(
        bench.work,
        HostSpec { name: "host-ledger", seed: false, listen: None, options: &[] },
    )?;
    host.deploy_all([Ok(bench.components.ledger.bytes().to_vec())])?;
    let body = format!("{{\"note\":\"{NOTE}\"}}");
    host.client().json(PATH, Some(body.as_bytes()))?;
    let (folder, time) = (bench.work.folder(), bench.effort.round);
    let clients = usize::try_from(CLIENTS)?;
    let (mut service, mut serial, mut grouped) = (Vec::new(), Vec::new(), Vec::new());
    let mut latencies = (Vec::new(), Vec::new());
    for round in 1..=bench.effort.rounds {
        bench.say(format_args!("durable rows, round {round} of {}", bench.effort.rounds));
        serial.push(raw::serial(folder, NOTE, time)?);
        let load = wrk.load_from(CLIENTS, host.server.address, PATH, Some(&body), time)?;
        if load.failed() > 0 {
            bail!("{} rows were not written", load.failed());
        }
        service.push(load.per_second());
        latencies.0.push(load.p50_us as f64);
        latencies.1.push(load.p99_us as f64);
        grouped.push(raw::grouped(folder, NOTE, clients, time)?);
    }
    let median = |values: &[f64]| Spread::of(values.iter().copied()).map(|spread| spread.median);
    let what = format!("POST of a row, {CLIENTS} clients, answered when it is on the disk");
    let mut row = line(SERVICE, &what, &service)?;
    let at_least = |to, values: &[f64], aim| {
        stats::ratio(&service, values).map(|value| Ratio { to, value, at_least: aim })
    };
    row.ratios.extend(at_least(SERIAL, &serial, Some(AIM)));
    row.ratios.extend(at_least(GROUPED, &grouped, None));
    row.p50_us = median(&latencies.0);
    row.p99_us = median(&latencies.1);
    report.push(row);
    report.push(line(SERIAL, "the same rows with SQLite alone, each with a commit", &serial)?);
    let what = format!("the same with {CLIENTS} threads that share commits");
    report.push(line(GROUPED, &what, &grouped)?);
    host.stop()
}

fn line(case: &'static str, what: &str, values: &[f64]) -> Result<Row> {
    match Spread::of(values.iter().copied()) {
        Some(spread) => Ok(Row::new(case, what, Unit::PerSecond, spread)),
        None => bail!("nothing was measured"),
    }
}
