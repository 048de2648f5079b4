//! `wasi:http/outgoing-handler` as a component meets it. The guest was built for WASI 0.2.0.

use std::sync::Arc;

use thali_platform::outbound::{Client, OutboundLimits};
use thali_runtime::Extensions;
use tokio::time::{Duration, timeout};
use wasmtime::component::Val;

use super::support::{client, client_of, host_within};
use super::upstream::{Upstream, ok};
use crate::support::{Guest, PRELUDE};

const PACKAGES: [&str; 2] = [include_str!("wasi_io.wit"), include_str!("wasi_http.wit")];

const IMPORT: &str = "import wasi:http/outgoing-handler@0.2.0;";

const API: &str = "
    fetch: func(authority: string) -> tuple<u32, u32>;
    upload: func(authority: string, chunks: u32) -> tuple<u32, u32>;
    hoard: func(authority: string, times: u32) -> tuple<u32, u32>;
    header: func(name: string, value: list<u8>) -> u32;";

/// What the guest makes of an `error-code`: 1000 and the case.
const LIMIT_REACHED: u32 = 1011;
const DENIED: u32 = 1015;
const TIMEOUT: u32 = 1033;
const INTERNAL: u32 = 1038;

/// The body broke off.
const BROKEN: u32 = 2000;

fn guest(extensions: Extensions) -> Guest {
    let imports = include_str!("wasi_imports.wat");
    let core = format!("{imports} {PRELUDE} {}", include_str!("wasi_guest.wat"));
    Guest::of_world(&PACKAGES, IMPORT, API, &core, extensions, 100)
}

fn guest_of(client: Arc<Client>) -> Guest {
    let mut extensions = Extensions::new();
    extensions.insert(client);
    guest(extensions)
}

/// Calls a function of the guest that takes an authority, and answers its two numbers.
async fn call(
    guest: &Guest,
    function: &str,
    upstream: &Upstream,
    number: Option<u32>,
) -> (u32, u32) {
    let authority = Val::String(upstream.address.to_string());
    let params: Vec<_> = std::iter::once(authority).chain(number.map(Val::U32)).collect();
    let answer = timeout(Duration::from_secs(30), guest.call(function, &params)).await;
    match answer.expect("an end").unwrap() {
        Some(Val::Tuple(pair)) => match pair[..] {
            [Val::U32(a), Val::U32(b)] => (a, b),
            ref other => panic!("two numbers, got {other:?}"),
        },
        other => panic!("two numbers, got {other:?}"),
    }
}

#[tokio::test]
async fn a_component_fetches_through_the_library_of_its_language() {
    let upstream = Upstream::answering(ok(&"x".repeat(100_000))).await;
    let client = client_of(&upstream.origin());
    let guest = guest_of(Arc::clone(&client));
    for _ in 0..20 {
        assert_eq!(call(&guest, "fetch", &upstream, None).await, (200, 100_000));
    }
    assert_eq!(upstream.accepted(), 1, "connections are kept");
    let arrived = &upstream.requests()[0];
    assert!(arrived.starts_with("GET / HTTP/1.1\r\n"), "{arrived}");
    for line in [&format!("host: {}", upstream.address), "user-agent: thali/", "traceparent: 00-"] {
        assert!(arrived.contains(line), "{line}: {arrived}");
    }
    assert_eq!((client.snapshot().answered, client.snapshot().open), (20, 0));
}

#[tokio::test]
async fn default_deny() {
    let upstream = Upstream::answering(ok("secret")).await;
    let other = guest_of(client_of("http://127.0.0.1:9"));
    assert_eq!(call(&other, "fetch", &upstream, None).await, (DENIED, 0));
    let none = guest(Extensions::new());
    assert_eq!(call(&none, "fetch", &upstream, None).await, (DENIED, 0));
    assert_eq!(upstream.accepted(), 0);
}

