//! More requests than there is room for: what is still served, how soon, and how soon the rest hears no.
//!
//! Load that waits for its answers slows down with the server; real clients do not. Here requests come at their own
//! times, whatever has become of those before, and what counts is the time since each should have been sent.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::sleep_until;

use super::Bench;
use crate::build;
use crate::host::{Host, HostSpec};
use crate::report::{Ratio, Report, Row, Unit};
use crate::stats::Spread;

/// The names of the cases.
pub(super) const CASES: &[&str] = &[PEAK, GOODPUT, ACCEPTED, REFUSED];

const PEAK: &str = "overload-peak";
const GOODPUT: &str = "overload-goodput";
const ACCEPTED: &str = "overload-accepted";
const REFUSED: &str = "overload-refused";

/// What the issue asks for at five times the load.
const GOODPUT_SHARE: f64 = 0.9;
const ACCEPTED_TIMES: f64 = 3.0;
const REFUSED_MS: f64 = 5.0;

/// The rates, as multiples of what four clients that wait for their answers get.
const QUIET: f64 = 0.5;
const RATES: [f64; 4] = [QUIET, 1.0, 2.0, FLOOD];
const FLOOD: f64 = 5.0;

/// What one request costs a processor, about.
const COST: Duration = Duration::from_millis(8);

/// Clients that wait for their answers, to learn what there is room for.
const CLIENTS: usize = 4;

/// What came of the requests at one rate.
#[derive(Default)]
struct Seen {
    /// Milliseconds of those that were answered 200.
    served: Vec<f64>,
    /// Milliseconds of those that were answered 503.
    refused: Vec<f64>,
    /// Other answers, and none.
    wrong: usize,
    took: Duration,
}

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let host = Host::start(
        bench.work,
        HostSpec { name: "host-overload", seed: false, listen: None, options: &[] },
    )?;
    host.deploy_all([build::worker()])?;
    let address = host.server.address;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let length = bench.effort.round * 3;
    let seen = LocalSet::new().block_on(&runtime, async {
        let rounds = calibrate(address).await?;
        let request = request(rounds);
        let capacity = closed_loop(address, &request, length / 3).await?;
        bench.say(format_args!("overload: {capacity:.0} requests/s are possible, of {rounds} rounds"));
        let mut seen = Vec::new();
        for rate in RATES {
            let step = open_loop(address, &request, capacity * rate, length).await?;
            bench.say(format_args!(
                "overload: {rate}x: {:.0}/s served, p99 {:.1} ms; {} refused, p99 {:.1} ms; {} wrong",
                step.goodput(), p99(&step.served), step.refused.len(), p99(&step.refused), step.wrong
            ));
            seen.push((rate, step));
        }
        Ok::<_, anyhow::Error>(seen)
    })?;
    tell(&seen, report)?;
    host.stop()
}

fn tell(seen: &[(f64, Seen)], report: &mut Report) -> Result<()> {
    let at = |rate: f64| {
        let step = seen.iter().find(|(at, _)| (at - rate).abs() < f64::EPSILON);
        step.map(|(_, step)| step).context("a rate was not measured")
    };
    let (quiet, flood) = (at(QUIET)?, at(FLOOD)?);
    let wrong: usize = seen.iter().map(|(_, step)| step.wrong).sum();
    if wrong > 0 {
        report.fail(format!("overload: {wrong} requests were answered neither 200 nor 503"));
    }
    let peak = seen.iter().map(|(_, step)| step.goodput()).fold(0.0, f64::max);
    let one = |value: f64| Spread { median: value, min: value, max: value };
    report.push(Row::new(PEAK, "the most that was served of any rate", Unit::PerSecond, one(peak)));
    let goodput = flood.goodput();
    let mut row = Row::new(GOODPUT, "served at 5x the load", Unit::PerSecond, one(goodput));
    row.ratios = vec![Ratio { to: PEAK, value: goodput / peak, at_least: Some(GOODPUT_SHARE) }];
    report.push(row);
    let (before, during) = (p99(&quiet.served), p99(&flood.served));
    let what = "p99 of who is served at 5x the load";
    let row = Row::new(ACCEPTED, what, Unit::Milliseconds, one(during));
    let note = format!("{before:.1} ms at half the load: {:.1}x", during / before);
    report.push(row.at_most(ACCEPTED_TIMES * before).note(note));
    let what = "p99 of who is refused at 5x the load";
    let row = Row::new(REFUSED, what, Unit::Milliseconds, one(p99(&flood.refused)));
    report.push(row.at_most(REFUSED_MS).note(format!("{} were refused", flood.refused.len())));
    Ok(())
}

