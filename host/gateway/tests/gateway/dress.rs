//! What answers wear: compression and security headers.

use std::time::Duration;

use crate::support::{Answer, Follower, Raw, TestHost, fronted, publisher};

const ROUTES: &str = "\"GET /big\" = \"api.big\"\n\"GET /p\" = \"api.ping\"";

async fn host() -> TestHost {
    let host = TestHost::new().await;
    host.deploy(fronted(ROUTES)).await;
    host
}

/// A GET whose answer may come in chunks.
async fn get(host: &TestHost, path: &str, accept: &str) -> Answer {
    let mut client = Raw::connect(host.address).await;
    let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\naccept-encoding: {accept}\r\n\r\n");
    client.send(head).await;
    client.answer().await
}

#[tokio::test]
async fn json_of_some_size_is_compressed_for_who_takes_it() {
    let host = host().await;
    for (accept, encoding) in [("gzip", "gzip"), ("gzip, br", "br"), ("br;q=0, gzip;q=0.5", "gzip")]
    {
        let answer = get(&host, "/api/v1/big", accept).await;
        assert_eq!((answer.status, answer.header("content-encoding")), (200, Some(encoding)));
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        assert_eq!(answer.header("content-length"), None);
        assert!(answer.body.len() < 200, "{} bytes of 4098", answer.body.len());
    }
    let magic = get(&host, "/api/v1/big", "gzip").await.body;
    assert_eq!(magic[..2], [0x1f, 0x8b]);
    for accept in ["identity", "zstd", "br;q=0", ""] {
        let plain = get(&host, "/api/v1/big", accept).await;
        assert_eq!((plain.header("content-encoding"), plain.body.len()), (None, 4098), "{accept}");
        assert_eq!(plain.header("vary"), Some("accept-encoding"), "a cache must ask again");
    }
    let small = get(&host, "/api/v1/p", "gzip, br").await;
    assert_eq!((small.header("content-encoding"), small.header("vary")), (None, None));
}

#[tokio::test]
async fn the_tag_of_the_description_outlives_its_compression() {
    let host = host().await;
    let plain = host.get("/openapi.json").await;
    let packed = get(&host, "/openapi.json", "br").await;
    assert_eq!(packed.header("content-encoding"), Some("br"));
    assert_eq!(packed.header("etag"), plain.header("etag"));
    let tag =
        format!("if-none-match: {}\r\naccept-encoding: br\r\n", plain.header("etag").unwrap());
    assert_eq!(host.send("GET /openapi.json", &tag, "").await.status, 304);
}

#[tokio::test]
async fn streams_are_never_compressed() {
    let host = TestHost::new().await;
    host.deploy(publisher()).await;
    host.change("a", "cooked").await;
    let mut stream =
        Follower::send(host.address, "/orders/a/track", "accept-encoding: gzip, br\r\n").await;
    assert!(!stream.head.contains("content-encoding"), "{}", stream.head);
    stream.expect("snapshot").await;
}

#[tokio::test]
async fn every_answer_has_the_security_headers_until_they_are_switched_off() {
    let host = host().await;
    for path in ["/api/v1/p", "/api/v1/nothing", "/health", "/"] {
        let answer = host.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"));
        assert_eq!(answer.header("strict-transport-security"), None);
    }
    let off = TestHost::configured(|config| config.dress.security_headers = false).await;
    assert_eq!(off.get("/health/live").await.header("x-content-type-options"), None);
}

#[tokio::test]
async fn tls_is_asked_for_only_of_clients_that_have_come_by_it() {
    let host = TestHost::configured(|config| {
        config.proxies.trusted = vec!["127.0.0.1/32".parse().unwrap()];
        config.dress.hsts = Some(Duration::from_secs(3600));
    })
    .await;
    let by = async |proto: &str| {
        let headers = format!("x-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: {proto}\r\n");
        let answer = host.send("GET /health/live", &headers, "").await;
        answer.header("strict-transport-security").map(str::to_owned)
    };
    assert_eq!(by("https").await.as_deref(), Some("max-age=3600"));
    assert_eq!(by("http").await, None);
}
