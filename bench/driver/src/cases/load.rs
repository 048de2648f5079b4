//! Requests per second: wrk against one server after the other, in turns.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Bench;
use super::serving::{Answer, Role, TARGETS, Target};
use crate::build;
use crate::client::Client;
use crate::host::{Host, HostSpec, Server, start_native, start_wasmtime};
use crate::machine::cpu_time;
use crate::report::{Ratio, Report, Row, Unit};
use crate::stats::{self, Spread};
use crate::variant::Built;
use crate::wrk::Wrk;

/// Long enough for pools, caches and the branch predictor; not measured.
const WARM_UP: Duration = Duration::from_secs(1);

const NO_WASMTIME: &str = "needs WASMTIME=path, see `cargo install wasmtime-cli`";

/// The names of the cases.
pub(super) const CASES: &[&str] = &{
    let mut names = [""; TARGETS.len()];
    let mut at = 0;
    while at < TARGETS.len() {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, in bounds")]
        {
            names[at] = TARGETS[at].case;
        }
        at += 1;
    }
    names
};

/// What the rounds of one case gave.
#[derive(Default)]
struct Series {
    per_second: Vec<f64>,
    cpu_us: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
}

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let wrk = Wrk::find(bench.work)?;
    let wasmtime = std::env::var_os("WASMTIME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let wanted = wanted(bench);
    let there = |target: &&Target| target.role != Role::Wasmtime || wasmtime.is_some();
    let targets: Vec<&Target> = wanted.iter().copied().filter(there).collect();
    let servers = start(bench, &targets, wasmtime)?;
    check(&servers, &targets)?;
    let mut series: HashMap<&str, Series> = HashMap::new();
    for target in &targets {
        bench.say(format_args!("warming up {}", target.case));
        round(&wrk, &servers, target, WARM_UP, &mut Series::default(), report)?;
    }
    for number in 1..=bench.effort.rounds {
        bench.say(format_args!("load, round {number} of {}", bench.effort.rounds));
        for target in &targets {
            let series = series.entry(target.case).or_default();
            round(&wrk, &servers, target, bench.effort.round, series, report)?;
        }
    }
    for target in wanted {
        report.push(row(target, &series));
    }
    Ok(())
}

/// The cases that are asked for, and those they are compared with.
fn wanted(bench: &Bench<'_>) -> Vec<&'static Target> {
    let asked = |target: &&Target| bench.args.wants(target.case);
    let references: Vec<&str> = TARGETS
        .iter()
        .filter(asked)
        .flat_map(|target| target.references.iter().map(|(case, _)| *case))
        .collect();
    TARGETS.iter().filter(|target| asked(target) || references.contains(&target.case)).collect()
}

/// Starts the servers that are loaded. All of them run all the time; only one is loaded at a time.
fn start(
    bench: &Bench<'_>,
    targets: &[&Target],
    wasmtime: Option<PathBuf>,
) -> Result<HashMap<Role, Server>> {
    let needs = |role| targets.iter().any(|target| target.role == role);
    let mut servers = HashMap::from([(Role::Native, start_native()?)]);
    if let Some(wasmtime) = wasmtime.filter(|_| needs(Role::Wasmtime)) {
        let component = build::hello_http(bench.work)?;
        let log = bench.work.folder().join("wasmtime.log");
        servers.insert(Role::Wasmtime, start_wasmtime(&wasmtime, &component, &log)?);
    }
    if needs(Role::Fresh) {
        let built = bench.components.all().map(|built| Ok(built.bytes().to_vec()));
        servers.insert(Role::Fresh, host(bench, "host-fresh", built)?);
    }
    if needs(Role::Reused) {
        let built = bench.components.all().map(Built::reused);
        servers.insert(Role::Reused, host(bench, "host-reused", built)?);
    }
    Ok(servers)
}

fn host(
    bench: &Bench<'_>,
    name: &str,
    components: impl Iterator<Item = Result<Vec<u8>>>,
) -> Result<Server> {
    let host = Host::start(bench.work, HostSpec { name, seed: false, listen: None, options: &[] })?;
    host.deploy_all(components)?;
    Ok(host.server)
}

/// Every case answers what it should before any is loaded: speed of wrong answers is nothing.
fn check(servers: &HashMap<Role, Server>, targets: &[&Target]) -> Result<()> {
    for target in targets {
        let ask = |role: Role| -> Result<Value> {
            let server = servers.get(&role).context("the server was not started")?;
            Client::new(server.address).json(target.path, target.body.map(str::as_bytes))
        };
        let native = match target.answer {
            Answer::Native => Some(ask(Role::Native)?),
            Answer::Services(_) | Answer::Any => None,
        };
        let answer = ask(target.role)?;
        if !target.answer.accepts(&answer, native.as_ref()) {
            bail!("{} answers {answer}, and the native server {native:?}", target.case);
        }
    }
    Ok(())
}

/// Loads one case once.
fn round(
    wrk: &Wrk,
    servers: &HashMap<Role, Server>,
    target: &Target,
    duration: Duration,
    series: &mut Series,
    report: &mut Report,
) -> Result<()> {
    let server = servers.get(&target.role).context("the server was not started")?;
    let pid = server.process.pid();
    let before = cpu_time(pid);
    let load = wrk.load(server.address, target.path, target.body, duration)?;
    let used = cpu_time(pid).zip(before).map(|(after, before)| after.saturating_sub(before));
    if load.failed() > 0 {
        report.fail(format!("{}: {} of {} requests", target.case, load.failed(), load.requests));
    }
    series.per_second.push(load.per_second());
    series.p50_us.push(load.p50_us as f64);
    series.p99_us.push(load.p99_us as f64);
    series.cpu_us.extend(used.map(|used| used.as_secs_f64() * 1e6 / load.requests.max(1) as f64));
    Ok(())
}

fn row(target: &Target, all: &HashMap<&str, Series>) -> Row {
    let unit = Unit::PerSecond;
    let series = all.get(target.case);
    let spread = series.and_then(|series| Spread::of(series.per_second.iter().copied()));
    let Some((series, spread)) = series.zip(spread) else {
        return Row::missing(target.case, target.what, unit, NO_WASMTIME.to_owned());
    };
    let middle = |values: &[f64]| Spread::of(values.iter().copied()).map(|spread| spread.median);
    let ratios = target.references.iter().filter_map(|&(to, at_least)| {
        let value = stats::ratio(&series.per_second, &all.get(to)?.per_second)?;
        Some(Ratio { to, value, at_least })
    });
    let mut row = Row::new(target.case, target.what, unit, spread);
    row.ratios = ratios.collect();
    row.cpu_us = middle(&series.cpu_us);
    row.p50_us = middle(&series.p50_us);
    row.p99_us = middle(&series.p99_us);
    row
}
