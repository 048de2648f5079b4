//! H-17, R-08 and what holds for every connection.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use thali_gateway::GatewayLimits;
use thali_gateway::listen::{Accept, Server, accept_loop};
use tokio::io::DuplexStream;
use tokio::time::Instant;

use crate::support::{Raw, TestListener};

#[tokio::test(start_paused = true)]
async fn one_connection_too_many_is_told_so_and_room_is_used_again() {
    let listener = TestListener::with(|l| l.connections_max = 2).await;
    let (mut first, mut second) = (listener.connect().await, listener.connect().await);
    assert_eq!(first.get("/echo").await.status, 200);
    assert_eq!(second.get("/echo").await.status, 200);
    let mut third = listener.connect().await;
    let answer = third.get("/echo").await;
    assert_eq!((answer.status, answer.problem()), (503, "overloaded".into()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("connection"), Some("close"));
    drop(first);
    listener.until(|l| l.server.connections() == 1).await;
    assert_eq!(listener.connect().await.get("/echo").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_connections_leaves_those_that_are_served_alone() {
    let listener = TestListener::with(|l| l.connections_max = 4).await;
    let mut served = listener.connect().await;
    assert_eq!(served.get("/echo").await.status, 200);
    let mut flood = Vec::new();
    for _ in 0..300 {
        flood.push(listener.connect().await);
    }
    assert_eq!(served.get("/echo").await.status, 200);
    drop(flood);
    listener.until(|l| l.server.connections() == 1).await;
    assert_eq!(listener.connect().await.get("/echo").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn one_request_too_many_is_503_overloaded() {
    let listener = TestListener::with(|l| l.requests_max = 1).await;
    let mut first = listener.connect().await;
    first.send("GET /gate HTTP/1.1\r\nhost: test\r\n\r\n").await;
    listener.until(|l| l.server.requests() == 1).await;
    let mut second = listener.connect().await;
    let answer = second.get("/echo").await;
    assert_eq!((answer.status, answer.problem()), (503, "overloaded".into()));
    listener.probe.gate.notify_one();
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(second.get("/echo").await.status, 200);
}

/// Accepts what a script says.
struct Scripted {
    script: VecDeque<i32>,
    accepted: Arc<std::sync::Mutex<Vec<Instant>>>,
}

impl Accept for Scripted {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        self.accepted.lock().unwrap().push(Instant::now());
        match self.script.pop_front() {
            Some(0) => Ok((tokio::io::duplex(64).0, ([127, 0, 0, 1], 1).into())),
            Some(code) => Err(io::Error::from_raw_os_error(code)),
            None => std::future::pending().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn accept_errors_slow_the_loop_down_but_never_end_it() {
    const EMFILE: i32 = 24;
    const ECONNABORTED: i32 = 103;
    let accepted = Arc::default();
    let script = [[EMFILE; 7].as_slice(), &[0, ECONNABORTED, EMFILE, 0]].concat();
    let scripted = Scripted { script: script.into(), accepted: Arc::clone(&accepted) };
    let server = Server::new(GatewayLimits::default());
    let listener = TestListener::new().await;
    tokio::spawn(accept_loop(scripted, server, listener.handler()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let times = accepted.lock().unwrap();
    let pauses: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    assert_eq!(pauses, [50, 100, 200, 400, 800, 1000, 1000, 0, 0, 50, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_handler_is_a_500_and_nothing_leaks() {
    let listener = TestListener::new().await;
    let mut client = listener.connect().await;
    let answer = client.get("/panic").await;
    assert_eq!((answer.status, answer.problem()), (500, "internal".into()));
    assert!(!answer.text().contains("as asked"));
    assert!(client.is_closed_within(Duration::from_secs(2)).await);
    listener.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_ends_what_runs_for_it() {
    let listener = TestListener::new().await;
    let mut client = listener.connect().await;
    client.send("GET /gate HTTP/1.1\r\nhost: test\r\n\r\n").await;
    listener.until(|l| l.server.requests() == 1).await;
    drop(client);
    listener.until(|l| l.probe.dropped() == 1).await;
    listener.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn every_answer_names_its_request_and_keeps_the_clients_name_for_it() {
    let listener = TestListener::new().await;
    let mut client = listener.connect().await;
    let (first, second) = (client.get("/echo").await, client.get("/echo").await);
    let id = |answer: &crate::support::Answer| answer.header("x-request-id").unwrap().to_owned();
    assert_eq!(id(&first).len(), 36);
    assert_ne!(id(&first), id(&second));
    let mut named = async |name: &str| {
        client
            .send(format!("GET /echo HTTP/1.1\r\nhost: test\r\nx-request-id: {name}\r\n\r\n"))
            .await;
        id(&client.answer().await)
    };
    assert_eq!(named("order-17").await, "order-17");
    for bad in ["", "two words", "é", &"x".repeat(65)] {
        assert_eq!(named(bad).await.len(), 36, "{bad:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_come_at_once_are_answered_in_order() {
    let listener = TestListener::new().await;
    let mut client = listener.connect().await;
    let post = |body: &str| {
        format!("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    client.send([post("one"), post("two"), post("three")].concat()).await;
    for body in ["one", "two", "three"] {
        assert_eq!(client.answer().await.text(), body);
    }
    assert_eq!(listener.probe.requests.load(Ordering::SeqCst), 3);
}

/// The process that `a_process_without_file_descriptors_recovers` starts.
#[tokio::test]
#[ignore = "is started by another test, as a process of its own"]
async fn serve_until_killed() {
    let listener = TestListener::with(|l| l.first_byte = Duration::from_millis(500)).await;
    println!("\nlistens on {}", listener.address);
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test]
async fn a_process_without_file_descriptors_recovers() {
    let (mut child, address) = limited_child(64);
    let mut sockets = Vec::new();
    for _ in 0..500 {
        // Beyond the limit they wait in the kernel's queue, or are refused.
        let connected = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200));
        sockets.extend(connected.ok());
    }
    drop(sockets);
    let start = std::time::Instant::now();
    let mut answered = false;
    while !answered && start.elapsed() < Duration::from_secs(10) {
        let mut client = Raw::connect(address).await;
        client.try_send("GET /echo HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
        answered = client.try_answer().await.is_some_and(|answer| answer.status == 200);
    }
    let alive = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(alive && answered);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

/// This test binary again, serving, with few file descriptors.
fn limited_child(files: u32) -> (std::process::Child, SocketAddr) {
    use std::io::{BufRead, BufReader};
    let me = std::env::current_exe().unwrap();
    let mut child = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -n {files}; exec \"$0\" --exact connections::serve_until_killed --ignored --nocapture"))
        .arg(me)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("listens on ").and_then(|text| text.parse().ok()))
        .unwrap();
    (child, address)
}
