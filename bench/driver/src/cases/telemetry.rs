//! What it costs to see everything: the same requests with all telemetry on, and with none.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use tokio::net::TcpListener;

use super::Bench;
use crate::client::Client;
use crate::host::{Host, HostSpec, Seen};
use crate::report::{Ratio, Report, Row, Unit};
use crate::stats::{self, Spread};
use crate::wrk::Wrk;

/// The names of the cases.
pub(super) const CASES: &[&str] = &[OFF, ON, ALL];

const OFF: &str = "telemetry-off";
const ON: &str = "telemetry-on";
const ALL: &str = "telemetry-all";

/// What the issue asks for.
const SHARE: f64 = 0.9;

const PATH: &str = "/api/v1/bench/items/42";

/// Records nothing at all.
const NOTHING: &str = "[telemetry]\ntraces-per-second = 0\n";

/// How often the metrics are scraped.
const SCRAPE: Duration = Duration::from_secs(1);

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let wrk = Wrk::find(bench.work)?;
    let config = bench.work.folder().join("telemetry.toml");
    fs::write(&config, NOTHING)?;
    let options = ["--config".to_owned(), config.display().to_string()];
    let collector = collector()?;
    let host = |name, options, seen| {
        let spec = HostSpec { name, seed: false, listen: None, options };
        let host = Host::start_watched(bench.work, spec, seen)?;
        host.deploy_all([bench.components.echo.bytes().to_vec()].map(Ok))?;
        Ok::<_, anyhow::Error>(host)
    };
    let off = host("host-telemetry-off", &options[..], None)?;
    let seen = |every_trace| Some(Seen { collector, every_trace });
    let on = host("host-telemetry-on", &[][..], seen(false))?;
    let all = host("host-telemetry-all", &[][..], seen(true))?;
    let watchers = [&on, &all].map(|host| Watchers::start(host.admin_address()));
    let hosts = [&off, &on, &all];
    let mut rates = hosts.map(|_| Vec::new());
    for number in 0..=bench.effort.rounds {
        bench.say(format_args!("telemetry, round {number} of {}", bench.effort.rounds));
        for (host, rates) in hosts.iter().zip(&mut rates) {
            let load = wrk.load(host.server.address, PATH, None, bench.effort.round)?;
            if load.failed() > 0 {
                report.fail(format!("telemetry: {} requests", load.failed()));
            }
            // The first round warms up.
            if number > 0 {
                rates.push(load.per_second());
            }
        }
    }
    let [without, with, with_all] = &rates;
    report.push(row(OFF, "typed GET, nothing recorded, no access log", without)?);
    for (name, host, rates, what, at_least) in [
        (ON, &on, with, "access log, OTLP as it comes, scrapes and a dashboard", Some(SHARE)),
        (ALL, &all, with_all, "the same with OTLP of every trace", None),
    ] {
        let mut row = row(name, what, rates)?;
        let value = stats::ratio(rates, without).context("no round was measured")?;
        row.ratios = vec![Ratio { to: OFF, value, at_least }];
        let (exported, lost) = spans(&host.admin())?;
        ensure!(exported > 0, "no span has reached the collector");
        row.note = Some(format!("{exported} spans reached the collector, {lost} were dropped"));
        report.push(row);
    }
    for host in [off, on, all] {
        host.stop()?;
    }
    watchers.into_iter().try_for_each(Watchers::stop)
}

fn row(name: &'static str, what: &'static str, rates: &[f64]) -> Result<Row> {
    let spread = Spread::of(rates.iter().copied()).context("no round was measured")?;
    Ok(Row::new(name, what, Unit::PerSecond, spread))
}

/// A collector that reads what it gets and throws it away. It ends with the driver.
fn collector() -> Result<SocketAddr> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/v1/traces", post(async |batch: Bytes| drop(batch)));
    let router = router.layer(DefaultBodyLimit::disable());
    thread::spawn(move || runtime.block_on(async { axum::serve(listener, router).await }));
    Ok(address)
}

/// Spans that were sent, and those that were lost on the way.
fn spans(admin: &Client) -> Result<(u64, u64)> {
    let (_, metrics) = admin.get("/metrics")?;
    let sum = |name: &str| -> u64 {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    };
    Ok((sum("thali_spans_exported_total"), sum("thali_spans_dropped_total")))
}

/// Who looks at a host: Prometheus, and somebody with the dashboard open.
struct Watchers {
    done: Arc<AtomicBool>,
    threads: [JoinHandle<()>; 2],
}

impl Watchers {
    fn start(admin: SocketAddr) -> Self {
        let done = Arc::<AtomicBool>::default();
        let (of_scraper, of_follower) = (Arc::clone(&done), Arc::clone(&done));
        let scraper = thread::spawn(move || {
            let client = Client::new(admin);
            while !of_scraper.load(Relaxed) {
                // A host that is on its way down has nothing to tell.
                let _ = client.get("/metrics");
                thread::sleep(SCRAPE);
            }
        });
        let follower = thread::spawn(move || {
            while !of_follower.load(Relaxed) {
                follow(admin);
            }
        });
        Self { done, threads: [scraper, follower] }
    }

    /// Once the host is down.
    fn stop(self) -> Result<()> {
        self.done.store(true, Relaxed);
        let ended = self.threads.into_iter().map(JoinHandle::join);
        ensure!(ended.into_iter().all(|ended| ended.is_ok()), "a watcher failed");
        Ok(())
    }
}

/// Reads the live state until its stream ends.
fn follow(admin: SocketAddr) {
    let url = format!("http://{admin}/admin/v1/live");
    match ureq::get(url).call() {
        Ok(answer) => {
            let lines = BufReader::new(answer.into_body().into_reader()).lines();
            lines.map_while(Result::ok).for_each(drop);
        }
        Err(_) => thread::sleep(SCRAPE),
    }
}
