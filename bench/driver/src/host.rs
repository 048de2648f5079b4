//! The servers that are measured: `thali up`, the native reference, `wasmtime serve`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::client::Client;
use crate::process::Process;
use crate::work::Work;

const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(2);

/// A running server.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// A running Thali host.
pub(crate) struct Host {
    pub(crate) server: Server,
    admin: SocketAddr,
    log: PathBuf,
}

/// How to start one.
#[derive(Clone, Copy)]
pub(crate) struct HostSpec<'a> {
    /// Names its folders.
    pub(crate) name: &'a str,
    /// With the services' seed data.
    pub(crate) seed: bool,
    /// Where to listen, when it must be known before the host says it.
    pub(crate) listen: Option<SocketAddr>,
    /// What else `thali up` is told.
    pub(crate) options: &'a [String],
}

/// Who sees what a host does.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    /// Where traces go.
    pub(crate) collector: SocketAddr,
    /// All of them, and not as many as when nobody says how many.
    pub(crate) every_trace: bool,
}

#[derive(Deserialize)]
struct Addresses {
    listen: SocketAddr,
    admin: SocketAddr,
}

impl Host {
    /// Starts a host and waits until it serves. The data folder stays as the last one of this name
    /// left it.
    pub(crate) fn start(work: &Work, spec: HostSpec<'_>) -> Result<Self> {
        Self::start_watched(work, spec, None)
    }

    /// The same with an access log, and with a collector, if it is seen by one.
    pub(crate) fn start_watched(
        work: &Work,
        spec: HostSpec<'_>,
        seen: Option<Seen>,
    ) -> Result<Self> {
        let addresses = work.folder().join(format!("{}.json", spec.name));
        let _ = fs::remove_file(&addresses);
        let log = work.folder().join(format!("{}.log", spec.name));
        let process = spawn(work, spec, seen, &addresses, &log)?;
        let until = Instant::now() + START_MAX;
        loop {
            if let Some(text) = fs::read_to_string(&addresses).ok().filter(|text| !text.is_empty())
            {
                let Addresses { listen, admin } = serde_json::from_str(&text)
                    .with_context(|| format!("thali up wrote {text:?} as its addresses"))?;
                return Ok(Self { server: Server { process, address: listen }, admin, log });
            }
            if let Some(status) = process.ended()? {
                bail!("thali up ended ({status}); its log ends with\n{}", last_lines(&log));
            }
            if Instant::now() > until {
                bail!(
                    "thali up is not ready after {} s:\n{}",
                    START_MAX.as_secs(),
                    last_lines(&log)
                );
            }
            std::thread::sleep(POLL);
        }
    }

    /// Only starts the process.
    pub(crate) fn spawn(
        work: &Work,
        spec: HostSpec<'_>,
        addresses: &Path,
        log: &Path,
    ) -> Result<Process> {
        spawn(work, spec, None, addresses, log)
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.server.address)
    }

    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    pub(crate) fn admin(&self) -> Client {
        Client::new(self.admin)
    }

    /// Deploys components one after the other.
    pub(crate) fn deploy_all(
        &self,
        components: impl IntoIterator<Item = Result<Vec<u8>>>,
    ) -> Result<()> {
        let admin = self.admin();
        components.into_iter().try_for_each(|component| deploy(&admin, &component?))
    }

    /// Stops it as a service manager does.
    pub(crate) fn stop(self) -> Result<()> {
        let stopped = self.server.process.terminate(STOP_MAX);
        stopped.with_context(|| format!("its log ends with\n{}", last_lines(&self.log)))
    }
}

fn spawn(
    work: &Work,
    spec: HostSpec<'_>,
    seen: Option<Seen>,
    addresses: &Path,
    log: &Path,
) -> Result<Process> {
    let any = || SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut command = Command::new(work.thali()?);
    command
        .args(["up", "--admin", "127.0.0.1:0"])
        .args(["--listen", &spec.listen.unwrap_or_else(any).to_string()])
        .arg("--data")
        .arg(work.folder().join(spec.name))
        .arg("--addr-file")
        .arg(addresses);
    match seen {
        None => command.args(["--no-access-log", "--log", "warn"]),
        Some(seen) => command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", seen.collector))
            .envs(seen.every_trace.then_some(("OTEL_TRACES_SAMPLER", "always_on"))),
    };
    command.args(spec.options);
    if spec.seed {
        command.arg("--seed");
    }
    let stderr = File::options().create(true).append(true).open(log)?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    Process::spawn("thali up", &mut command)
}

/// Uploads a component.
pub(crate) fn deploy(admin: &Client, component: &[u8]) -> Result<()> {
    let (status, body) = admin.post("/admin/v1/services", "application/wasm", component)?;
    if status != 201 {
        bail!("the upload was answered with {status}: {body}");
    }
    Ok(())
}

/// The native reference.
pub(crate) fn start_native() -> Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("native").stdin(Stdio::piped()).stdout(Stdio::piped());
    let process = Process::spawn("the native server", &mut command)?;
    let stdout =
        process.child().stdout.take().context("the native server has no standard output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let address = line.trim().parse().context("the native server did not say its address")?;
    Ok(Server { process, address })
}

/// `wasmtime serve` with its defaults.
pub(crate) fn start_wasmtime(wasmtime: &Path, component: &Path, log: &Path) -> Result<Server> {
    let address = free_address()?;
    let mut command = Command::new(wasmtime);
    command.args(["serve", "--addr", &address.to_string(), "-S", "cli"]).arg(component);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(log)?);
    let process = Process::spawn("wasmtime serve", &mut command)?;
    let until = Instant::now() + STOP_MAX;
    while !matches!(Client::new(address).get("/"), Ok((200, _))) {
        if process.ended()?.is_some() || Instant::now() > until {
            bail!("wasmtime serve does not answer:\n{}", last_lines(log));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(Server { process, address })
}

/// An address that nobody listens on now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn last_lines(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
}
