//! How many orders a second: each one quoted, kept, assigned and confirmed, in three databases, each
//! commit durable; and then told to those who subscribe, which goes on while the next ones come in.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Bench;
use super::beside::{Beside, Names};
use crate::build;
use crate::flask;
use crate::host::{Host, HostSpec};
use crate::machine::cpu_time;
use crate::report::{Report, Row, Unit};
use crate::stats::Spread;
use crate::town;
use crate::wrk::{CUSTOMERS, Wrk};

const CASE: &str = "orders";

/// What it is compared with.
const RIVALS: Names = Names {
    flask: "flask-orders",
    flask_what: "the same with Flask: four processes that call each other, in memory",
    flask_services: flask::FOOD,
    native: "native-orders",
    native_what: "the same with axum: one process, no calls, in memory",
};

/// The names of the cases.
pub(super) const CASES: &[&str] = &[CASE, RIVALS.flask, RIVALS.native];

/// What is aimed at, on two cores: ten times what the tutorial this started from does in memory.
const PER_SECOND_AIM: f64 = 1_500.0;

const WARM_UP: Duration = Duration::from_secs(1);

/// With fewer drivers left than this share, looking for one takes longer than it does elsewhere.
const DRIVERS_USED_MAX: f64 = 0.6;

/// How long the last events of a round may take.
const DRAIN_MAX: Duration = Duration::from_secs(120);

const WHAT: &str = "POST /orders, 32 customers: quoted, assigned, confirmed, durable";

#[derive(Default)]
struct Rounds {
    per_second: Vec<f64>,
    cpu_us: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    drain_s: Vec<f64>,
    orders: u64,
}

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let food = build::food(bench.work)?;
    if food.is_empty() {
        let why = "not built: run `just build-components`".to_owned();
        report.push(Row::missing(CASE, WHAT, Unit::PerSecond, why));
        return Ok(());
    }
    let wrk = Wrk::find(bench.work)?;
    let spec = HostSpec { name: "host-orders", seed: true, listen: None, options: &[] };
    let host = Host::start(bench.work, spec)?;
    host.deploy_all(food.iter().map(|component| town::settle(component)))?;
    let mut beside = Beside::start(bench, RIVALS)?;
    let mut rounds = Rounds::default();
    bench.say(format_args!("warming up {CASE}"));
    round(&wrk, &host, WARM_UP, &mut rounds, report)?;
    beside.round(report, |server| wrk.order(server, WARM_UP))?;
    beside.warmed_up();
    rounds = Rounds { orders: rounds.orders, ..Rounds::default() };
    for number in 1..=bench.effort.rounds {
        if rounds.orders as f64 > f64::from(town::DRIVERS_COUNT) * DRIVERS_USED_MAX {
            break;
        }
        bench.say(format_args!("orders of {CUSTOMERS} customers, round {number}"));
        round(&wrk, &host, bench.effort.round, &mut rounds, report)?;
        beside.round(report, |server| wrk.order(server, bench.effort.round))?;
    }
    let per_second = rounds.per_second.clone();
    report.push(beside.compare(row(rounds)?, &per_second));
    beside.finish(report)?;
    host.stop()
}

fn round(
    wrk: &Wrk,
    host: &Host,
    time: Duration,
    rounds: &mut Rounds,
    report: &mut Report,
) -> Result<()> {
    let pid = host.server.process.pid();
    let before = cpu_time(pid);
    let load = wrk.order(host.server.address, time)?;
    let ended = Instant::now();
    drain(host)?;
    let drain = ended.elapsed();
    let cpu = cpu_time(pid).zip(before).map(|(after, before)| after.saturating_sub(before));
    if load.failed() + load.unconfirmed > 0 {
        let (failed, unconfirmed) = (load.failed(), load.unconfirmed);
        report.fail(format!("{CASE}: {failed} orders failed, {unconfirmed} were not confirmed"));
    }
    rounds.orders += load.requests;
    rounds.per_second.push(load.good_per_second());
    let each_us = |cpu: Duration| cpu.as_secs_f64() * 1e6 / load.requests.max(1) as f64;
    rounds.cpu_us.extend(cpu.map(each_us));
    rounds.p50_us.push(load.p50_us as f64);
    rounds.p99_us.push(load.p99_us as f64);
    rounds.drain_s.push(drain.as_secs_f64());
    Ok(())
}

/// Waits until every event was delivered.
fn drain(host: &Host) -> Result<()> {
    let admin = host.admin();
    let until = Instant::now() + DRAIN_MAX;
    loop {
        let left = lag(&admin.json("/admin/v1/events", None)?)?;
        if left == 0 {
            return Ok(());
        }
        if Instant::now() > until {
            bail!("{left} events are not delivered {} s after the last order", DRAIN_MAX.as_secs());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How many events some subscriber has not got yet.
fn lag(answer: &serde_json::Value) -> Result<u64> {
    let items = answer.get("items").and_then(|items| items.as_array());
    let items = items.with_context(|| format!("not a list of subscriptions: {answer}"))?;
    let lag = |item: &serde_json::Value| item.get("lag").and_then(serde_json::Value::as_u64);
    let lags: Option<Vec<u64>> = items.iter().map(lag).collect();
    Ok(lags.with_context(|| format!("a subscription without a lag: {answer}"))?.iter().sum())
}

fn row(rounds: Rounds) -> Result<Row> {
    let median = |values: Vec<f64>| Spread::of(values).map(|spread| spread.median);
    let spread = Spread::of(rounds.per_second).context("nothing was ordered")?;
    let drain_ms = median(rounds.drain_s).unwrap_or_default() * 1e3;
    let note = format!("the last event was delivered {drain_ms:.0} ms after the last answer");
    let mut row = Row::new(CASE, WHAT, Unit::PerSecond, spread).at_least(PER_SECOND_AIM).note(note);
    row.cpu_us = median(rounds.cpu_us);
    row.p50_us = median(rounds.p50_us);
    row.p99_us = median(rounds.p99_us);
    Ok(row)
}
