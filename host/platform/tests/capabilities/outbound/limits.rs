//! Servers that are slow, endless or broken, and services that want too much.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt, Full};
use thali_platform::outbound::{
    Client, OutboundError, OutboundLimits, OutboundRequest, RequestBody, Timeouts,
};
use tokio::time::{Instant, sleep, timeout};

use super::support::{
    client, client_of, get, host_within, invocation, invocation_of, read, request,
};
use super::upstream::{Connection, Upstream, ok};

/// Longer than anything here may take.
const FOREVER: Duration = Duration::from_secs(30);

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// The client of a service that may call `upstream`, under limits that are quickly reached.
fn hurried(upstream: &Upstream) -> std::sync::Arc<Client> {
    let limits = OutboundLimits {
        first_byte_timeout: Duration::from_millis(200),
        between_bytes_timeout: Duration::from_millis(200),
        write_stall_timeout: Duration::from_millis(200),
        response_bytes_max: 64 << 10,
        ..OutboundLimits::default()
    };
    let origin = upstream.origin();
    client(host_within(limits, &[&origin]), &[&origin])
}

/// What comes of one request, in good time.
async fn outcome(upstream: &Upstream) -> OutboundError {
    let client = hurried(upstream);
    let outcome = timeout(FOREVER, get(&client, &upstream.origin())).await.expect("an end");
    assert_eq!(client.snapshot().open, 0, "the place is free again");
    outcome.unwrap_err()
}

async fn open_for_ever(_connection: Connection) {
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let upstream = Upstream::start(open_for_ever).await;
    let error = outcome(&upstream).await;
    assert!(matches!(error, OutboundError::Timeout(_)), "{error}");
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let upstream = Upstream::start(|mut connection| async move {
        connection.request().await;
        connection.send(HEAD).await;
        connection.send(b"1\r\nx\r\n").await;
        open_for_ever(connection).await;
    })
    .await;
    let client = hurried(&upstream);
    let error = get(&client, &upstream.origin()).await.unwrap_err();
    assert_eq!(error.to_string(), "timed out: nothing more of the answer came for 200ms");
    assert_eq!((client.snapshot().answered, client.snapshot().timed_out), (1, 1));
}

