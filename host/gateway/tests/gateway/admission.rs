//! Who is let in, who waits, and who is told to come back.

use std::time::{Duration, Instant};

use tokio::net::TcpSocket;

use crate::support::{Raw, TestHost, bulk};

#[tokio::test]
async fn a_place_is_taken_until_the_last_byte_of_the_answer() {
    let host = TestHost::new().await;
    host.deploy(bulk()).await;
    // A client that takes little at a time: the answer does not fit between the two.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 << 10).unwrap();
    let mut slow = Raw::over(socket.connect(host.address).await.unwrap());
    slow.send("GET /api/v1/bulk HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.until(|h| h.invocations_of("bulk") == 1 && h.in_flight("bulk") == 0).await;
    assert_eq!(
        host.admissions_of("bulk").running,
        1,
        "the guest has ended, its answer is not sent"
    );
    let answer = host.get("/api/v1/bulk").await;
    assert_eq!((answer.status, answer.problem()), (503, "overloaded".into()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(host.invocations_of("bulk"), 1, "it did not run");
    assert_eq!(slow.answer().await.body.len(), (8 << 20) + 2);
    host.until(|h| h.admissions_of("bulk").running == 0).await;
    assert_eq!(host.get("/api/v1/bulk").await.status, 200);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_what_waits_too_long_never_runs() {
    let host = TestHost::new().await;
    host.deploy(bulk()).await;
    let mut running = host.connect().await;
    running.send("GET /api/v1/bulk/spin HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.until(|h| h.in_flight("bulk") == 1).await;
    let mut waiting = host.connect().await;
    let start = Instant::now();
    waiting.send("GET /api/v1/bulk HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.until(|h| h.admissions_of("bulk").waiting == 1).await;
    for _ in 0..20 {
        assert_eq!(host.get("/api/v1/bulk").await.problem(), "overloaded");
    }
    let counts = host.admissions_of("bulk");
    assert_eq!((counts.waiting, counts.refused_full), (1, 20), "nobody waited for a full queue");
    let answer = waiting.answer().await;
    assert_eq!((answer.status, answer.problem()), (503, "overloaded".into()));
    assert!(start.elapsed() >= Duration::from_millis(500), "a quarter of its timeout");
    assert_eq!(running.answer().await.status, 504);
    host.until(|h| h.admissions_of("bulk").running == 0).await;
    assert_eq!(host.invocations_of("bulk"), 1);
    assert_eq!(host.get("/api/v1/bulk").await.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_the_queue_makes_room_in_it() {
    let host = TestHost::new().await;
    host.deploy(bulk()).await;
    let mut running = host.connect().await;
    running.send("GET /api/v1/bulk/spin HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.until(|h| h.in_flight("bulk") == 1).await;
    let mut leaving = host.connect().await;
    leaving.send("GET /api/v1/bulk HTTP/1.1\r\nhost: test\r\n\r\n").await;
    host.until(|h| h.admissions_of("bulk").waiting == 1).await;
    drop(leaving);
    host.until(|h| h.admissions_of("bulk").waiting == 0).await;
    drop(running);
    host.until(|h| h.admissions_of("bulk").running == 0).await;
    assert_eq!(host.get("/api/v1/bulk").await.status, 200);
}
