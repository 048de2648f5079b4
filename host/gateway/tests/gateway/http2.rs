//! H-16 and the deadlines, over h2c.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::support::{Raw, TestListener};

const SECOND: Duration = Duration::from_secs(1);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GET http://test/`, in HPACK.
const GET: &[u8] = b"\x82\x86\x84\x41\x04test";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The kinds of the frames in what a server sent.
fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while bytes.len() >= 9 {
        let length =
            usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
        kinds.push(bytes[3]);
        bytes = bytes.get(9 + length..).unwrap_or_default();
    }
    kinds
}

async fn attack(listener: &TestListener, frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut client = listener.connect().await;
    client.send(PREFACE).await.send(frame(SETTINGS, 0, 0, &[])).await;
    for frame in frames {
        if client.try_send(frame).await.is_err() {
            break;
        }
    }
    kinds(&client.rest().await)
}

#[tokio::test(start_paused = true)]
async fn h2_without_tls_is_served_and_many_requests_share_a_connection() {
    let listener = TestListener::new().await;
    let stream = TcpStream::connect(listener.address).await.unwrap();
    let (mut client, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for body in ["one", "two"] {
        let request = Request::post("http://test/echo").body(Full::new(Bytes::from(body))).unwrap();
        let answer = client.send_request(request).await.unwrap();
        assert_eq!(answer.headers()["x-request-id"].len(), 36);
        assert!(!answer.headers().contains_key("connection"));
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), body);
    }
    assert_eq!(listener.server.connections(), 1);
    let request = Request::get("http://test/refuse").body(Full::default()).unwrap();
    assert_eq!(client.send_request(request).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn an_idle_h2_connection_is_closed_although_it_answers_pings() {
    let listener = TestListener::with(|l| l.idle = 60 * SECOND).await;
    let stream = TcpStream::connect(listener.address).await.unwrap();
    let (mut client, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(5 * SECOND)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let ended = tokio::spawn(connection);
    let request = Request::get("http://test/echo").body(Full::<Bytes>::default()).unwrap();
    let answer = client.send_request(request).await.unwrap();
    answer.into_body().collect().await.unwrap();
    let start = Instant::now();
    ended.await.unwrap().unwrap();
    assert!((60..=65).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    listener.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn an_h2_connection_without_a_request_is_closed() {
    let listener = TestListener::new().await;
    let start = Instant::now();
    assert!(!attack(&listener, []).await.contains(&HEADERS));
    assert!(start.elapsed() <= 11 * SECOND, "{:?}", start.elapsed());
    listener.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn an_h2_client_that_takes_no_answer_is_cut_off() {
    let listener = TestListener::with(|l| l.write_stall = 20 * SECOND).await;
    let mut client = listener.connect().await;
    // INITIAL_WINDOW_SIZE 0: nothing of any answer may be sent.
    client.send(PREFACE).await.send(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await;
    let head = [GET, b"\x04\x04/big"].concat();
    let head: Vec<u8> = head.iter().copied().filter(|byte| *byte != 0x84).collect();
    client.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &head)).await;
    listener.until(|l| l.probe.requests() == 1).await;
    let start = Instant::now();
    while listener.server.connections() > 0 {
        client.try_send(frame(PING, 0, 0, &[0; 8])).await.ok();
        sleep(SECOND).await;
    }
    assert!((19..=41).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    listener.assert_clean().await;
}

#[tokio::test]
async fn requests_that_are_reset_at_once_end_the_connection() {
    let listener = TestListener::new().await;
    let frames = (0..10_000).map(|i| {
        let mut pair = frame(HEADERS, END_STREAM | END_HEADERS, 2 * i + 1, GET);
        pair.extend(frame(RST_STREAM, 0, 2 * i + 1, &8_u32.to_be_bytes()));
        pair
    });
    let start = std::time::Instant::now();
    let all: Vec<u8> = frames.flatten().collect();
    let answer = attack(&listener, [all]).await;
    assert!(answer.contains(&GOAWAY) || answer.is_empty(), "{answer:?}");
    assert!(start.elapsed() < 2 * SECOND, "{:?}", start.elapsed());
    assert_eq!(listener.connect().await.get("/echo").await.status, 200);
}

#[tokio::test]
async fn headers_that_never_end_end_the_connection() {
    let listener = TestListener::new().await;
    let first = frame(HEADERS, END_STREAM, 1, GET);
    let more = (0..10_000).map(|_| frame(CONTINUATION, 0, 1, b"\x00\x01x\x01y"));
    let answer = attack(&listener, std::iter::once(first).chain(more)).await;
    assert!(answer.contains(&GOAWAY) || !answer.contains(&HEADERS), "{answer:?}");
    assert_eq!(listener.probe.requests(), 0);
    assert_eq!(listener.connect().await.get("/echo").await.status, 200);
}

#[tokio::test]
async fn floods_of_small_frames_do_not_stop_others() {
    let listener = TestListener::with(|l| l.body = SECOND / 2).await;
    let floods = [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[]), frame(DATA, 0, 1, &[])];
    for flood in floods {
        let mut client = listener.connect().await;
        client.send(PREFACE).await.send(frame(SETTINGS, 0, 0, &[])).await;
        client.send(frame(HEADERS, END_HEADERS, 1, &[b"\x83", &GET[1..]].concat())).await;
        let flooding = tokio::spawn(async move {
            for _ in 0..20 {
                if client.try_send(flood.repeat(500)).await.is_err() {
                    break;
                }
            }
            drop(client);
        });
        let start = std::time::Instant::now();
        assert_eq!(Raw::connect(listener.address).await.get("/echo").await.status, 200);
        assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
        flooding.await.unwrap();
    }
}
