//! Who may use the admin API, and that every change through it is written down.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Answer, TestHost, counter};

const TOKEN: &str = "5f0c1e9a7b3d4862915e0d7c6b4a3f28";

async fn entries(host: &TestHost) -> Vec<Value> {
    host.admin_get("/audit").await.json()["items"].as_array().unwrap().clone()
}

async fn send(host: &TestHost, line: &str, body: &[u8]) -> Answer {
    host.admin_send(line, "", body).await
}

/// Every route of the admin API that changes something, from its source: one that is added is in here.
fn routes_that_change() -> Vec<(String, String)> {
    let source = include_str!("../../src/admin/mod.rs");
    let mut routes = Vec::new();
    for line in source.lines().map(str::trim).filter(|line| line.starts_with('.')) {
        let kind = line.split('(').next().unwrap();
        let Some(path) = line.split('"').nth(1).filter(|path| path.starts_with('/')) else {
            continue;
        };
        assert!([".open", ".read", ".data", ".write"].contains(&kind), "{line}");
        for method in ["post", "put", "patch", "delete"] {
            if line.contains(&format!(", {method}(")) {
                routes.push((method.to_uppercase(), path.to_owned()));
            }
        }
    }
    routes
}

#[tokio::test]
async fn every_route_that_changes_something_has_a_line() {
    let host = TestHost::with_counter().await;
    let routes = routes_that_change();
    assert!(routes.len() >= 12, "{routes:?}");
    for (method, route) in &routes {
        let segments = route.split('/').map(|segment| match segment.starts_with('{') {
            true => "nothing",
            false => segment,
        });
        let path = segments.collect::<Vec<_>>().join("/");
        let answer = send(&host, &format!("{method} /admin/v1{path}"), b"").await;
        let newest = entries(&host).await.remove(0);
        assert_eq!(newest["action"], format!("{method} /admin/v1{route}"));
        assert_eq!(newest["target"], format!("/admin/v1{path}"));
        assert_eq!((&newest["actor"], &newest["peer"]), (&"loopback".into(), &"127.0.0.1".into()));
        let status = match &newest["outcome"]["status"] {
            Value::Null => &newest["outcome"]["refused"][0],
            status => status,
        };
        assert_eq!(status, answer.status, "{newest}");
        assert!(newest["request_id"].is_string());
    }
    assert_eq!(entries(&host).await.len(), routes.len(), "reading changes nothing");
}

#[tokio::test]
async fn a_line_says_what_became_live_and_why_something_was_refused() {
    let host = TestHost::new().await;
    assert_eq!(send(&host, "POST /admin/v1/services", &counter(1)).await.status, 201);
    assert_eq!(send(&host, "POST /admin/v1/services", b"no component").await.status, 422);
    assert_eq!(send(&host, "POST /admin/v1/nothing", b"").await.status, 404);
    let entries = entries(&host).await;
    let [refused, deployed] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((&deployed["revision"], &deployed["outcome"]["status"]), (&"1".into(), &201.into()));
    assert_eq!(deployed["digest"], host.admin_get("/services/counter").await.json()["digest"]);
    assert_eq!(refused["outcome"]["refused"][0], 422);
    assert!(refused["outcome"]["refused"][1].is_string());
    assert_eq!(host.admin_get("/audit?limit=1").await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(host.admin_get("/audit?limits=1").await.status, 400);
}

#[tokio::test]
async fn a_host_with_an_admin_token_changes_nothing_without_it() {
    let host = TestHost::with_admin_token(TOKEN).await;
    for line in ["GET /admin/v1/audit", "POST /admin/v1/services", "PUT /nothing"] {
        let answer = host.admin_send(line, "", b"").await;
        assert_eq!((answer.status, answer.problem()), (401, "unauthenticated".into()), "{line}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"thali\""));
        let wrong = format!("authorization: Bearer {}\r\n", TOKEN.to_uppercase());
        let answer = host.admin_send(line, &wrong, b"").await;
        assert_eq!((answer.status, answer.problem()), (401, "invalid_token".into()), "{line}");
    }
    let right = format!("authorization: Bearer {TOKEN}\r\n");
    let answer = host.admin_send("POST /admin/v1/services", &right, &counter(1)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let audit = host.admin_send("GET /admin/v1/audit", &right, b"").await.json();
    assert_eq!(audit["items"].as_array().unwrap().len(), 1, "nothing was changed by the others");
    assert_eq!(audit["items"][0]["actor"], "token");
    assert!(!audit.to_string().contains(TOKEN));
    // A page of somebody else is refused whatever it has.
    let foreign = format!("{right}origin: http://evil.example\r\n");
    assert_eq!(host.admin_send("GET /admin/v1/services", &foreign, b"").await.status, 403);
    let mut refused = 0;
    for n in 0..100 {
        let guess = format!("authorization: Bearer {n}\r\n");
        refused += u32::from(host.admin_send("GET /", &guess, b"").await.status == 429);
    }
    assert!(refused >= 60, "{refused}");
}

/// What the API's own document says of it.
#[tokio::test]
async fn every_route_of_the_admin_api_is_in_its_document() {
    let host = TestHost::with_counter().await;
    let document = host.admin_get("/api.json").await.json();
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let path = path.strip_prefix("/admin/v1").unwrap();
            methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    let source = include_str!("../../src/admin/mod.rs");
    let api = source.split_once("let api = Routes::new()").unwrap().1;
    let api = api.split_once("let rest").unwrap().0;
    let mut routed: BTreeSet<String> = api
        .lines()
        .filter_map(|line| {
            let path = line.split('"').nth(1)?;
            let method = line.split_once("\", ")?.1.split('(').next()?;
            Some(format!("{method} {path}"))
        })
        .collect();
    // The list of links, which is beside the others.
    routed.insert("get ".into());
    assert!(routed.len() > 40, "{routed:?}");
    assert_eq!(described, routed);
}
