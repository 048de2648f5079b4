//! What happens inside one process, timed in turns: batches of each, medians, differences within a
//! turn.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Bench;
use crate::micro::{self, Micro, names};
use crate::report::{Report, Row, Unit};
use crate::stats::{self, Spread};

const CALL_FRESH: &str = "micro-call-fresh";
const CALL_REUSED: &str = "micro-call-reused";

/// What the issue asks of a call from service to service, in microseconds.
const AIM_FRESH_US: f64 = 15.0;
const AIM_REUSED_US: f64 = 2.5;

/// The names of the cases.
pub(super) const CASES: &[&str] = &[
    CALL_FRESH,
    CALL_REUSED,
    "micro-calls-3-fresh",
    "micro-calls-3-reused",
    "micro-instance-fresh",
    "micro-instance-reused",
    "micro-instance-fresh-parallel",
    "micro-json-decode",
    "micro-json-encode",
];

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let mut micros = micro::all(&bench.components.folder)?;
    bench.say("micro-benchmarks");
    let mut times: HashMap<&str, Vec<f64>> = HashMap::new();
    let batches = micros
        .iter_mut()
        .map(|micro| calibrated(micro, bench.effort.batch))
        .collect::<Result<Vec<_>>>()?;
    for _ in 0..bench.effort.batches {
        for (micro, count) in micros.iter_mut().zip(&batches) {
            let took = (micro.run)(*count)?;
            let each_us = took.as_secs_f64() * 1e6 / *count as f64;
            times.entry(micro.name).or_default().push(each_us);
        }
    }
    rows(&Times(times))?.into_iter().for_each(|row| report.push(row));
    Ok(())
}

/// How many fill a batch.
fn calibrated(micro: &mut Micro, batch: Duration) -> Result<u64> {
    let mut count = 64;
    loop {
        let took = (micro.run)(count)?;
        if took * 4 >= batch {
            let full = batch.as_secs_f64() / took.as_secs_f64() * count as f64;
            return Ok((full as u64).max(1));
        }
        count *= 4;
    }
}

fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64)
}

/// Microseconds of each, by turn.
struct Times<'a>(HashMap<&'a str, Vec<f64>>);

impl Times<'_> {
    fn of(&self, name: &str) -> Result<&[f64]> {
        self.0.get(name).map(Vec::as_slice).with_context(|| format!("{name} was not timed"))
    }

    /// What `calls` calls cost that `without` does not make, per call.
    fn per_call(&self, with: &str, without: &str, calls: f64) -> Result<Spread> {
        let pairs = self.of(with)?.iter().zip(self.of(without)?);
        Spread::of(pairs.map(|(with, without)| (with - without) / calls)).context("no turns")
    }

    fn spread(&self, name: &str) -> Result<Spread> {
        Spread::of(self.of(name)?.iter().copied()).context("no turns")
    }

    fn ratio(&self, name: &str, to: &str) -> Result<Option<f64>> {
        Ok(stats::ratio(self.of(name)?, self.of(to)?))
    }
}

fn rows(times: &Times<'_>) -> Result<Vec<Row>> {
    let row = |case, what: &str, spread| Row::new(case, what, Unit::Microseconds, spread);
    let call = |with, calls| times.per_call(with, names::CALLS_0, calls);
    Ok(vec![
        row(
            CALL_FRESH,
            "a call to another service, fresh provider",
            call(names::CALLS_1_FRESH, 1.0)?,
        )
        .at_most(AIM_FRESH_US),
        row(
            CALL_REUSED,
            "a call to another service, provider reused",
            call(names::CALLS_1_REUSED, 1.0)?,
        )
        .at_most(AIM_REUSED_US),
        row(
            "micro-calls-3-fresh",
            "each of three nested calls, fresh providers",
            call(names::CALLS_3_FRESH, 3.0)?,
        ),
        row(
            "micro-calls-3-reused",
            "each of three nested calls, reused",
            call(names::CALLS_3_REUSED, 3.0)?,
        ),
        row("micro-instance-fresh", "items.get in a fresh instance", times.spread(names::FRESH)?),
        row(
            "micro-instance-reused",
            "items.get in a reused instance",
            times.spread(names::REUSED)?,
        ),
        row(
            "micro-instance-fresh-parallel",
            "items.get in fresh instances on all cores, per call",
            times.spread(names::PARALLEL)?,
        )
        .note(format!("{:.2} would be perfect", 1.0 / cores()))
        .ratio("one core", times.ratio(names::PARALLEL, names::FRESH)?),
        row("micro-json-decode", "JSON to typed values, 1 KB", times.spread(names::DECODE)?)
            .ratio("serde", times.ratio(names::DECODE, names::DECODE_NATIVE)?),
        row("micro-json-encode", "typed values to JSON, 0.5 KB", times.spread(names::ENCODE)?)
            .ratio("serde", times.ratio(names::ENCODE, names::ENCODE_NATIVE)?),
    ])
}
