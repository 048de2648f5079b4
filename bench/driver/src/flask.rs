//! The same jobs the way the tutorials do them: Flask under gunicorn, in memory, services that call each
//! other by HTTP. The services are in `bench/flask`.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::client::Client;
use crate::host::{self, Server};
use crate::process::Process;
use crate::work::Work;

/// A service: its module, and how many processes serve it.
pub(crate) type Service = (&'static str, u32);

/// Ordering food. What a service keeps is in its memory, so it is one process.
pub(crate) const FOOD: &[Service] =
    &[("restaurants", 1), ("delivery", 1), ("notifications", 1), ("orders", 1)];

/// Buying in a shop.
pub(crate) const SHOP: &[Service] =
    &[("products", 1), ("pricing", 1), ("payments", 1), ("shop", 1)];

/// The best players. Nothing is kept, so there can be a process for each core and another to wait.
pub(crate) const GAMES: &[Service] = &[("leaderboard", 4)];

/// Threads of each process: gunicorn's default worker serves one connection at a time and closes it.
const THREADS: &str = "8";

const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Services that run.
pub(crate) struct Flask {
    /// The last one is what clients ask.
    servers: Vec<Server>,
}

impl Flask {
    /// Starts services and waits until all of them answer. None when Flask cannot be installed; the
    /// script has said why.
    pub(crate) fn start(work: &Work, services: &[Service]) -> Result<Option<Self>> {
        let Some(programs) = programs(work)? else { return Ok(None) };
        let addresses: Vec<_> =
            services.iter().map(|_| host::free_address()).collect::<Result<_>>()?;
        let url = |(service, address): (&Service, &SocketAddr)| {
            (format!("{}_URL", service.0.to_uppercase()), format!("http://{address}"))
        };
        let urls: Vec<_> = services.iter().zip(&addresses).map(url).collect();
        let mut servers = Vec::new();
        for (&service, &address) in services.iter().zip(&addresses) {
            let log = work.folder().join(format!("flask-{}.log", service.0));
            let mut command = gunicorn(&programs, work, service, address);
            command.envs(urls.iter().cloned()).stdout(Stdio::null()).stderr(File::create(&log)?);
            let process = Process::spawn(service.0, &mut command)?;
            servers.push(Server { process, address });
            ready(servers.last().context("just pushed")?, &log)?;
        }
        Ok(Some(Self { servers }))
    }

    /// What clients ask.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.servers.last().context("no service was started")?.address)
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.servers.iter().try_for_each(|server| server.process.terminate(STOP_MAX))
    }
}

/// The folder of the installed programs.
fn programs(work: &Work) -> Result<Option<PathBuf>> {
    let output = Command::new(work.root().join("scripts/python-tools.sh"))
        .args(["bench/flask/requirements.txt", "python-flask"])
        .stderr(Stdio::inherit())
        .output()?;
    let folder = String::from_utf8(output.stdout)?;
    Ok(output.status.success().then(|| folder.trim().into()))
}

fn gunicorn(
    programs: &Path,
    work: &Work,
    (module, processes): Service,
    address: SocketAddr,
) -> Command {
    let mut command = Command::new(programs.join("gunicorn"));
    command
        .args(["--worker-class", "gthread", "--threads", THREADS])
        .args(["--workers", &processes.to_string()])
        .args(["--bind", &address.to_string()])
        // Connections that clients keep are kept for as long as a round lasts.
        .args(["--keep-alive", "75", "--graceful-timeout", "1", "--log-level", "warning"])
        .arg("--chdir")
        .arg(work.root().join("bench/flask"))
        .arg(format!("{module}:app"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    command
}

/// Waits until a service answers.
fn ready(server: &Server, log: &Path) -> Result<()> {
    let until = Instant::now() + START_MAX;
    while !matches!(Client::new(server.address).get("/health"), Ok((200, _))) {
        if server.process.ended()?.is_some() || Instant::now() > until {
            bail!("gunicorn does not answer:\n{}", std::fs::read_to_string(log)?);
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}
