//! H: clients that are slow, and bytes that HTTP implementations disagree about.

use std::time::{Duration, Instant};

use super::case::Case;
use super::guests::{echo, large, service};
use super::http2;
use super::raw::{Ended, Raw, exchange};
use super::stage::{Stage, sample};
use crate::support::eventually;

/// Cases that mostly wait for a deadline of the host.
pub(super) const SLOW_CASES: &[Case] = &[
    Case::new("H-01", "silent_connection", "closed after 5 s", silent_connection),
    Case::new("H-02", "slowloris_headers", "500 closed after 10 s each", slowloris_headers),
    Case::new("H-04", "slow_body", "200 x 408 after 30 s, no guest", slow_body),
    Case {
        late: Some(
            "four answers of 12 MiB at once: none of them is sliced while it is taken out of its guest \
             and encoded, and there are two workers",
        ),
        ..Case::new("H-05", "slow_reader", "cut after 30 s, guest gone before", slow_reader)
    },
];

pub(super) const CASES: &[Case] = &[
    Case::new("H-06", "header_count_and_size", "431, closed", header_count_and_size),
    Case::new("H-07", "url_9k", "414, closed", url_9k),
    Case::new("H-08", "cl_te_both_orders", "one answer, closed", cl_te_both_orders),
    Case::new("H-09", "te_variants", "400, closed, nothing hidden runs", te_variants),
    Case::new("H-10", "cl_variants", "400, closed, nothing hidden runs", cl_variants),
    Case::poses_nothing(
        "H-12",
        "header_injection_by_guest",
        "a guest makes values and no heads; the one value in a head, Location, is encoded (gateway/calls.rs)",
    ),
    Case::poses_nothing("H-13", "trailers_from_guest", "a guest makes values and no trailers"),
    Case::poses_nothing(
        "H-14",
        "guest_content_length_lies",
        "the host writes the length of what it encoded itself",
    ),
    Case::new("H-16", "h2_rapid_reset_and_floods", "GOAWAY or cut, CPU <1 s each", http2::floods)
        .flood(),
    Case::new("H-17", "connection_and_fd_exhaustion", "answers 2 s after release", exhaustion)
        .flood(),
];

const SECOND: Duration = Duration::from_secs(1);

/// A request that hides behind another.
const HIDDEN: &str = "GET /api/v1/hidden HTTP/1.1\r\nhost: a\r\n\r\n";

/// The lines of a request before its length.
const POST: &str = "POST /api/v1/echo HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";

/// A body that the echo understands.
const BODY: &str = r#"{"text":"hi"}"#;

/// How often a service was called since it was deployed.
fn invocations(stage: &Stage, service: &str) -> f64 {
    sample(&stage.host, &format!("thali_invocations_total{{service=\"{service}\"}}"))
}

fn deploy(stage: &Stage, guest: &[u8]) {
    let deployed = stage.host.deploy(guest);
    assert!(deployed.status < 300, "{}", deployed.body);
}

/// Every request is answered once, with this status and `connection: close`, and what hides behind it
/// does not run.
fn all_refused(stage: &Stage, requests: &[String], status: u16) -> Result<String, String> {
    deploy(stage, &echo());
    deploy(stage, &service("hidden", "", "(i32.const 1)", ""));
    let before = invocations(stage, "hidden") + invocations(stage, "echo");
    for request in requests {
        let answer = exchange(stage.host.gateway_address(), request);
        let is_closed = answer.has_header("connection: close");
        if answer.statuses() != [status] || !is_closed {
            let shown: String = request.chars().take(200).collect();
            return Err(format!("{shown:?}: {:?}", answer.text()));
        }
    }
    match invocations(stage, "hidden") + invocations(stage, "echo") > before {
        false => Ok(format!("{} x {status}, closed, no guest ran", requests.len())),
        true => Err("a guest ran".into()),
    }
}

fn header_count_and_size(stage: &Stage) -> Result<String, String> {
    let many: String = (0..101).map(|n| format!("x-{n}: y\r\n")).collect();
    let large = format!("x: {}\r\n", "y".repeat(64 << 10));
    let requests = [many, large]
        .map(|headers| format!("GET /api/v1/hidden HTTP/1.1\r\nhost: a\r\n{headers}\r\n"));
    all_refused(stage, &requests, 431)
}

