//! O: services that send requests where they should not, and servers that answer with something evil.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::case::Case;
use super::guests::{fetcher, manifest};
use super::stage::Stage;
use super::upstream::{Upstream, ok, read_head};
use crate::support::{Answer, TestHost, eventually, guest};

const POLICY: &str = "host/platform/tests/capabilities/outbound/policy.rs";
const LIMITS: &str = "host/platform/tests/capabilities/outbound/limits.rs";

pub(super) const CASES: &[Case] = &[
    Case::to("O-01", "default_deny", "denied, logged, nobody reached", host, default_deny),
    Case::to("O-02", "literal_address_table", "422 at deploy, denied", host, addresses),
    Case::to("O-04", "name_forms", "denied or invalid", host, name_forms),
    Case::shown_by(
        "O-05",
        "dns_rebinding",
        "only checked addresses are connected to",
        POLICY,
        "dns_rebinding",
    ),
    Case::shown_by(
        "O-05",
        "names_that_lead_inside",
        "denied after the look-up",
        POLICY,
        "a_name_that_leads_inside_is_denied_unless_an_operator_opened_it",
    ),
    Case::new("O-07", "self_call_loop", "508 at depth 16", self_call_loop),
    Case::to("O-08", "outbound_count", "16 of 1,000 are sent", host, outbound_count),
    Case::shown_by(
        "O-08",
        "outbound_concurrency",
        "4 at the same time",
        LIMITS,
        "an_invocation_sends_sixteen_requests_four_at_a_time",
    ),
    Case::to("O-09", "slow_or_evil_upstream", "a typed error each, RSS flat", host, evil_upstream),
];

/// The one address that the operator of these hosts has opened.
const OPEN: &str = "127.0.0.9";

fn host() -> TestHost {
    TestHost::with_host_file(&format!(
        "[outbound]\nprivate = [\"{OPEN}/32\"]\nfirst-byte-timeout = \"500ms\"\n\
         between-bytes-timeout = \"500ms\"\n"
    ))
}

fn deploy(stage: &Stage, guest: &[u8]) -> Result<(), String> {
    let deployed = stage.host.deploy(guest);
    if deployed.status < 300 { Ok(()) } else { Err(deployed.body.to_string()) }
}

fn allowing(origin: &str) -> String {
    format!("[outbound]\nallow = [\"{origin}\"]")
}

/// What the service is told: 200, or the case of its error.
fn outcome(answer: &Answer) -> String {
    match answer.status {
        200 => "200".into(),
        _ => answer.body["code"].as_str().unwrap_or("no code").to_owned(),
    }
}

fn request(url: &str) -> Value {
    json!({ "method": "GET", "url": url, "headers": [] })
}

fn fetch(stage: &Stage, service: &str, url: &str) -> String {
    outcome(&stage.host.post(&format!("/api/v1/{service}/send"), &request(url)))
}

fn default_deny(stage: &Stage) -> Result<String, String> {
    let (allowed, other) =
        (Upstream::answering(OPEN, ok("fine")), Upstream::answering(OPEN, ok("secret")));
    let without = stage.host.deploy(&fetcher("without", ""));
    deploy(stage, &fetcher("fetcher", &allowing(&allowed.origin())))?;
    let seen = [&allowed, &other].map(|upstream| fetch(stage, "fetcher", &upstream.origin()));
    // The log has a thread of its own.
    eventually("it is logged", || stage.host.log().contains("thali::outbound").then_some(()));
    let said = format!(
        "{} without a grant; {seen:?}; {} reached; logged",
        without.body["code"],
        other.accepted()
    );
    let is_so = without.status == 422 && seen == ["200", "denied"] && other.accepted() == 0;
    if is_so { Ok(said) } else { Err(said) }
}

