//! H-06 to H-10, U-01, U-02: what HTTP implementations disagree about is refused, and what hides behind
//! it never runs.

use std::time::Duration;

use crate::support::{Answer, TestListener};

const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: test\r\n\r\n";

/// Sends bytes on a connection of their own, and returns every answer until it is closed.
async fn answers(listener: &TestListener, bytes: &str) -> Vec<Answer> {
    let mut client = listener.connect().await;
    client.send(bytes).await;
    let mut answers = Vec::new();
    while let Some(answer) = client.try_answer().await {
        answers.push(answer);
    }
    answers
}

/// One answer with this status, then the connection is closed.
async fn assert_refused(listener: &TestListener, bytes: &str, status: u16) {
    let before = listener.probe.requests();
    let answers = answers(listener, bytes).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [status], "{bytes:?}");
    assert_eq!(answers[0].header("connection"), Some("close"), "{bytes:?}");
    assert_eq!(listener.probe.requests(), before, "it was run: {bytes:?}");
}

#[tokio::test(start_paused = true)]
async fn too_many_or_too_large_headers_are_431() {
    let listener = TestListener::new().await;
    let headers = |count| (0..count).map(|i| format!("x-{i}: y\r\n")).collect::<String>();
    let many = format!("GET /echo HTTP/1.1\r\nhost: test\r\n{}\r\n", headers(100));
    assert_refused(&listener, &many, 431).await;
    let large = format!("GET /echo HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "y".repeat(64 << 10));
    assert_refused(&listener, &large, 431).await;
    let fits = format!("GET /echo HTTP/1.1\r\nhost: test\r\n{}\r\n", headers(99));
    let mut client = listener.connect().await;
    client.send(fits).await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_url_of_nine_kilobytes_is_414() {
    let listener = TestListener::new().await;
    for path in [format!("/{}", "a".repeat(9 << 10)), format!("/?q={}", "a".repeat(9 << 10))] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
        assert_refused(&listener, &request, 414).await;
    }
}

#[tokio::test(start_paused = true)]
async fn content_length_with_transfer_encoding_is_at_most_one_request() {
    let listener = TestListener::new().await;
    let both = [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
    ];
    for both in both {
        let smuggle =
            format!("POST /echo HTTP/1.1\r\nhost: test\r\n{both}\r\n\r\n0\r\n\r\n{HIDDEN}");
        let before = listener.probe.requests();
        let answers = answers(&listener, &smuggle).await;
        assert_eq!(answers.len(), 1, "{both}");
        assert_eq!(answers[0].header("connection"), Some("close"));
        assert_eq!(listener.probe.requests(), before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn transfer_encodings_other_than_chunked_are_refused() {
    let listener = TestListener::new().await;
    let refused = [
        "transfer-encoding: chunked,",
        "transfer-encoding: ,chunked",
        "transfer-encoding: chunked, gzip",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: xchunked",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: chunked;q=1",
        "transfer-encoding: chun ked",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: identity",
        "transfer-encoding:",
        "transfer-encoding: \u{b}chunked",
        "transfer-encoding : chunked",
        "transfer-encoding\t: chunked",
        " transfer-encoding: chunked",
        "x: y\r\n transfer-encoding: chunked",
        "transfer-encoding:\r\n chunked",
        "transfer-encoding: gzip\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: gzip",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
    ];
    for header in refused {
        let request =
            format!("POST /echo HTTP/1.1\r\nhost: test\r\n{header}\r\n\r\n0\r\n\r\n{HIDDEN}");
        assert_refused(&listener, &request, 400).await;
    }
    let old = format!(
        "POST /echo HTTP/1.0\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
    );
    assert_refused(&listener, &old, 400).await;
    for header in ["transfer-encoding: chunked", "Transfer-Encoding:\tCHUNKED \t"] {
        let mut client = listener.connect().await;
        client
            .send(format!(
                "POST /echo HTTP/1.1\r\nhost: test\r\n{header}\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
            ))
            .await;
        assert_eq!(client.answer().await.text(), "hi", "{header}");
        assert_eq!(client.get("/echo").await.status, 200, "the connection goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn content_lengths_that_are_not_one_number_are_refused() {
    let listener = TestListener::new().await;
    let refused = [
        "content-length: +5",
        "content-length: -5",
        "content-length: 0x5",
        "content-length: 5, 6",
        "content-length: 5,5",
        "content-length: 5 5",
        "content-length: 5.0",
        "content-length: \u{665}",
        "content-length:",
        "content-length: 99999999999999999999",
        "content-length: 5\r\ncontent-length: 6",
        "content-length : 5",
    ];
    for header in refused {
        let request = format!("POST /echo HTTP/1.1\r\nhost: test\r\n{header}\r\n\r\nhello{HIDDEN}");
        assert_refused(&listener, &request, 400).await;
    }
    // White space around a value is not part of it (RFC 9110, 5.5): no parser reads " 5" otherwise.
    for header in
        ["content-length: 5\r\ncontent-length: 5", "content-length:  5", "content-length:5\t"]
    {
        let mut client = listener.connect().await;
        client.send(format!("POST /echo HTTP/1.1\r\nhost: test\r\n{header}\r\n\r\nhello")).await;
        assert_eq!(client.answer().await.text(), "hello", "{header}");
        assert_eq!(client.get("/echo").await.status, 200, "the connection goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn chunks_that_make_no_sense_are_refused() {
    let listener = TestListener::new().await;
    for chunks in [
        "x\r\nhi\r\n0\r\n\r\n",
        "-2\r\nhi\r\n0\r\n\r\n",
        "2\r\nhixx0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nhi",
        " 2\r\nhi\r\n0\r\n\r\n",
    ] {
        let request = format!(
            "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n{chunks}{HIDDEN}"
        );
        let before = listener.probe.requests();
        let answers = answers(&listener, &request).await;
        assert_eq!(answers.len(), 1, "{chunks:?}");
        assert_eq!(
            (answers[0].status, answers[0].problem()),
            (400, "bad_request".into()),
            "{chunks:?}"
        );
        assert_eq!(listener.probe.requests(), before + 1, "{chunks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_has_exactly_one_host() {
    let listener = TestListener::new().await;
    assert_refused(&listener, "GET /echo HTTP/1.1\r\n\r\n", 400).await;
    assert_refused(&listener, "GET /echo HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400).await;
    assert_eq!(answers(&listener, "GET /echo HTTP/1.0\r\n\r\n").await[0].status, 200);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_http_is_refused() {
    let listener = TestListener::new().await;
    for bytes in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/3.0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: test\r\nx\r\n\r\n",
    ] {
        assert_refused(&listener, bytes, 400).await;
    }
    let tls_hello = "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}";
    assert_refused(&listener, tls_hello, 400).await;
    listener.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_announces_too_much_is_413_before_it_is_sent() {
    let listener = TestListener::with(|l| l.body_bytes_max = 1000).await;
    let mut client = listener.connect().await;
    client.send("POST /echo HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 1001\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.problem()), (413, "body_too_large".into()));
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(client.is_closed_within(Duration::from_secs(2)).await);
    let mut client = listener.connect().await;
    client.send("POST /echo HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 1000\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 100);
    client.send("x".repeat(1000)).await;
    assert_eq!(client.answer().await.body.len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn chunks_without_end_are_413_at_the_limit() {
    let listener = TestListener::with(|l| l.body_bytes_max = 1000).await;
    let mut client = listener.connect().await;
    client.send("POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n").await;
    for _ in 0..20 {
        client.send(format!("64\r\n{}\r\n", "x".repeat(100))).await;
    }
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.problem()), (413, "body_too_large".into()));
    assert!(client.is_closed_within(Duration::from_secs(2)).await);
    listener.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_too_much_together_are_503() {
    let listener = TestListener::with(|l| l.bodies_bytes_max = 1000).await;
    let mut first = listener.connect().await;
    first.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 900\r\n\r\n").await;
    first.send("x".repeat(800)).await;
    listener.until(|l| l.probe.requests() == 1).await;
    let mut second = listener.connect().await;
    second.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 300\r\n\r\n").await;
    second.send("x".repeat(300)).await;
    let answer = second.answer().await;
    assert_eq!((answer.status, answer.problem()), (503, "overloaded".into()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    first.send("x".repeat(100)).await;
    assert_eq!(first.answer().await.body.len(), 900);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_read_is_not_taken_for_a_request() {
    let listener = TestListener::new().await;
    let request = format!(
        "POST /refuse HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n{HIDDEN}",
        HIDDEN.len()
    );
    let answers = answers(&listener, &request).await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].header("connection"), Some("close"));
    assert_eq!(listener.probe.requests(), 1);
}
