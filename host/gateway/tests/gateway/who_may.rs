//! Who may what on the admin listener: with the token, without it, and elsewhere than on loopback.

use serde_json::json;

use crate::support::{Answer, Follower, TestHost, counter};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// One line for each kind: open, read, data and write.
const LINES: [(&str, [bool; 3]); 14] = [
    ("GET /admin/v1/health", [true, true, true]),
    ("GET /admin/v1/session", [true, true, true]),
    ("GET /", [true, true, true]),
    ("GET /docs/", [true, true, true]),
    ("GET /admin/v1/status", [false, true, true]),
    ("GET /admin/v1/services/counter", [false, true, true]),
    ("GET /admin/v1/events/dead", [false, true, true]),
    ("GET /metrics", [false, true, true]),
    ("GET /openapi.json", [false, true, true]),
    ("GET /admin/v1/audit", [false, false, true]),
    ("GET /admin/v1/services/counter/database/export", [false, false, true]),
    ("POST /admin/v1/services/counter/database/query", [false, false, true]),
    ("POST /admin/v1/services/counter/call/api/ping", [false, false, true]),
    ("DELETE /admin/v1/services/nobody", [false, false, true]),
];

/// A host that listens everywhere, for its admin API as well.
async fn everywhere(anonymous_reads: bool) -> TestHost {
    TestHost::with_admin_token_and(TOKEN, |config| {
        config.admin = ([0, 0, 0, 0], 0).into();
        config.anonymous_reads = anonymous_reads;
    })
    .await
}

fn bearer() -> String {
    format!("authorization: Bearer {TOKEN}\r\n")
}

async fn session(host: &TestHost, headers: &str) -> serde_json::Value {
    host.admin_send("GET /admin/v1/session", headers, b"").await.json()
}

fn is_refused(answer: &Answer) -> bool {
    let refused = answer.status == 401;
    if refused {
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"thali\""));
        assert_eq!(answer.problem(), "unauthenticated");
    }
    refused
}

#[tokio::test]
async fn each_kind_of_route_is_for_those_who_may() {
    let hosts =
        [everywhere(false).await, everywhere(true).await, TestHost::with_admin_token(TOKEN).await];
    for (at, host) in hosts.iter().enumerate() {
        host.deploy(counter(1)).await;
        for (line, [nobody, reader, _]) in LINES {
            let open = if at == 0 { nobody } else { reader };
            let answer = host.admin_send(line, "", b"").await;
            assert_eq!(!is_refused(&answer), open, "{at}: {line}: {}", answer.text());
            let answer = host.admin_send(line, &bearer(), b"").await;
            assert!(!is_refused(&answer), "{at}: {line} with the token");
        }
    }
    let [closed, open, loopback] = &hosts;
    assert_eq!(session(closed, "").await, json!({"may": "nothing", "actor": "anonymous"}));
    assert_eq!(session(open, "").await, json!({"may": "read", "actor": "anonymous"}));
    assert_eq!(session(loopback, "").await, json!({"may": "read", "actor": "anonymous"}));
    assert_eq!(session(closed, &bearer()).await, json!({"may": "write", "actor": "token"}));
    assert!(is_refused(&closed.admin_send("GET /nothing", "", b"").await));
    assert_eq!(loopback.admin_send("GET /nothing", "", b"").await.status, 404);
    assert_eq!(Follower::admin(closed.admin, "").await.status(), 401);
    assert_eq!(Follower::admin(closed.admin, &bearer()).await.status(), 200);
}

#[tokio::test]
async fn without_a_token_to_ask_for_everybody_on_the_machine_may_everything() {
    let host = TestHost::with_counter().await;
    for (line, _) in LINES {
        assert_ne!(host.admin_send(line, "", b"").await.status, 401, "{line}");
    }
    assert_eq!(session(&host, "").await, json!({"may": "write", "actor": "loopback"}));
}

#[tokio::test]
async fn a_wrong_token_is_refused_on_every_route() {
    let host = TestHost::with_admin_token(TOKEN).await;
    for line in ["GET /", "GET /admin/v1/session", "GET /admin/v1/status", "GET /nothing"] {
        let answer = host.admin_send(line, "authorization: Bearer no\r\n", b"").await;
        assert_eq!((answer.status, answer.problem()), (401, "invalid_token".into()), "{line}");
    }
}

#[tokio::test]
async fn a_page_of_somebody_else_holds_no_stream_open() {
    let host = TestHost::new().await;
    let foreign = "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\n";
    assert_eq!(Follower::admin(host.admin, foreign).await.status(), 403);
    let link =
        "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document\r\n";
    assert_eq!(host.admin_send("GET /", link, b"").await.status, 200);
}