/// Spellings of addresses that are not public. In a URL there is a port as well.
const ADDRESSES: [&str; 31] = [
    "127.0.0.1",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "2130706433",
    "0177.1",
    "0x7f000001",
    "0x7f.1",
    "127.1",
    "127.0.0.1.",
    "[::ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:db8::1]",
    "[ff02::1]",
];

fn addresses(stage: &Stage) -> Result<String, String> {
    let (allowed, inside) =
        (Upstream::answering(OPEN, ok("fine")), Upstream::answering("127.0.0.1", ok("secret")));
    deploy(stage, &fetcher("fetcher", &allowing(&allowed.origin())))?;
    for address in ADDRESSES {
        let url = format!("http://{address}:{}", inside.address.port());
        let deployed = stage.host.deploy(&fetcher("greedy", &allowing(&url)));
        if (deployed.status, &deployed.body["code"]) != (422, &json!("outbound_not_granted")) {
            return Err(format!("{address} in a manifest: {}", deployed.body));
        }
        let asked = fetch(stage, "fetcher", &url);
        if asked != "denied" {
            return Err(format!("{address}: {asked}"));
        }
    }
    match inside.accepted() {
        0 => Ok(format!("{} x 422 and denied, nobody reached", ADDRESSES.len())),
        reached => Err(format!("{reached} reached")),
    }
}

fn name_forms(stage: &Stage) -> Result<String, String> {
    let (allowed, evil) =
        (Upstream::answering(OPEN, ok("fine")), Upstream::answering("127.0.0.1", ok("evil")));
    deploy(stage, &fetcher("fetcher", &allowing(&allowed.origin())))?;
    let (good, port) = (allowed.address, evil.address.port());
    let mut tried = 0;
    for url in [
        format!("http://localhost:{port}"),
        format!("http://localhost.:{port}"),
        format!("http://LOCALHOST:{port}"),
        format!("http://{good}@127.0.0.1:{port}"),
        format!("http://{OPEN}.evil.example:{port}"),
        format!("http://127.0.0.1:{port}#@{good}"),
        format!("http://127.0.0.1:{port}\\@{good}"),
        format!("http://{OPEN}:"),
        format!("http://{OPEN}:99999"),
        format!("http://{OPEN}:-1"),
        format!("https://{good}"),
        format!("http://{good} @127.0.0.1:{port}"),
        "http://\u{2460}27.0.0.1".to_owned(),
        "http://l\u{43e}calhost".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let asked = fetch(stage, "fetcher", &url);
        if !matches!(asked.as_str(), "denied" | "invalid") {
            return Err(format!("{url:?}: {asked}"));
        }
        tried += 1;
    }
    match (evil.accepted(), allowed.accepted()) {
        (0, 0) => Ok(format!("{tried} x denied or invalid, nobody reached")),
        reached => Err(format!("{reached:?} reached")),
    }
}

/// A service whose `run` calls that of another.
fn calling(name: &str, callee: &str) -> Vec<u8> {
    let interface = "interface api { run: func() -> u32; }";
    let (import, other) = match name == callee {
        true => ("api".to_owned(), String::new()),
        false => {
            let package = format!("package test:{callee}@1.0.0 {{ {interface} }}");
            (format!("test:{callee}/api@1.0.0"), package)
        }
    };
    let wit = format!(
        "package test:{name}@1.0.0;
        {interface}
        world service {{ import {import}; export api; }}
        {other}"
    );
    let wat = format!(
        r#"(module
        (import "test:{callee}/api@1.0.0" "run" (func $run (result i32)))
        (func (export "test:{name}/api@1.0.0#run") (result i32) (call $run)))"#
    );
    guest(&wit, &wat, &manifest(name, ""))
}

