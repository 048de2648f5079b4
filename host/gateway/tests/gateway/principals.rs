//! Who asks, beyond the request itself.

use serde_json::json;

use crate::support::tokens::{MANY, config, token_of};
use crate::support::{TestHost, listener_of_ann, publisher};

#[tokio::test]
async fn a_handler_is_told_whose_request_published_the_event() {
    let host = TestHost::with_keys(config(), MANY).await;
    host.deploy(publisher()).await;
    host.deploy(listener_of_ann()).await;
    let travel = async |headers: String| {
        let headers = format!("content-type: application/json\r\n{headers}");
        let body = json!({ "id": "a", "count": 1 }).to_string();
        assert_eq!(host.send("POST /api/v1/travels", &headers, &body).await.status, 204);
    };
    let bearer = |subject| format!("authorization: Bearer {}\r\n", token_of(subject, "x y"));
    let dead = async || {
        let letters = host.admin_get("/events/dead").await.json();
        letters["items"].as_array().unwrap().len()
    };
    travel(bearer("ann")).await;
    host.until(|host| host.invocations_of("listener") == 1).await;
    // The handler traps for anybody else; its only attempt makes a dead letter.
    for (n, headers) in [(1, bearer("bob")), (2, String::new())] {
        travel(headers).await;
        host.until(|host| host.invocations_of("listener") == n + 1).await;
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while dead().await < usize::try_from(n).unwrap() {
            assert!(std::time::Instant::now() < deadline, "no dead letter");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    assert_eq!(dead().await, 2, "what Ann published was handled");
}

/// What came with a trace goes on with the event that the request publishes.
#[tokio::test]
async fn a_dead_letter_has_the_trace_of_the_request_and_what_came_with_it() {
    let host = TestHost::new().await;
    host.deploy(publisher()).await;
    host.deploy(listener_of_ann()).await;
    let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    let state = "tracestate: a=1\r\ntracestate: b=2\r\n";
    let mut kept = Vec::new();
    for (headers, told) in [(format!("{trace}{state}"), Some("a=1,b=2")), (state.into(), None)] {
        let headers = format!("content-type: application/json\r\n{headers}");
        let body = json!({ "id": "a", "count": 1 }).to_string();
        assert_eq!(host.send("POST /api/v1/travels", &headers, &body).await.status, 204);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let id = loop {
            let letters = host.admin_get("/events/dead").await.json();
            let mut letters = letters["items"].as_array().unwrap().iter();
            if let Some(new) = letters.find(|letter| !kept.contains(&letter["id"])) {
                break new["id"].clone();
            }
            assert!(std::time::Instant::now() < deadline, "no dead letter");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        };
        let path = format!("/events/dead/{}", id.as_str().unwrap());
        let letter = host.admin_get(&path).await.json();
        assert_eq!(letter["event"]["tracestate"].as_str(), told, "{letter}");
        assert!(letter["event"]["data"].is_object(), "with its payload: {letter}");
        kept.push(id);
    }
}