#[tokio::test]
async fn a_body_that_drips_ends_with_the_request() {
    let upstream = Upstream::start(|mut connection| async move {
        connection.request().await;
        connection.send(HEAD).await;
        while connection.send(b"1\r\nx\r\n").await {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let client = hurried(&upstream);
    let begun = Instant::now();
    let invocation = invocation_of(&client, Duration::from_millis(800));
    let answer = client.send(request(&upstream.origin()), &invocation).await.unwrap();
    let error = timeout(FOREVER, read(answer)).await.expect("an end").unwrap_err();
    assert_eq!(error.to_string(), "timed out: the answer did not end in time");
    // Three quarters of the time: the service can still say what happened.
    assert!(begun.elapsed() >= Duration::from_millis(600), "{:?}", begun.elapsed());
    assert!(Instant::now() < invocation.deadline, "the service's own time is over as well");
}

#[tokio::test]
async fn a_service_may_be_less_patient_than_the_host() {
    let upstream = Upstream::start(open_for_ever).await;
    let client = client_of(&upstream.origin());
    let whole = Some(Duration::from_millis(50));
    let mut request = request(&upstream.origin());
    request.timeouts = Timeouts { whole, ..Timeouts::default() };
    let sent = timeout(FOREVER, client.send(request, &invocation(&client))).await.expect("an end");
    assert!(matches!(sent.err(), Some(OutboundError::Timeout(_))));
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_read() {
    let upstream =
        Upstream::answering("HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n").await;
    let error = outcome(&upstream).await;
    assert!(matches!(error, OutboundError::TooLarge(_)), "{error}");
}

#[tokio::test]
async fn an_endless_body_is_cut_and_takes_no_memory() {
    let upstream = Upstream::start(|mut connection| async move {
        connection.request().await;
        connection.send(HEAD).await;
        let chunk = [b"10000\r\n".as_slice(), &[b'x'; 65536], b"\r\n"].concat();
        while connection.send(&chunk).await {}
    })
    .await;
    let before = resident_bytes();
    for _ in 0..20 {
        let error = outcome(&upstream).await;
        assert!(matches!(error, OutboundError::TooLarge(_)), "{error}");
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes");
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(1000));
    for head in [long, many] {
        let upstream = Upstream::answering(head).await;
        let error = outcome(&upstream).await;
        assert!(matches!(error, OutboundError::TooLarge(_)), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_a_broken_answer() {
    for answer in [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nx\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nxxxxx",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
    ] {
        let upstream = Upstream::answering(answer).await;
        let error = outcome(&upstream).await;
        assert!(matches!(error, OutboundError::Protocol(_)), "{answer:?}: {error}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_broken_answer_and_nothing_is_sent_twice() {
    for part in ["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nxxx"] {
        let upstream = Upstream::start(move |mut connection| async move {
            connection.request().await;
            connection.send(part.as_bytes()).await;
            // Data that was not read makes it a reset.
            connection.stream.set_zero_linger().unwrap();
        })
        .await;
        let error = outcome(&upstream).await;
        assert!(matches!(error, OutboundError::Protocol(_)), "{part:?}: {error}");
        assert_eq!(upstream.requests().len(), 1, "{part:?}");
    }
}

#[tokio::test]
async fn a_bomb_stays_packed() {
    let packed =
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x08\0\0";
    let upstream = Upstream::answering(packed).await;
    let client = hurried(&upstream);
    assert_eq!(get(&client, &upstream.origin()).await, Ok((200, "\x1f\x08\0\0".into())));
    let heads = upstream.requests();
    assert!(!heads[0].contains("accept-encoding"), "nobody asked for it: {heads:?}");
}

#[tokio::test]
async fn an_invocation_sends_sixteen_requests_four_at_a_time() {
    let upstream = Upstream::answering(ok("x")).await;
    let client = client_of(&upstream.origin());
    let busy = invocation(&client);
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(client.send(request(&upstream.origin()), &busy).await.unwrap());
    }
    let fifth = client.send(request(&upstream.origin()), &busy).await.err().unwrap();
    assert_eq!(fifth.to_string(), "exhausted: one invocation may have 4 requests under way");
    for answer in open {
        read(answer).await.unwrap();
    }
    let mut sent = 5;
    let refused = loop {
        match client.send(request(&upstream.origin()), &busy).await {
            Ok(answer) => drop(read(answer).await.unwrap()),
            Err(error) => break error,
        }
        sent += 1;
    };
    assert_eq!(
        (sent, refused.to_string().as_str()),
        (16, "exhausted: one invocation may send 16 requests")
    );
    // Another invocation of the same service has places of its own.
    assert!(get(&client, &upstream.origin()).await.is_ok());
}

#[tokio::test]
async fn a_service_has_a_limit_of_its_own() {
    let upstream = Upstream::answering(ok("x")).await;
    let origin = upstream.origin();
    let limits = OutboundLimits { service_open_max: 2, ..OutboundLimits::default() };
    let client = client(host_within(limits, &[&origin]), &[&origin]);
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(client.send(request(&origin), &invocation(&client)).await.unwrap());
    }
    assert_eq!(client.snapshot().open, 2);
    let third = client.send(request(&origin), &invocation(&client)).await.err().unwrap();
    assert!(matches!(third, OutboundError::Exhausted(_)), "{third}");
    open.clear();
    assert_eq!(get(&client, &origin).await, Ok((200, "x".into())));
}

#[tokio::test]
async fn nothing_stays_open_when_a_service_is_gone() {
    let upstream = Upstream::answering(ok("x")).await;
    let before = open_files();
    let client = client_of(&upstream.origin());
    let busy = invocation(&client);
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(client.send(request(&upstream.origin()), &busy).await.unwrap());
    }
    assert!(open_files() > before);
    drop((open, client));
    let closed = async {
        while open_files() > before {
            tokio::task::yield_now().await;
        }
    };
    timeout(FOREVER, closed).await.expect("every socket closed");
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// A request that is more than the sockets on both sides take.
fn large_post(url: &str) -> OutboundRequest {
    let body = Full::new(Bytes::from(vec![b'x'; 16 << 20])).map_err(|never| match never {});
    OutboundRequest { method: Method::POST, body: RequestBody::new(body), ..request(url) }
}

/// Answers as soon as something comes.
async fn answer_and_never_read(mut connection: Connection) {
    connection.stream.peek(&mut [0]).await.unwrap();
    connection.send(ok("").as_bytes()).await;
    open_for_ever(connection).await;
}

/// Waits until no connection is open any more.
async fn all_closed(client: &Client) {
    let closed = async {
        while client.snapshot().connections_open > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(FOREVER, closed).await.expect("connections are closed");
}

#[tokio::test]
async fn a_server_that_answers_and_never_reads_keeps_no_connection() {
    let upstream = Upstream::start(answer_and_never_read).await;
    let client = hurried(&upstream);
    for _ in 0..3 {
        let answer = client.send(large_post(&upstream.origin()), &invocation(&client)).await;
        assert_eq!(read(answer.unwrap()).await.unwrap().0, 200);
    }
    assert_eq!((client.snapshot().open, upstream.accepted()), (0, 3));
    all_closed(&client).await;
}

#[tokio::test]
async fn a_server_that_reads_slowly_gets_the_whole_request() {
    let upstream = Upstream::start(|mut connection| async move {
        sleep(Duration::from_millis(50)).await;
        connection.request().await;
        connection.send(ok("").as_bytes()).await;
        open_for_ever(connection).await;
    })
    .await;
    let client = hurried(&upstream);
    let answer = client.send(large_post(&upstream.origin()), &invocation(&client)).await;
    assert_eq!(read(answer.unwrap()).await.unwrap().0, 200);
    // Kept for the next request: nothing is being written.
    assert_eq!(client.snapshot().connections_open, 1);
}

#[tokio::test]
async fn connections_that_servers_hold_on_to_are_limited() {
    let upstream = Upstream::start(answer_and_never_read).await;
    let limits = OutboundLimits { service_open_max: 1, idle_max: 1, ..OutboundLimits::default() };
    let origin = upstream.origin();
    let client = client(host_within(limits, &[&origin]), &[&origin]);
    for _ in 0..3 {
        let answer = client.send(large_post(&origin), &invocation(&client)).await.unwrap();
        assert_eq!(read(answer).await.unwrap().0, 200);
    }
    let refused = client.send(large_post(&origin), &invocation(&client)).await.map(|_| ());
    assert!(matches!(refused, Err(OutboundError::Exhausted(_))), "{refused:?}");
    assert_eq!(client.snapshot().connections_open, 3);
}
