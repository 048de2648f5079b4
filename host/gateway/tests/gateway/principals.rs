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
