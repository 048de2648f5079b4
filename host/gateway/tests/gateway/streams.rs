//! Streams of events, as server-sent events.

use std::time::Duration;

use serde_json::json;
use thali_control::{Cause, DeployOptions};
use thali_gateway::GatewayLimits;
use thali_platform::sql::{Database, Statement};

use crate::support::{Event, Follower, TestHost, publisher, publisher_with};

pub(crate) async fn host() -> TestHost {
    with(|_| ()).await
}

async fn with(limits: impl FnOnce(&mut GatewayLimits)) -> TestHost {
    let host = TestHost::with(GatewayLimits::default().with(limits)).await;
    host.serving.ready();
    host.deploy(publisher()).await;
    host
}

impl TestHost {
    pub(crate) async fn change(&self, id: &str, status: &str) {
        let body = json!({ "id": id, "status": status }).to_string();
        assert_eq!(self.post("/api/v1/changes", &body).await.status, 204);
    }

    async fn travel(&self, id: &str, count: u32) {
        let body = json!({ "id": id, "count": count }).to_string();
        assert_eq!(self.post("/api/v1/travels", &body).await.status, 204);
    }

    async fn follow(&self, id: &str) -> Follower {
        Follower::open(self.address, &format!("/orders/{id}/track"), None).await
    }

    async fn resume(&self, id: &str, last: i64) -> Follower {
        Follower::open(self.address, &format!("/orders/{id}/track"), Some(last)).await
    }
}

fn changed(seq: i64, id: &str, status: &str) -> Event {
    Event { id: Some(seq), name: "changed".into(), data: json!({ "id": id, "status": status }) }
}

#[tokio::test]
async fn a_stream_begins_with_the_snapshot_and_goes_on_with_what_happens() {
    let host = host().await;
    host.change("a", "cooked").await;
    let mut stream = host.follow("a").await;
    assert_eq!(stream.status(), 200);
    for header in [
        "content-type: text/event-stream\r\n",
        "cache-control: no-store\r\n",
        "x-accel-buffering: no\r\n",
        "x-thali-revision: pub/1\r\n",
        "x-request-id: ",
    ] {
        assert!(stream.head.contains(header), "{}", stream.head);
    }
    let snapshot = stream.expect("snapshot").await;
    assert_eq!(snapshot.id, Some(1), "what was committed before it is in it");
    assert_eq!(snapshot.data, json!({ "id": "a", "status": "placed" }));

    host.change("b", "cooked").await;
    let body = json!({ "id": "a" }).to_string();
    assert_eq!(host.post("/api/v1/whispers", &body).await.status, 204);
    host.change("a", "picked_up").await;
    assert_eq!(stream.next().await.unwrap(), changed(4, "a", "picked_up"));
    host.travel("a", 2).await;
    let moved = stream.expect("moved").await;
    assert_eq!((moved.id, moved.data), (Some(5), json!({ "id": "a", "km": 0 })));
    assert_eq!(stream.expect("moved").await.id, Some(6));
}

