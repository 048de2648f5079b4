//! H-01, H-02, H-04, H-05: whoever is slow is dealt with, and nobody else notices.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::support::TestListener;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed_after_five_seconds() {
    let listener = TestListener::new().await;
    let start = Instant::now();
    let mut client = listener.connect().await;
    assert!(client.rest().await.is_empty());
    assert_eq!(start.elapsed().as_secs(), 5);
    listener.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_within_the_http2_preface_is_closed() {
    let listener = TestListener::new().await;
    let start = Instant::now();
    let mut client = listener.connect().await;
    client.send("PRI * HT").await;
    assert!(client.rest().await.is_empty());
    assert_eq!(start.elapsed().as_secs(), 10);
    listener.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn heads_that_come_byte_by_byte_are_cut_off_and_others_are_served() {
    let listener = TestListener::new().await;
    let head = b"GET /echo HTTP/1.1\r\nhost: test\r\nx: y\r\n\r\n";
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut client = listener.connect().await;
        slow.push(tokio::spawn(async move {
            let start = Instant::now();
            for byte in head.chunks(1) {
                if client.try_send(byte).await.is_err() {
                    break;
                }
                sleep(SECOND).await;
            }
            assert!(client.rest().await.is_empty());
            start.elapsed()
        }));
    }
    for _ in 0..10 {
        assert_eq!(listener.connect().await.get("/echo").await.status, 200);
        sleep(SECOND).await;
    }
    sleep(SECOND).await;
    assert_eq!(listener.server.connections(), 0);
    for client in slow {
        assert!(client.await.unwrap() < 42 * SECOND);
    }
    assert_eq!(listener.probe.requests(), 10);
    listener.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn the_second_head_on_a_connection_has_a_deadline_too() {
    let listener = TestListener::new().await;
    let mut client = listener.connect().await;
    assert_eq!(client.get("/echo").await.status, 200);
    sleep(30 * SECOND).await;
    let start = Instant::now();
    client.send("GET /ec").await;
    assert!(client.rest().await.is_empty());
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_come_byte_by_byte_are_answered_408() {
    let listener = TestListener::with(|l| l.body = 15 * SECOND).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut client = listener.connect().await;
        client.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n").await;
        slow.push(tokio::spawn(async move {
            for _ in 0..14 {
                client.send("x").await;
                sleep(SECOND).await;
            }
            let answer = client.answer().await;
            assert_eq!((answer.status, answer.problem()), (408, "body_too_slow".into()));
            assert_eq!(answer.header("connection"), Some("close"));
            assert!(client.is_closed_within(2 * SECOND).await);
        }));
    }
    assert_eq!(listener.connect().await.get("/echo").await.status, 200);
    for client in slow {
        client.await.unwrap();
    }
    listener.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_cut_off() {
    let listener = TestListener::with(|l| l.write_stall = 20 * SECOND).await;
    let start = Instant::now();
    let mut client = listener.connect().await;
    client.send("GET /big HTTP/1.1\r\nhost: test\r\n\r\n").await;
    listener.until(|l| l.probe.requests() == 1).await;
    assert_eq!(listener.server.requests(), 1);
    while listener.server.connections() > 0 {
        sleep(SECOND / 10).await;
    }
    assert!((19..=21).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(listener.server.requests(), 0);
    assert!(client.try_answer().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_gets_everything() {
    let listener = TestListener::with(|l| {
        l.write_stall = 5 * SECOND;
        l.idle = 2 * SECOND;
    })
    .await;
    let mut client = listener.connect().await;
    client.send("GET /big HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let answer = client.slow_answer(2 * SECOND).await;
    assert_eq!(answer, 50 << 20);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let listener = TestListener::with(|l| l.idle = 60 * SECOND).await;
    let mut client = listener.connect().await;
    for _ in 0..5 {
        assert_eq!(client.get("/echo").await.status, 200);
        sleep(55 * SECOND).await;
    }
    client.send("GET /gate HTTP/1.1\r\nhost: test\r\n\r\n").await;
    sleep(300 * SECOND).await;
    listener.probe.gate.notify_one();
    assert_eq!(client.answer().await.text(), "open");
    let start = Instant::now();
    assert!(client.rest().await.is_empty());
    assert_eq!(start.elapsed().as_secs(), 60);
    listener.assert_clean().await;
}
