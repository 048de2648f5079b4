//! Event streams: what a client that waits costs, and how soon it hears.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::Bench;
use crate::build;
use crate::host::{Host, HostSpec};
use crate::machine::Resident;
use crate::report::{Report, Row, Unit};
use crate::stats::Spread;

/// The names of the cases.
pub(super) const CASES: &[&str] = &[MEMORY, LATENCY, FAN_OUT];

const MEMORY: &str = "stream-memory";
const LATENCY: &str = "stream-latency";
const FAN_OUT: &str = "stream-fan-out";

/// What the issue asks of a client that waits, in KiB, and of an event, in milliseconds.
const AIM_KIB: f64 = 30.0;
const AIM_MS: f64 = 1000.0;

/// Clients of one address: fewer than a host allows.
const CLIENTS_OF_ADDRESS: usize = 500;

/// Connections that are opened at the same time, and publishers.
const SIDE_BY_SIDE: usize = 32;

/// For what the connections leave to be done.
const SETTLE: Duration = Duration::from_secs(2);

/// How long one thing may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let spec = HostSpec { name: "host-streams", seed: false, listen: None, options: &[] };
    let host = Host::start(bench.work, spec)?;
    host.deploy_all([build::publisher()])?;
    let clients = bench.effort.streams;
    let address = host.server.address;
    runtime.block_on(async {
        // What instances leave in memory is not for clients that wait to answer for.
        warm(address, clients).await?;
        let before = resident(&host).await?;
        bench.say(format_args!("{clients} streams, each of a key of its own"));
        let streams = open(address, clients, |client| format!("a{client}")).await?;
        let after = resident(&host).await?;
        report.push(memory(before, after, clients));
        let times = one_each(address, streams).await?;
        report.push(latency(LATENCY, format!("{clients} streams, one event each"), times)?);
        bench.say(format_args!("{clients} streams of one key"));
        let streams = open(address, clients, |_| "b".into()).await?;
        let times = one_for_all(address, streams).await?;
        report.push(latency(FAN_OUT, format!("one event for {clients} streams"), times)?);
        Ok::<_, anyhow::Error>(())
    })?;
    drop(runtime);
    host.stop()
}

