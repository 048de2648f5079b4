//! How fast events come: from the announcer's outbox to the listener, who keeps each in a table of its
//! own, every one durable on both sides.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::Bench;
use crate::build;
use crate::client::Client;
use crate::host::{Host, HostSpec};
use crate::report::{Report, Row, Unit};
use crate::stats::Spread;

/// The name of the case.
pub(super) const CASE: &str = "events";

/// Events of one round, and of one transaction of it.
const EVENTS: u64 = 10_000;
const TOGETHER: u64 = 1_000;

/// Keys: what may be delivered side by side.
const KEYS: u64 = 64;

/// Events that are published one by one to a host that has nothing else to do.
const SINGLE: u64 = 300;

/// How long the last event of a round may take.
const DRAIN_MAX: Duration = Duration::from_secs(120);

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let services = build::events(bench.work)?;
    let spec = HostSpec { name: "host-events", seed: false, listen: None, options: &[] };
    let host = Host::start(bench.work, spec)?;
    host.deploy_all(services.into_iter().map(Ok))?;
    let client = host.client();
    bench.say("single events");
    report.push(latency(&client)?);
    let mut per_second = Vec::new();
    for number in 1..=bench.effort.rounds {
        bench.say(format_args!("events of {KEYS} keys, round {number}"));
        per_second.push(round(&client)?);
    }
    let what = format!("events delivered, {KEYS} keys, each stored by both sides");
    let spread = Spread::of(per_second).context("nothing was measured")?;
    report.push(Row::new(CASE, what, Unit::PerSecond, spread));
    host.stop()
}

/// From the publisher's call to the handler's first instruction.
fn latency(client: &Client) -> Result<Row> {
    for number in 0..SINGLE {
        announce(client, "announce", &json!({ "key": "single", "first": number, "count": 1 }))?;
    }
    wait(client, SINGLE)?;
    let told = client.json("/api/v1/listener/report", None)?;
    let ms = |member: &str| Ok::<_, anyhow::Error>(number(&told, member)? as f64 / 1e3);
    let (p50, p99) = (ms("p50_us")?, ms("p99_us")?);
    let spread = Spread { median: p50, min: p50, max: p99 };
    let what = "an event, from being published to its handler, one at a time";
    Ok(Row::new(CASE, what, Unit::Milliseconds, spread).note(format!("p99 {p99:.1} ms")))
}

/// Events per second, from the first being published to the last being kept.
fn round(client: &Client) -> Result<f64> {
    let before = count(client)?;
    let begin = Instant::now();
    for first in (0..EVENTS).step_by(TOGETHER as usize) {
        announce(client, "together", &json!({ "keys": KEYS, "first": first, "count": TOGETHER }))?;
    }
    wait(client, before + EVENTS)?;
    Ok(EVENTS as f64 / begin.elapsed().as_secs_f64())
}

fn announce(client: &Client, how: &str, body: &Value) -> Result<()> {
    let path = format!("/api/v1/announcer/{how}");
    match client.post(&path, "application/json", body.to_string().as_bytes())? {
        (204, _) => Ok(()),
        (status, text) => bail!("{path} answered {status}: {text}"),
    }
}

fn wait(client: &Client, events: u64) -> Result<()> {
    let until = Instant::now() + DRAIN_MAX;
    while count(client)? < events {
        if Instant::now() > until {
            bail!("not all of {events} events came within {} s", DRAIN_MAX.as_secs());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn count(client: &Client) -> Result<u64> {
    let count = client.json("/api/v1/listener/count", None)?;
    count.as_u64().with_context(|| format!("{count} is no number"))
}

fn number(told: &Value, member: &str) -> Result<u64> {
    told.get(member).and_then(Value::as_u64).with_context(|| format!("no {member} in {told}"))
}
