//! Load from a separate process: wrk.

use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::crowd;
use crate::process::Process;
use crate::town;
use crate::work::Work;

/// Enough to keep a small machine busy; more only lengthen the queue.
const CONNECTIONS: u32 = 8;

/// Customers who order at the same time: enough to share flushes to the disk.
pub(crate) const CUSTOMERS: u32 = 32;

/// wrk's own threads. It shares the cores with the server that it loads.
const THREADS: u32 = 2;

/// What wrk needs beyond the time it loads for.
const GRACE: Duration = Duration::from_secs(10);

/// The installed wrk.
pub(crate) struct Wrk {
    program: PathBuf,
    script: PathBuf,
    orders: PathBuf,
    players: PathBuf,
}

/// What one round of load gave.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Load {
    pub(crate) requests: u64,
    duration_us: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    socket_errors: u64,
    status_errors: u64,
    timeouts: u64,
    /// Orders that were answered with another status.
    #[serde(default)]
    pub(crate) unconfirmed: u64,
}

impl Wrk {
    /// Finds wrk, or has the project's script install it.
    pub(crate) fn find(work: &Work) -> Result<Self> {
        let output =
            Command::new(work.root().join("scripts/wrk.sh")).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            bail!("there is no load without wrk (see above)");
        }
        let program = String::from_utf8(output.stdout)?.trim().into();
        let script = work.folder().join("wrk.lua");
        std::fs::write(&script, include_str!("wrk.lua"))?;
        let orders = work.folder().join("orders.lua");
        std::fs::write(&orders, include_str!("orders.lua"))?;
        let players = work.folder().join("players.lua");
        std::fs::write(&players, include_str!("players.lua"))?;
        Ok(Self { program, script, orders, players })
    }

    /// Loads one path, with GET or with POST of `body`.
    pub(crate) fn load(
        &self,
        server: SocketAddr,
        path: &str,
        body: Option<&str>,
        duration: Duration,
    ) -> Result<Load> {
        self.load_from(CONNECTIONS, server, path, body, duration)
    }

    /// The same from so many connections.
    pub(crate) fn load_from(
        &self,
        connections: u32,
        server: SocketAddr,
        path: &str,
        body: Option<&str>,
        duration: Duration,
    ) -> Result<Load> {
        run(self.scripted(connections, &[], body), server, path, duration)
    }

    /// Eight customers send this, each again and again.
    pub(crate) fn buy(
        &self,
        headers: &[String],
        server: SocketAddr,
        path: &str,
        body: &str,
        duration: Duration,
    ) -> Result<Load> {
        run(self.scripted(CONNECTIONS, headers, Some(body)), server, path, duration)
    }

    fn scripted(&self, connections: u32, headers: &[String], body: Option<&str>) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(format!("-c{connections}")).arg("-s").arg(&self.script);
        for header in headers {
            command.args(["-H", header]);
        }
        command.env_remove("BENCH_BODY").envs(body.map(|body| ("BENCH_BODY", body)));
        command
    }

    /// The same with these headers.
    pub(crate) fn load_with(
        &self,
        headers: &[String],
        server: SocketAddr,
        path: &str,
        duration: Duration,
    ) -> Result<Load> {
        run(self.scripted(CONNECTIONS, headers, None), server, path, duration)
    }

    /// Asks about one of so many players of [`crowd`] at a time: the path and an id.
    pub(crate) fn ask_about(
        &self,
        players: u32,
        server: SocketAddr,
        path: &str,
        duration: Duration,
    ) -> Result<Load> {
        let mut command = Command::new(&self.program);
        command.arg(format!("-c{CONNECTIONS}")).arg("-s").arg(&self.players);
        command
            .env("BENCH_FIRST", crowd::FIRST.to_string())
            .env("BENCH_PLAYERS", players.to_string());
        run(command, server, path, duration)
    }

    /// Places orders in the country of [`town`], each at a place of its own.
    pub(crate) fn order(&self, server: SocketAddr, duration: Duration) -> Result<Load> {
        let ((rows, columns), (south, west)) = (town::RESTAURANTS, town::CORNER);
        let mut command = Command::new(&self.program);
        command.arg(format!("-c{CUSTOMERS}")).arg("-s").arg(&self.orders);
        command
            .env("BENCH_ROWS", rows.to_string())
            .env("BENCH_COLUMNS", columns.to_string())
            .env("BENCH_SOUTH", south.to_string())
            .env("BENCH_WEST", west.to_string());
        run(command, server, "/api/v1/orders", duration)
    }
}

/// Runs wrk with what all its uses share.
fn run(mut command: Command, server: SocketAddr, path: &str, duration: Duration) -> Result<Load> {
    let seconds = duration.as_secs().max(1);
    command
        .args([format!("-t{THREADS}"), format!("-d{seconds}s")])
        .args(["--timeout", "5s"])
        .arg(format!("http://{server}{path}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let process = Process::spawn("wrk", &mut command)?;
    let status = process.wait(Duration::from_secs(seconds) + GRACE)?;
    let mut printed = String::new();
    if let Some(stdout) = &mut process.child().stdout {
        stdout.read_to_string(&mut printed)?;
    }
    let line = printed.lines().find(|line| line.starts_with('{'));
    let line = line.with_context(|| format!("wrk ended ({status}) with:\n{printed}"))?;
    serde_json::from_str(line).with_context(|| format!("wrk printed {line}"))
}

impl Load {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / (self.duration_us.max(1) as f64 / 1e6)
    }

    /// What went well of that: a refusal takes no time, so counting it would flatter.
    pub(crate) fn good_per_second(&self) -> f64 {
        let bad = self.failed().max(self.unconfirmed);
        self.requests.saturating_sub(bad) as f64 / (self.duration_us.max(1) as f64 / 1e6)
    }

    /// Requests that were not answered with a success.
    pub(crate) fn failed(&self) -> u64 {
        self.socket_errors + self.status_errors + self.timeouts
    }
}
