//! a host that is told to stop ends what it began.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::support::TestListener;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn bodies_in_flight_arrive_whole_and_new_connections_are_refused() {
    let listener = TestListener::new().await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = listener.connect().await;
        let head =
            format!("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", 16 << 10);
        client.send(head).await.send(vec![b'x'; 1 << 10]).await;
        clients.push(client);
    }
    listener.until(|l| l.server.requests() == 50).await;
    let server = listener.server.clone();
    let drained = tokio::spawn(async move { server.drain(30 * SECOND).await });
    listener.until(|l| l.server.is_draining()).await;
    sleep(SECOND).await;
    assert!(TcpStream::connect(listener.address).await.is_err());
    for client in &mut clients {
        client.send(vec![b'x'; 15 << 10]).await;
    }
    for client in &mut clients {
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.body.len()), (200, 16 << 10));
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert_eq!(drained.await.unwrap().cut, 0);
}

#[tokio::test(start_paused = true)]
async fn idle_connections_do_not_hold_a_drain_up() {
    let listener = TestListener::new().await;
    let mut idle = listener.connect().await;
    assert_eq!(idle.get("/echo").await.status, 200);
    let mut silent = listener.connect().await;
    listener.until(|l| l.server.connections() == 2).await;
    let start = Instant::now();
    assert_eq!(listener.drain(30 * SECOND).await.cut, 0);
    assert!(start.elapsed() < SECOND / 10);
    assert!(idle.is_closed_within(SECOND).await && silent.is_closed_within(SECOND).await);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_in_time_is_cut_and_counted() {
    let listener = TestListener::new().await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = listener.connect().await;
        client.send("GET /gate HTTP/1.1\r\nhost: test\r\n\r\n").await;
        clients.push(client);
    }
    listener.until(|l| l.server.requests() == 3).await;
    listener.probe.gate.notify_one();
    let start = Instant::now();
    assert_eq!(listener.drain(5 * SECOND).await.cut, 2);
    assert_eq!(start.elapsed().as_secs(), 5);
    assert_eq!(listener.probe.dropped(), 2);
    assert_eq!(listener.server.connections(), 0);
}
