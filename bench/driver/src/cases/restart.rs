//! A restart with compiled code cached: from the start of the process to the first good answer.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Bench;
use crate::client::Client;
use crate::host::{Host, HostSpec, free_address};
use crate::process::Process;
use crate::report::{Report, Row, Unit};
use crate::stats::Spread;

/// The name of the case.
pub(super) const CASE: &str = "restart";

/// As many services as Thali's own application will have; the food-delivery ones come on top.
const SERVICES: usize = 14;

const POLL: Duration = Duration::from_micros(500);
const RESTART_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(30);

/// What the issue asks of a restart, in milliseconds.
const AIM_MS: f64 = 200.0;

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let services = install(bench)?;
    bench.say(format_args!("{} restarts with {services} services", bench.effort.restarts));
    let times = (0..bench.effort.restarts).map(|_| restart(bench)).collect::<Result<Vec<_>>>()?;
    let spread = Spread::of(times).context("nothing was restarted")?;
    let what = format!("process start to first good answer, {services} services cached");
    report.push(Row::new(CASE, what, Unit::Milliseconds, spread).at_most(AIM_MS));
    Ok(())
}

/// Deploys the services once and answers how many there are.
fn install(bench: &Bench<'_>) -> Result<usize> {
    let host = Host::start(
        bench.work,
        HostSpec { name: "host-restart", seed: true, listen: None, options: &[] },
    )?;
    host.deploy_all((0..SERVICES).map(|number| bench.components.echo.renamed(number)))?;
    let food = crate::build::food(bench.work)?;
    let services = SERVICES + food.len();
    host.deploy_all(food.into_iter().map(Ok))?;
    host.stop()?;
    Ok(services)
}

/// Milliseconds.
fn restart(bench: &Bench<'_>) -> Result<f64> {
    let listen = free_address()?;
    let spec = HostSpec { name: "host-restart", seed: true, listen: Some(listen), options: &[] };
    let addresses = bench.work.folder().join("restart.json");
    let log = bench.work.folder().join("host-restart.log");
    let begin = Instant::now();
    let process = Host::spawn(bench.work, spec, &addresses, &log)?;
    let client = Client::new(listen);
    until_good(&client, begin, &process)?;
    let elapsed = begin.elapsed();
    for number in 0..SERVICES {
        client.json(&item(number), None)?;
    }
    process.terminate(STOP_MAX)?;
    Ok(elapsed.as_secs_f64() * 1e3)
}

fn until_good(client: &Client, begin: Instant, process: &Process) -> Result<()> {
    let path = item(SERVICES - 1);
    while !matches!(client.get(&path), Ok((200, _))) {
        if let Some(status) = process.ended()? {
            bail!("the restarted host ended: {status}");
        }
        if begin.elapsed() > RESTART_MAX {
            bail!("the restarted host does not answer");
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

fn item(number: usize) -> String {
    format!("/api/v1/bench/{number}/items/42")
}
