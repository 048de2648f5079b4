//! CORS: which pages may call, and that nothing runs to say so.

use crate::support::{Answer, Follower, TestHost, fronted, publisher_with};

const SHOP: &str = "origin: https://shop.example\r\n";

const MANIFEST: &str = r#"
"GET /p" = "api.ping"
"POST /p" = { call = "api.ping", cors = { origins = ["https://admin.example"], headers = ["x-csrf"], max-age = "30s" } }
"GET /closed" = { call = "api.ping", cors = false }
"GET /open" = { call = "api.ping", cors = { origins = ["*"] } }
[cors]
origins = ["https://shop.example", "http://localhost:5173"]
credentials = true
"#;

async fn host() -> TestHost {
    let host = TestHost::new().await;
    host.deploy(fronted(MANIFEST)).await;
    host
}

async fn preflight(host: &TestHost, path: &str, origin: &str, method: &str) -> Answer {
    let headers = format!(
        "origin: {origin}\r\naccess-control-request-method: {method}\r\n\
         access-control-request-headers: content-type\r\n"
    );
    host.send(&format!("OPTIONS /api/v1{path}"), &headers, "").await
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn a_page_that_is_named_may_read_answers_and_refusals() {
    let host = host().await;
    let answer = host.ask("/p", SHOP).await;
    assert_eq!((answer.status, allowed(&answer)), (200, Some("https://shop.example")));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(answer.header("vary"), Some("Origin"));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("location") && exposed.contains("ratelimit"), "{exposed}");
    let refused = host.ask("/p?x=1", SHOP).await;
    assert_eq!((refused.status, allowed(&refused)), (400, Some("https://shop.example")));
    let stranger = host.ask("/p", "origin: https://evil.example\r\n").await;
    assert_eq!((stranger.status, allowed(&stranger)), (200, None));
    assert_eq!(stranger.header("vary"), Some("Origin"), "a cache must not give it to the shop");
    for close in
        ["https://shop.example.evil", "https://SHOP.example", "http://shop.example", "null"]
    {
        let answer = host.ask("/p", &format!("origin: {close}\r\n")).await;
        assert_eq!(allowed(&answer), None, "{close}");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_for_its_method_and_runs_nothing() {
    let host = host().await;
    let get = preflight(&host, "/p", "https://shop.example", "GET").await;
    assert_eq!((get.status, allowed(&get)), (204, Some("https://shop.example")));
    assert_eq!(get.header("access-control-allow-methods"), Some("GET"));
    assert!(get.header("access-control-allow-headers").unwrap().contains("idempotency-key"));
    assert_eq!(get.header("access-control-max-age"), Some("600"));
    assert_eq!(get.header("access-control-allow-credentials"), Some("true"));
    let post = preflight(&host, "/p", "https://admin.example", "POST").await;
    assert_eq!((post.status, allowed(&post)), (204, Some("https://admin.example")));
    assert_eq!(post.header("access-control-allow-headers"), Some("x-csrf"));
    assert_eq!(post.header("access-control-max-age"), Some("30"));
    assert_eq!(post.header("access-control-allow-credentials"), None);
    let wrong = preflight(&host, "/p", "https://shop.example", "POST").await;
    assert_eq!(
        (wrong.status, allowed(&wrong)),
        (204, None),
        "the route's rule replaces the service's"
    );
    assert_eq!(wrong.header("access-control-allow-methods"), None);
    for (path, method) in [("/closed", "GET"), ("/p", "DELETE"), ("/p", "BREW")] {
        let answer = preflight(&host, path, "https://shop.example", method).await;
        assert_eq!((answer.status, allowed(&answer)), (204, None), "{method} {path}");
        assert!(answer.header("allow").is_some(), "an OPTIONS like any other");
    }
    assert_eq!(host.invocations_of("fronted"), 0);
}

#[tokio::test]
async fn every_origin_may_where_the_manifest_says_so_and_none_where_it_says_false() {
    let host = host().await;
    let open = host.ask("/open", "origin: https://any.example\r\n").await;
    assert_eq!((allowed(&open), open.header("vary")), (Some("*"), None));
    assert_eq!(open.header("access-control-allow-credentials"), None);
    let closed = host.ask("/closed", SHOP).await;
    assert_eq!((closed.status, allowed(&closed), closed.header("vary")), (200, None, None));
}

#[tokio::test]
async fn streams_are_for_pages_too() {
    let host = TestHost::new().await;
    let manifest = include_str!("support/publisher.toml");
    host.deploy(publisher_with(&format!(
        "{manifest}\n[cors]\norigins = [\"https://shop.example\"]\n"
    )))
    .await;
    host.serving.ready();
    host.change("a", "cooked").await;
    let follower = Follower::send(host.address, "/orders/a/track", SHOP).await;
    assert_eq!(follower.status(), 200, "{}", follower.head);
    assert!(follower.head.contains("access-control-allow-origin: https://shop.example"));
    assert!(follower.head.contains("vary: origin"), "{}", follower.head);
}
