//! What a job is compared with: the same job in Flask and in a native server, loaded in the same rounds.

use std::net::SocketAddr;

use anyhow::{Context, Result};

use super::Bench;
use crate::flask::{Flask, Service};
use crate::host::{self, Server};
use crate::report::{Report, Row, Unit};
use crate::stats::{self, Spread};
use crate::wrk::Load;

/// What the rivals of a job are called, and who they are.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub(super) flask: &'static str,
    pub(super) flask_what: &'static str,
    pub(super) flask_services: &'static [Service],
    pub(super) native: &'static str,
    pub(super) native_what: &'static str,
}

/// The rivals of a job while they run.
pub(super) struct Beside {
    names: Names,
    flask: Option<(Flask, Series)>,
    native: (Server, Series),
}

/// What each round gave.
#[derive(Default)]
pub(super) struct Series {
    pub(super) per_second: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
}

impl Beside {
    pub(super) fn start(bench: &Bench<'_>, names: Names) -> Result<Self> {
        let flask = Flask::start(bench.work, names.flask_services)?;
        let flask = flask.map(|flask| (flask, Series::default()));
        Ok(Self { names, flask, native: (host::start_native()?, Series::default()) })
    }

    /// Where they are.
    pub(super) fn addresses(&self) -> Result<Vec<SocketAddr>> {
        let flask = self.flask.as_ref().map(|(flask, _)| flask.address()).transpose()?;
        Ok(flask.into_iter().chain([self.native.0.address]).collect())
    }

    /// Loads each rival once.
    pub(super) fn round(
        &mut self,
        report: &mut Report,
        load: impl Fn(SocketAddr) -> Result<Load>,
    ) -> Result<()> {
        if let Some((flask, series)) = &mut self.flask {
            series.add(self.names.flask, load(flask.address()?)?, report);
        }
        let (server, series) = &mut self.native;
        series.add(self.names.native, load(server.address)?, report);
        Ok(())
    }

    /// Forgets what was measured so far.
    pub(super) fn warmed_up(&mut self) {
        if let Some((_, series)) = &mut self.flask {
            *series = Series::default();
        }
        self.native.1 = Series::default();
    }

    /// `row` with the ratios of `ours`, a figure a round, to each rival.
    pub(super) fn compare(&self, row: Row, ours: &[f64]) -> Row {
        let to_flask = self.flask.as_ref();
        let to_flask = to_flask.and_then(|(_, series)| stats::ratio(ours, &series.per_second));
        let to_native = stats::ratio(ours, &self.native.1.per_second);
        row.ratio(self.names.flask, to_flask).ratio(self.names.native, to_native)
    }

    /// Stops the rivals and reports them.
    pub(super) fn finish(self, report: &mut Report) -> Result<()> {
        let Self { names, flask, native } = self;
        match flask {
            Some((flask, series)) => {
                report.push(series.row(names.flask, names.flask_what)?);
                flask.stop()?;
            }
            None => {
                let why = "Flask cannot be installed: see above".to_owned();
                report.push(Row::missing(names.flask, names.flask_what, Unit::PerSecond, why));
            }
        }
        report.push(native.1.row(names.native, names.native_what)?);
        Ok(())
    }
}

impl Series {
    /// Takes a round. What went wrong in it does not count, and fails the run.
    pub(super) fn add(&mut self, case: &str, load: Load, report: &mut Report) {
        let (failed, unconfirmed) = (load.failed(), load.unconfirmed);
        if failed + unconfirmed > 0 {
            let of = load.requests;
            report.fail(format!("{case}: {failed} of {of} failed, {unconfirmed} unconfirmed"));
        }
        self.per_second.push(load.good_per_second());
        self.p50_us.push(load.p50_us as f64);
        self.p99_us.push(load.p99_us as f64);
    }

    pub(super) fn row(self, case: &'static str, what: &str) -> Result<Row> {
        let median = |values: Vec<f64>| Spread::of(values).map(|spread| spread.median);
        let spread = Spread::of(self.per_second).context("nothing was measured")?;
        let mut row = Row::new(case, what, Unit::PerSecond, spread);
        row.p50_us = median(self.p50_us);
        row.p99_us = median(self.p99_us);
        Ok(row)
    }
}