#[tokio::test]
async fn a_body_is_sent_while_it_is_written() {
    let upstream = Upstream::start(|mut connection| async move {
        let head = connection.request().await.unwrap();
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        let mut last = [0; 5];
        let mut bytes = 0_usize;
        while last != *b"0\r\n\r\n" {
            last.rotate_left(1);
            last[4] = tokio::io::AsyncReadExt::read_u8(&mut connection.stream).await.unwrap();
            bytes += 1;
        }
        connection.send(ok(&"y".repeat(bytes / 4096)).as_bytes()).await;
    })
    .await;
    let guest = guest_of(client_of(&upstream.origin()));
    assert_eq!(call(&guest, "upload", &upstream, Some(50)).await, (200, 50));
}

#[tokio::test]
async fn a_body_over_the_limit_never_ends_as_a_request() {
    let upstream = Upstream::start(|mut connection| async move {
        connection.request().await;
        let mut all = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut connection.stream, &mut all).await;
        assert!(!all.ends_with(b"0\r\n\r\n"), "the request was whole");
    })
    .await;
    let origin = upstream.origin();
    let limits = OutboundLimits { request_bytes_max: 64 << 10, ..OutboundLimits::default() };
    let guest = guest_of(client(host_within(limits, &[&origin]), &[&origin]));
    assert_eq!(call(&guest, "upload", &upstream, Some(1000)).await, (INTERNAL, 0));
}

#[tokio::test]
async fn an_endless_answer_is_cut_while_it_is_read() {
    let upstream = Upstream::start(|mut connection| async move {
        connection.request().await;
        connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let chunk = [b"1000\r\n".as_slice(), &[b'x'; 4096], b"\r\n"].concat();
        while connection.send(&chunk).await {}
    })
    .await;
    let origin = upstream.origin();
    let limits = OutboundLimits { response_bytes_max: 256 << 10, ..OutboundLimits::default() };
    let guest = guest_of(client(host_within(limits, &[&origin]), &[&origin]));
    let (code, bytes) = call(&guest, "fetch", &upstream, None).await;
    assert_eq!(code, BROKEN);
    assert!((200 << 10..=256 << 10).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let upstream = Upstream::start(|connection| async move {
        let _connection = connection;
        std::future::pending::<()>().await;
    })
    .await;
    let origin = upstream.origin();
    let limits = OutboundLimits {
        first_byte_timeout: Duration::from_millis(100),
        ..OutboundLimits::default()
    };
    let guest = guest_of(client(host_within(limits, &[&origin]), &[&origin]));
    assert_eq!(call(&guest, "fetch", &upstream, None).await, (TIMEOUT, 0));
}

#[tokio::test]
async fn outbound_count_and_concurrency() {
    let upstream = Upstream::answering(ok("x")).await;
    let client = client_of(&upstream.origin());
    let guest = guest_of(Arc::clone(&client));
    // Four answers that nobody reads are under way; the next invocation has four of its own, and an
    // instance that kept them is gone with them.
    for _ in 0..3 {
        assert_eq!(call(&guest, "hoard", &upstream, Some(1000)).await, (4, LIMIT_REACHED));
        let ended = async {
            while client.snapshot().open > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(30), ended).await.expect("every place free again");
    }
    assert_eq!(call(&guest, "fetch", &upstream, None).await, (200, 1));
}

#[tokio::test]
async fn header_injection_by_guest() {
    let guest = guest_of(client_of("http://127.0.0.1:9"));
    let header = async |name: &str, value: &str| {
        let value = Val::List(value.bytes().map(Val::U8).collect());
        let written = guest.call("header", &[Val::String(name.into()), value]).await;
        let Ok(Some(Val::U32(case))) = written else { panic!("a number, got {written:?}") };
        case
    };
    assert_eq!(header("x-key", "value").await, 0);
    for value in ["a\r\nset-cookie: b", "a\nb", "a\0", "a\r\n folded"] {
        assert_eq!(header("x", value).await, 1, "invalid syntax: {value:?}");
    }
    for name in ["host", "Connection", "transfer-encoding", "upgrade", "te", "proxy-authorization"]
    {
        assert_eq!(header(name, "a").await, 2, "forbidden: {name}");
    }
}