fn url_9k(stage: &Stage) -> Result<String, String> {
    let long = "a".repeat(9 << 10);
    let requests = [format!("/{long}"), format!("/api/v1/hidden?q={long}")]
        .map(|path| format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"));
    all_refused(stage, &requests, 414)
}

fn cl_te_both_orders(stage: &Stage) -> Result<String, String> {
    deploy(stage, &echo());
    deploy(stage, &service("hidden", "", "(i32.const 1)", ""));
    let before = invocations(stage, "hidden");
    let (length, chunked) = ("content-length: 4\r\n", "transfer-encoding: chunked\r\n");
    let mut seen = Vec::new();
    for both in [format!("{length}{chunked}"), format!("{chunked}{length}")] {
        let request = format!("{POST}{both}\r\nd\r\n{BODY}\r\n0\r\n\r\n{HIDDEN}");
        let answer = exchange(stage.host.gateway_address(), request);
        if answer.statuses().len() != 1 || !answer.has_header("connection: close") {
            return Err(format!("{both:?}: {:?}", answer.text()));
        }
        seen.extend(answer.statuses());
    }
    match invocations(stage, "hidden") > before {
        false => Ok(format!("{seen:?}, closed, nothing hidden ran")),
        true => Err("what was hidden ran".into()),
    }
}

fn te_variants(stage: &Stage) -> Result<String, String> {
    let headers = [
        "transfer-encoding: chunked,",
        "transfer-encoding: chunked, gzip",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: xchunked",
        "transfer-encoding: identity",
        "transfer-encoding:",
        "transfer-encoding: \u{b}chunked",
        "transfer-encoding : chunked",
        "transfer-encoding\t: chunked",
        " transfer-encoding: chunked",
        "x: y\r\n transfer-encoding: chunked",
        "transfer-encoding: gzip\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: gzip",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
    ];
    let chunks = format!("d\r\n{BODY}\r\n0\r\n\r\n{HIDDEN}");
    let mut requests = headers.map(|header| format!("{POST}{header}\r\n\r\n{chunks}")).to_vec();
    let old = POST.replace("HTTP/1.1", "HTTP/1.0");
    requests.push(format!("{old}transfer-encoding: chunked\r\n\r\n{chunks}"));
    let refused = all_refused(stage, &requests, 400)?;
    let close = "connection: close\r\n";
    let fine = format!("{POST}{close}Transfer-Encoding:\tCHUNKED \t\r\n\r\n{chunks}");
    accepted(stage, &fine, &refused)
}

fn cl_variants(stage: &Stage) -> Result<String, String> {
    let lengths =
        ["+13", "-13", "0xd", "13, 14", "13,13", "13 13", "13.0", "", "99999999999999999999"];
    let mut requests: Vec<_> = lengths
        .iter()
        .map(|l| format!("{POST}content-length: {l}\r\n\r\n{BODY}{HIDDEN}"))
        .collect();
    let two = "content-length: 13\r\ncontent-length: 14\r\n\r\n";
    requests.push(format!("{POST}{two}{BODY}{HIDDEN}"));
    let refused = all_refused(stage, &requests, 400)?;
    // White space around a value is none of it (RFC 9110, 5.5), and two equal ones say one thing.
    let equal = "content-length: 13\r\ncontent-length:  13\t\r\nconnection: close\r\n\r\n";
    accepted(stage, &format!("{POST}{equal}{BODY}"), &refused)
}

/// What is exactly right is answered after all that.
fn accepted(stage: &Stage, request: &str, refused: &str) -> Result<String, String> {
    let answer = exchange(stage.host.gateway_address(), request);
    match answer.statuses() == [200] && answer.text().ends_with("\"hi\"") {
        true => Ok(format!("{refused}; the right one 200")),
        false => Err(format!("{request:?}: {:?}", answer.text())),
    }
}

fn closed_in(times: &[Duration], least: u64, most: u64) -> Result<String, String> {
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    let seen = format!("{} closed after {first:.1?} to {last:.1?}", times.len());
    let in_time = first.as_secs_f64() > least as f64 - 0.5 && last.as_secs() < most;
    if in_time { Ok(seen) } else { Err(seen) }
}

fn silent_connection(stage: &Stage) -> Result<String, String> {
    let silent = Raw::connect(stage.host.gateway_address()).rest();
    if !silent.bytes.is_empty() {
        return Err(silent.text());
    }
    closed_in(&[silent.after], 5, 6)
}

/// Sends one of `bytes` a second over each connection until the host has closed them all.
fn drip(mut clients: Vec<Raw>, bytes: &[u8]) -> Vec<Ended> {
    std::thread::scope(|scope| {
        let readers: Vec<_> = clients
            .iter()
            .map(|client| {
                let reader = client.same();
                scope.spawn(move || reader.rest())
            })
            .collect();
        for byte in bytes.chunks(1) {
            clients.retain_mut(|client| client.send(byte));
            if clients.is_empty() {
                break;
            }
            std::thread::sleep(SECOND);
        }
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    })
}

fn slowloris_headers(stage: &Stage) -> Result<String, String> {
    let clients: Vec<_> = (0..500).map(|_| Raw::connect(stage.host.gateway_address())).collect();
    let ended = drip(clients, b"GET /api/v1/neighbour HTTP/1.1\r\n");
    if let Some(answered) =
        ended.iter().find(|ended| !ended.bytes.is_empty() && ended.statuses() != [408])
    {
        return Err(answered.text());
    }
    let times: Vec<_> = ended.iter().map(|ended| ended.after).collect();
    closed_in(&times, 10, 13)
}

fn slow_body(stage: &Stage) -> Result<String, String> {
    deploy(stage, &echo());
    let clients: Vec<_> = (0..200)
        .map(|_| {
            let mut client = Raw::connect(stage.host.gateway_address());
            client.send(format!("{POST}content-length: 1000\r\n\r\n"));
            client
        })
        .collect();
    let ended = drip(clients, &[b' '; 40]);
    if let Some(wrong) = ended.iter().find(|ended| ended.statuses() != [408]) {
        return Err(wrong.text());
    }
    let times: Vec<_> = ended.iter().map(|ended| ended.after).collect();
    let seen = closed_in(&times, 30, 35)?;
    match invocations(stage, "echo") > 0.0 {
        false => Ok(format!("408, {seen}, no guest ran")),
        true => Err(format!("{seen}, a guest ran")),
    }
}

/// Answers of more than fits into the sockets between host and client.
const LARGE_BYTES: u32 = 12 << 20;

fn slow_reader(stage: &Stage) -> Result<String, String> {
    deploy(stage, &large(LARGE_BYTES));
    let before = stage.host.resident_bytes();
    let open = |stage: &Stage| stage.host.admin_get("/services/large").body["in_flight"].clone();
    let mut clients: Vec<_> = (0..4).map(|_| Raw::connect(stage.host.gateway_address())).collect();
    for client in &mut clients {
        client.send("GET /api/v1/large HTTP/1.1\r\nhost: a\r\n\r\n");
    }
    let asked = Instant::now();
    eventually("the guests to have answered", || (open(stage) == 0).then_some(()));
    let guests_gone = asked.elapsed();
    let held = stage.host.resident_bytes().saturating_sub(before) >> 20;
    let files = stage.host.open_files();
    // The host closes what nobody reads: only its own table of files says so from here.
    while stage.host.open_files() + clients.len() > files {
        if asked.elapsed() > 40 * SECOND {
            return Err(format!("not cut after {:?}", asked.elapsed()));
        }
        std::thread::sleep(SECOND / 10);
    }
    let seen = format!(
        "guests gone after {guests_gone:.1?}, RSS +{held} MiB, cut after {:.0?}",
        asked.elapsed()
    );
    if asked.elapsed() > 29 * SECOND && held < 200 { Ok(seen) } else { Err(seen) }
}

/// 5,000 connections to a process that may have 256 files.
fn exhaustion(stage: &Stage) -> Result<String, String> {
    stage.host.limit_files(256);
    let address = stage.host.gateway_address().parse().unwrap();
    let sockets: Vec<_> = (0..5000)
        .map_while(|_| std::net::TcpStream::connect_timeout(&address, SECOND / 5).ok())
        .collect();
    let held = sockets.len();
    drop(sockets);
    let released = Instant::now();
    let again = exchange(
        stage.host.gateway_address(),
        "GET /api/v1/neighbour HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    );
    let took = released.elapsed();
    let seen = format!("{:?} {took:.1?} after {held} connections", again.statuses());
    if again.statuses() == [200] && took < 2 * SECOND { Ok(seen) } else { Err(seen) }
}