/// Has as many snapshots made as there will be streams.
async fn warm(address: SocketAddr, clients: usize) -> Result<()> {
    let callers: Vec<_> = (0..SIDE_BY_SIDE)
        .map(|_| {
            tokio::spawn(async move {
                let mut caller = Caller::open(address).await?;
                for _ in 0..clients.div_ceil(SIDE_BY_SIDE) {
                    caller.ask("HEAD /api/v1/orders/warm/track", "", "200").await?;
                }
                Ok::<_, anyhow::Error>(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(())
}

fn memory(before: Resident, after: Resident, clients: usize) -> Row {
    let kib = after.total.saturating_sub(before.total) as f64 / 1024.0 / clients as f64;
    let spread = Spread { median: kib, min: kib, max: kib };
    let note = format!(
        "{:.0} MiB with {clients}, {:.0} MiB without",
        after.total as f64 / f64::from(1 << 20),
        before.total as f64 / f64::from(1 << 20)
    );
    let what = "resident memory of the host per stream";
    Row::new(MEMORY, what, Unit::Kibibytes, spread).at_most(AIM_KIB).note(note)
}

/// From the answer to whoever published, which comes after the commit, to the client. The aim is for the
/// last client, not for the median.
fn latency(case: &'static str, what: String, mut times: Vec<f64>) -> Result<Row> {
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get((times.len() - 1) * share / 100).copied();
    let (Some(p50), Some(p99), Some(last)) = (at(50), at(99), at(100)) else {
        bail!("no client heard anything");
    };
    let spread = Spread { median: last, min: last, max: last };
    let mut row = Row::new(case, what, Unit::Milliseconds, spread).at_most(AIM_MS);
    row.p50_us = Some(p50 * 1e3);
    row.p99_us = Some(p99 * 1e3);
    Ok(row.note("until the last one has it"))
}

/// Every client, with its snapshot.
async fn open(
    address: SocketAddr,
    clients: usize,
    key: impl Fn(usize) -> String,
) -> Result<Vec<Stream>> {
    let turns = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let opened = (0..clients).map(|client| {
        let (turns, key) = (Arc::clone(&turns), key(client));
        tokio::spawn(async move {
            let _turn = turns.acquire().await?;
            timeout(PATIENCE, Stream::open(address, client, &key)).await?
        })
    });
    let mut streams = Vec::with_capacity(clients);
    for stream in opened.collect::<Vec<_>>() {
        streams.push(stream.await??);
    }
    Ok(streams)
}

/// Publishes an event for each client; milliseconds until each has it.
async fn one_each(address: SocketAddr, streams: Vec<Stream>) -> Result<Vec<f64>> {
    let clients = streams.len();
    let heard = listen(streams);
    let mut told = Vec::with_capacity(clients);
    let publishers: Vec<_> = (0..SIDE_BY_SIDE)
        .map(|first| {
            tokio::spawn(async move {
                let mut publisher = Caller::open(address).await?;
                let mut told = Vec::new();
                for client in (first..clients).step_by(SIDE_BY_SIDE) {
                    publisher.publish(&format!("a{client}")).await?;
                    told.push((client, Instant::now()));
                }
                Ok::<_, anyhow::Error>(told)
            })
        })
        .collect();
    for publisher in publishers {
        told.extend(publisher.await??);
    }
    told.sort_by_key(|(client, _)| *client);
    let heard = all(heard, clients).await?;
    let times = heard.into_iter().zip(told).map(|(heard, (_, told))| milliseconds(told, heard));
    Ok(times.collect())
}

/// Publishes one event; milliseconds until each client has it.
async fn one_for_all(address: SocketAddr, streams: Vec<Stream>) -> Result<Vec<f64>> {
    let clients = streams.len();
    let heard = listen(streams);
    Caller::open(address).await?.publish("b").await?;
    let told = Instant::now();
    Ok(all(heard, clients).await?.into_iter().map(|heard| milliseconds(told, heard)).collect())
}

fn milliseconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1e3
}

type Heard = mpsc::UnboundedReceiver<Result<(usize, Instant)>>;

/// Waits for the next event of every stream.
fn listen(streams: Vec<Stream>) -> Heard {
    let (sender, heard) = mpsc::unbounded_channel();
    for (client, mut stream) in streams.into_iter().enumerate() {
        let sender = sender.clone();
        tokio::spawn(async move {
            let event = stream.until("event: changed").await;
            let _ = sender.send(event.map(|()| (client, Instant::now())));
            // The connection stays until all have heard.
            sender.closed().await;
        });
    }
    heard
}

/// When each client heard, in their order.
async fn all(mut heard: Heard, clients: usize) -> Result<Vec<Instant>> {
    let mut times = Vec::with_capacity(clients);
    while times.len() < clients {
        let event = timeout(PATIENCE, heard.recv()).await.context("some clients never heard")?;
        times.push(event.context("a client is gone")??);
    }
    times.sort_by_key(|(client, _)| *client);
    Ok(times.into_iter().map(|(_, heard)| heard).collect())
}

/// One client.
struct Stream {
    socket: TcpStream,
    text: Vec<u8>,
}

impl Stream {
    async fn open(address: SocketAddr, client: usize, key: &str) -> Result<Self> {
        let host = u8::try_from(2 + client / CLIENTS_OF_ADDRESS)?;
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, host), 0).into())?;
        let mut socket = socket.connect(address).await?;
        let head = format!("GET /api/v1/orders/{key}/track HTTP/1.1\r\nhost: bench\r\n\r\n");
        socket.write_all(head.as_bytes()).await?;
        let mut me = Self { socket, text: Vec::new() };
        me.until("event: snapshot").await?;
        Ok(me)
    }

    /// Reads up to the event that has this line.
    async fn until(&mut self, line: &str) -> Result<()> {
        while !self.text.windows(line.len()).any(|bytes| bytes == line.as_bytes()) {
            ensure!(self.socket.read_buf(&mut self.text).await? > 0, "a stream ended");
        }
        self.text = Vec::new();
        Ok(())
    }
}

/// A connection for requests.
struct Caller(TcpStream);

impl Caller {
    async fn open(address: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self(socket))
    }

    async fn publish(&mut self, key: &str) -> Result<()> {
        let body = format!("{{\"id\":\"{key}\",\"status\":\"cooked\"}}");
        self.ask("POST /api/v1/changes", &body, "204").await
    }

    /// A request whose answer has this status, and no body.
    async fn ask(&mut self, line: &str, body: &str, status: &str) -> Result<()> {
        let head = format!(
            "{line} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            ensure!(self.0.read_buf(&mut answer).await? > 0, "the host hung up");
        }
        let is_right = answer.get(9..12) == Some(status.as_bytes());
        ensure!(is_right, "{}", String::from_utf8_lossy(&answer));
        Ok(())
    }
}

async fn resident(host: &Host) -> Result<Resident> {
    tokio::time::sleep(SETTLE).await;
    Resident::of(host.server.process.pid())
        .context("resident memory is read from /proc, which Linux has")
}