fn self_call_loop(stage: &Stage) -> Result<String, String> {
    let mut seen = Vec::new();
    for guest in [calling("mirror", "mirror"), calling("ping", "pong"), calling("pong", "ping")] {
        deploy(stage, &guest)?;
    }
    for service in ["mirror", "ping", "pong"] {
        let asked = Instant::now();
        let answer = stage.host.get(&format!("/api/v1/{service}"));
        let took = asked.elapsed();
        if answer.status != 508 || took > Duration::from_secs(2) {
            return Err(format!("{service}: {} after {took:?}", answer.body));
        }
        seen.push(format!("{} {}", answer.status, answer.body["code"]));
    }
    Ok(format!("{seen:?}, no permit waited for"))
}

fn outbound_count(stage: &Stage) -> Result<String, String> {
    let upstream = Upstream::answering(OPEN, ok("x"));
    deploy(stage, &fetcher("fetcher", &allowing(&upstream.origin())))?;
    let thousand = json!({ "request": request(&upstream.origin()), "times": 1000 });
    let answer = stage.host.post("/api/v1/fetcher/flood", &thousand);
    let again = stage.host.post(
        "/api/v1/fetcher/flood",
        &json!({
            "request": request(&upstream.origin()), "times": 1
        }),
    );
    let seen = format!("{} answers, then {} of the next request", answer.body, again.body);
    if answer.body == 16 && again.body == 1 { Ok(seen) } else { Err(seen) }
}

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// Answers, and then the same part for ever, with a pause between.
fn endless(stream: &mut TcpStream, part: &[u8], pause: Duration) {
    let mut is_taken = stream.write_all(CHUNKED).is_ok();
    while is_taken {
        is_taken = stream.write_all(part).is_ok();
        std::thread::sleep(pause);
    }
}

/// What each server does, and what the service is told.
fn evils() -> [(&'static str, &'static str, Upstream); 8] {
    let serve = |evil: fn(&mut TcpStream)| {
        Upstream::start(OPEN, move |mut stream| {
            read_head(&mut stream);
            evil(&mut stream);
        })
    };
    let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let bomb =
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x08\x08\x00";
    let answering = |answer: &str| Upstream::answering(OPEN, answer);
    [
        (
            "never answers",
            "timeout",
            serve(|stream| {
                let _ = stream.read(&mut [0]);
            }),
        ),
        (
            "a byte every 100 ms",
            "timeout",
            serve(|stream| {
                endless(stream, b"1\r\nx\r\n", Duration::from_millis(100));
            }),
        ),
        (
            "an endless body",
            "too_large",
            serve(|stream| {
                let part = [b"10000\r\n".as_slice(), &[b'x'; 65536], b"\r\n"].concat();
                endless(stream, &part, Duration::ZERO);
            }),
        ),
        (
            "10 GiB announced",
            "too_large",
            answering("HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n"),
        ),
        ("a head of 1 MiB", "too_large", answering(&head)),
        (
            "bad chunks",
            "protocol",
            answering(&format!("{}zz\r\nx\r\n", String::from_utf8_lossy(CHUNKED))),
        ),
        (
            "two lengths",
            "protocol",
            answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nxxxxx"),
        ),
        ("gzip, packed", "200", answering(bomb)),
    ]
}

fn evil_upstream(stage: &Stage) -> Result<String, String> {
    let evils = evils();
    let origins: Vec<_> =
        evils.iter().map(|(_, _, evil)| format!("\"{}\"", evil.origin())).collect();
    let allow = format!("[outbound]\nallow = [{}]", origins.join(", "));
    deploy(stage, &fetcher("fetcher", &allow))?;
    let before = stage.host.resident_bytes();
    let mut seen = Vec::new();
    for (what, expected, evil) in &evils {
        let told = fetch(stage, "fetcher", &evil.origin());
        seen.push(format!("{what}: {told}"));
        if told != *expected {
            return Err(format!("{what}: {told}, not {expected}"));
        }
    }
    let more = stage.host.resident_bytes().saturating_sub(before) >> 20;
    let seen = format!("{}; RSS +{more} MiB", seen.join(", "));
    if more < 32 { Ok(seen) } else { Err(seen) }
}