#[tokio::test]
async fn the_function_decides_who_may_look_also_when_they_come_back() {
    let host = host().await;
    for last in ["", "last-event-id: 0\r\n"] {
        let answer = host.send("GET /api/v1/orders/x1/track", last, "").await;
        assert_eq!((answer.status, answer.problem()), (404, "not_found".into()));
    }
    let answer = host.send("GET /api/v1/orders/a/track?other=1", "", "").await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn who_comes_back_gets_what_they_missed_and_no_snapshot() {
    let host = host().await;
    let mut stream = host.follow("a").await;
    stream.expect("snapshot").await;
    host.change("a", "one").await;
    let last = stream.next().await.unwrap().id.unwrap();
    drop(stream);
    host.change("a", "two").await;
    host.change("b", "not mine").await;
    host.travel("a", 200).await;
    let mut stream = host.resume("a", last).await;
    assert_eq!(stream.next().await.unwrap(), changed(2, "a", "two"));
    for km in 0..200 {
        assert_eq!(stream.expect("moved").await.data["km"], km);
    }
    host.change("a", "three").await;
    assert_eq!(stream.expect("changed").await.data["status"], "three");
    let path = format!("/orders/a/track?last_event_id={last}");
    let mut stream = Follower::open(host.address, &path, None).await;
    assert_eq!(stream.next().await.unwrap(), changed(2, "a", "two"));
}

#[tokio::test]
async fn an_id_that_is_none_of_this_host_is_a_gap_and_begins_anew() {
    let host = host().await;
    host.change("a", "one").await;
    for id in ["77", "of another host"] {
        let headers = format!("last-event-id: {id}\r\n");
        let mut stream = Follower::send(host.address, "/orders/a/track", &headers).await;
        assert_eq!(stream.expect("gap").await.id, None);
        assert_eq!(stream.expect("snapshot").await.id, Some(1));
    }
    let answer = host.get("/api/v1/orders/a/track?last_event_id=x").await;
    assert_eq!((answer.status, answer.problem()), (400, "bad_request".into()));
    assert_eq!(answer.json()["errors"][0]["pointer"], "?last_event_id");
}

#[tokio::test]
async fn what_the_publisher_does_not_keep_any_more_is_a_gap_holes_included() {
    let host = TestHost::new().await;
    let manifest =
        format!("{}\n[events]\nretention = \"1ms\"\n", include_str!("support/publisher.toml"));
    host.deploy(publisher_with(&manifest)).await;
    for status in ["one", "two", "three", "four", "five"] {
        host.change("a", status).await;
    }
    // A dead letter keeps the first; those behind it go, but for the newest.
    let revision = host.control.live().service(&"pub".parse().unwrap()).unwrap().revision.clone();
    let database = revision.extensions().get::<Database>().unwrap();
    let dead = "INSERT INTO _thali_deliveries VALUES (1, 's', 't', 'a', 'dead', 1, 0, '', 0)";
    database.host_batch(vec![Statement::new(dead, [])], false).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(host.control.events().sweep().await, 3);
    for lost in 0..4 {
        host.resume("a", lost).await.expect("gap").await;
    }
    let mut stream = host.resume("a", 4).await;
    assert_eq!(stream.next().await.unwrap(), changed(5, "a", "five"));
}

#[tokio::test]
async fn a_stream_ends_after_its_last_event_and_nobody_comes_back_for_more() {
    let host = host().await;
    let mut stream = host.follow("a").await;
    stream.expect("snapshot").await;
    host.change("a", "delivered").await;
    assert_eq!(stream.expect("changed").await.data["status"], "delivered");
    assert_eq!(stream.next().await, None);
    assert!(stream.whole, "it ends as HTTP says");

    host.change("d1", "delivered").await;
    let mut over = host.follow("d1").await;
    assert_eq!(over.expect("snapshot").await.data["status"], "delivered");
    assert_eq!(over.next().await, None);
    assert_eq!(host.resume("d1", 2).await.status(), 204);
    let mut missed = host.resume("d1", 1).await;
    assert_eq!(missed.expect("changed").await.data["status"], "delivered");
    assert_eq!(missed.next().await, None);
}

#[tokio::test]
async fn nothing_is_lost_or_twice_wherever_a_client_is_cut_off() {
    const EVENTS: u64 = 600;
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let host = host().await;
    let cuts = async |mut dice: u64| {
        let mut stream = host.follow("a").await;
        let mut last = stream.expect("snapshot").await.id.unwrap();
        let mut next = 0;
        while next < EVENTS {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            for _ in 0..(dice >> 33) % 40 {
                let Some(event) = stream.next().await else { break };
                if event.name == "gap" {
                    break;
                }
                assert_eq!(event.data["km"], next, "{event:?} after {last}");
                last = event.id.unwrap();
                next += 1;
                if next == EVENTS {
                    break;
                }
            }
            stream = host.resume("a", last).await;
        }
    };
    let clients = (0..8).map(|n| cuts(seed.wrapping_add(n)));
    tokio::join!(futures_util::future::join_all(clients), async {
        for _ in 0..6 {
            host.travel("b", 20).await;
        }
        // Once all clients have their snapshots.
        host.until(|host| host.invocations_of("pub") >= 6 + 8).await;
        host.travel("a", u32::try_from(EVENTS).unwrap()).await;
    });
}

#[tokio::test]
async fn a_client_has_so_many_streams_and_the_host_so_many_more() {
    let host = with(|limits| {
        limits.streams_per_client_max = 2;
        limits.requests_max = 2;
    })
    .await;
    let (first, second) = (host.follow("a").await, host.follow("b").await);
    let answer = host.get("/api/v1/orders/c/track").await;
    assert_eq!((answer.status, answer.problem()), (429, "too_many_streams".into()));
    assert_eq!(answer.header("retry-after"), Some("5"));
    drop(first);
    let third = loop {
        let stream = host.follow("c").await;
        if stream.status() == 200 {
            break stream;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(host.serving.public().requests(), 0, "streams are no requests");
    drop((second, third));

    let host = with(|limits| limits.streams_max = 1).await;
    let _first = host.follow("a").await;
    let answer = host.get("/api/v1/orders/b/track").await;
    assert_eq!((answer.status, answer.problem()), (503, "overloaded".into()));
}

#[tokio::test]
async fn a_swap_of_the_publisher_goes_by_unnoticed_and_its_removal_ends_the_streams() {
    let host = host().await;
    let mut stream = host.follow("a").await;
    stream.expect("snapshot").await;
    let manifest = include_str!("support/publisher.toml").replace("1.0.0", "1.0.1");
    host.deploy(publisher_with(&manifest)).await;
    host.change("a", "cooked").await;
    assert_eq!(stream.next().await.unwrap(), changed(1, "a", "cooked"));
    let mut later = host.follow("a").await;
    later.expect("snapshot").await;
    host.control.remove(&"pub".parse().unwrap(), false, Cause::default()).await.unwrap();
    assert_eq!((stream.next().await, stream.whole), (None, true));
    assert_eq!((later.next().await, later.whole), (None, true));

    host.control.deploy(publisher(), DeployOptions::default()).await.unwrap();
    let mut back = host.resume("a", 0).await;
    assert_eq!(back.next().await.unwrap(), changed(1, "a", "cooked"));
    host.change("a", "picked_up").await;
    assert_eq!(back.expect("changed").await.data["status"], "picked_up");
}

#[tokio::test]
async fn a_database_that_is_put_back_ends_the_streams_so_that_clients_begin_anew() {
    let host = host().await;
    let name = "pub".parse().unwrap();
    let revision = host.control.live().service(&name).unwrap().revision.clone();
    let database = revision.extensions().get::<Database>().unwrap();
    host.change("a", "one").await;
    let backup = host.control.backup(&database).await.unwrap();
    for status in ["two", "three"] {
        host.change("a", status).await;
    }
    let mut stream = host.follow("a").await;
    stream.expect("snapshot").await;
    host.control.replace_database(&name, backup.into_temp_path()).await.unwrap();
    // The place of this one was another event's in the database before.
    host.change("a", "other").await;
    assert!(stream.next().await.is_none(), "the stream ends");
    host.resume("a", 3).await.expect("gap").await;
}

#[tokio::test]
async fn a_stop_ends_streams_at_once_and_cleanly() {
    let host = host().await;
    let mut streams = Vec::new();
    for n in 0..20 {
        let mut stream = host.follow(&format!("a{n}")).await;
        stream.expect("snapshot").await;
        streams.push(stream);
    }
    let cut = host.serving.stop(Duration::from_secs(30)).await;
    assert_eq!(cut, 0);
    for stream in &mut streams {
        assert_eq!((stream.next().await, stream.whole), (None, true));
    }
}

#[tokio::test]
async fn no_instance_lives_while_a_client_waits() {
    let host = host().await;
    let mut streams = Vec::new();
    // More than the host has instances.
    for n in 0..100 {
        let mut stream = host.follow(&format!("a{n}")).await;
        stream.expect("snapshot").await;
        streams.push(stream);
    }
    assert_eq!(host.in_flight("pub"), 0);
    host.change("a42", "cooked").await;
    assert_eq!(streams[42].expect("changed").await.data["id"], "a42");
}

#[tokio::test]
async fn a_head_request_opens_no_stream() {
    let host = host().await;
    let mut client = host.connect().await;
    client.send("HEAD /api/v1/orders/a/track HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let head = client.head_answer().await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
    assert_eq!(client.get("/health/live").await.status, 200);
}