impl Seen {
    fn goodput(&self) -> f64 {
        self.served.len() as f64 / self.took.as_secs_f64()
    }
}

fn p99(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len().saturating_sub(1)) * 99 / 100).copied().unwrap_or(0.0)
}

fn request(rounds: u64) -> Vec<u8> {
    format!("GET /api/v1/work/{rounds} HTTP/1.1\r\nhost: bench\r\n\r\n").into_bytes()
}

/// How many rounds of work cost about [`COST`].
async fn calibrate(address: SocketAddr) -> Result<u64> {
    const ROUNDS: u64 = 2_000_000;
    let mut stream = connect(address).await?;
    let mut best = f64::MAX;
    for _ in 0..10 {
        let begin = Instant::now();
        ensure!(ask(&mut stream, &request(ROUNDS)).await? == 200, "the worker does not work");
        best = best.min(begin.elapsed().as_secs_f64());
    }
    Ok((ROUNDS as f64 * COST.as_secs_f64() / best) as u64)
}

/// What [`CLIENTS`] get that each wait for their answer.
async fn closed_loop(address: SocketAddr, request: &[u8], length: Duration) -> Result<f64> {
    let begin = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let request = request.to_vec();
            tokio::task::spawn_local(async move {
                let mut stream = connect(address).await?;
                let mut answered = 0_u32;
                while begin.elapsed() < length {
                    ensure!(ask(&mut stream, &request).await? == 200, "four clients are too many");
                    answered += 1;
                }
                Ok(answered)
            })
        })
        .collect();
    let mut answered = 0;
    for client in clients {
        answered += client.await??;
    }
    Ok(f64::from(answered) / begin.elapsed().as_secs_f64())
}

/// Requests at random moments, so many a second on average.
async fn open_loop(
    address: SocketAddr,
    request: &[u8],
    per_second: f64,
    length: Duration,
) -> Result<Seen> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let idle = Rc::new(RefCell::new(Vec::<TcpStream>::new()));
    let mut chance = Chance(0x5eed);
    let begin = Instant::now();
    let mut at = begin;
    let mut running = Vec::new();
    while at < begin + length {
        sleep_until(at.into()).await;
        let (seen, idle, request) = (Rc::clone(&seen), Rc::clone(&idle), request.to_vec());
        running.push(tokio::task::spawn_local(async move {
            let kept = idle.borrow_mut().pop();
            let answer = async {
                let mut stream = match kept {
                    Some(stream) => stream,
                    None => connect(address).await?,
                };
                let status = ask(&mut stream, &request).await?;
                idle.borrow_mut().push(stream);
                Ok::<_, anyhow::Error>(status)
            };
            let status = answer.await;
            let took = at.elapsed().as_secs_f64() * 1e3;
            let mut seen = seen.borrow_mut();
            match status {
                Ok(200) => seen.served.push(took),
                Ok(503) => seen.refused.push(took),
                _ => seen.wrong += 1,
            }
        }));
        at += Duration::from_secs_f64(-chance.next().ln() / per_second);
    }
    for task in running {
        task.await?;
    }
    let took = begin.elapsed();
    Ok(Seen { took, ..seen.take() })
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The status of the answer, which is read whole.
async fn ask(stream: &mut TcpStream, request: &[u8]) -> Result<u16> {
    stream.write_all(request).await?;
    let mut answer = Vec::with_capacity(1024);
    loop {
        ensure!(stream.read_buf(&mut answer).await? > 0, "the host hung up");
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lengths = head.lines().filter_map(|line| line.strip_prefix("content-length: "));
        let length: usize = lengths.next().unwrap_or("0").parse()?;
        if body.len() >= length {
            return Ok(head.get(9..12).unwrap_or_default().parse()?);
        }
    }
}

/// Numbers between 0 and 1, the same ones every time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    }
}
