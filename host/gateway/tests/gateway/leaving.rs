//! S-19: clients that leave, and what becomes of the work they leave behind.

use std::time::{Duration, Instant};

use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::support::{TestHost, fronted};

const ROUTES: &str = "\"GET /p\" = \"api.ping\"\n\"GET /spin\" = \"api.spin\"\n\
     \"GET /kept\" = { call = \"api.spin\", detached = true }\n\
     \"POST /spin\" = { call = \"api.spin\", detached = false }\n\
     \"POST /kept\" = \"api.spin\"\n[limits]\ntimeout = \"10s\"";

async fn host() -> TestHost {
    let host = TestHost::new().await;
    host.deploy(fronted(ROUTES)).await;
    host
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_is_stopped_soon_after_its_client_has_left() {
    let host = host().await;
    for line in ["GET /api/v1/spin", "POST /api/v1/spin"] {
        let before = host.serving.public().aborted();
        let mut client = host.connect().await;
        client.send(format!("{line} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        host.until(|h| h.in_flight("fronted") == 1).await;
        let left = Instant::now();
        drop(client);
        host.until(|h| h.in_flight("fronted") == 0).await;
        // 200 ms is the promise; the rest is for a machine that has other things to do.
        assert!(left.elapsed() < Duration::from_secs(1), "{line}: {:?}", left.elapsed());
        host.until(|h| h.admissions_of("fronted").running == 0).await;
        host.until(|h| h.serving.public().requests() == 0).await;
        assert_eq!(host.serving.public().aborted(), before + 1);
        assert_eq!(host.get("/api/v1/p").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_http2_request_stops_its_guest_and_its_neighbour_goes_on() {
    let host = host().await;
    let stream = TokioIo::new(TcpStream::connect(host.address).await.unwrap());
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = |path: &str| {
        let uri = format!("http://test{path}");
        hyper::Request::get(uri).body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap()
    };
    let leaving = client.send_request(request("/api/v1/spin"));
    let leaving = tokio::spawn(leaving);
    host.until(|h| h.in_flight("fronted") == 1).await;
    let left = Instant::now();
    leaving.abort();
    host.until(|h| h.in_flight("fronted") == 0).await;
    assert!(left.elapsed() < Duration::from_secs(1), "{:?}", left.elapsed());
    client.ready().await.unwrap();
    let answer = client.send_request(request("/api/v1/p")).await.unwrap();
    assert_eq!(answer.status(), 200, "the connection goes on");
    host.until(|h| h.admissions_of("fronted").running == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn detached_work_goes_on_without_its_client() {
    let host = host().await;
    for (running, line) in [(1, "GET /api/v1/kept"), (2, "POST /api/v1/kept")] {
        let mut client = host.connect().await;
        client.send(format!("{line} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        host.until(|h| h.in_flight("fronted") == running).await;
        drop(client);
        host.until(|h| h.serving.public().connections() == 0).await;
        assert_eq!(host.in_flight("fronted"), running, "{line}");
    }
    assert_eq!(host.admissions_of("fronted").running, 2, "it still counts");
}
