//! The dashboard and the page that shows the API.

use crate::support::{Answer, TestHost};

async fn page(host: &TestHost, path: &str, headers: &str) -> Answer {
    host.admin_send(&format!("GET {path}"), headers, b"").await
}

/// What a page loads.
fn links(page: &str) -> Vec<String> {
    let parts = page.split(['"', '\'']).filter_map(|part| part.strip_prefix("./"));
    parts.filter(|part| part.starts_with("assets/")).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_dashboard_and_all_that_it_loads_come_from_the_program() {
    let host = TestHost::new().await;
    let answer = page(&host, "/", "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let links = links(answer.text());
    assert!(links.len() >= 2, "{links:?}");
    for link in links {
        let answer = page(&host, &format!("/{link}"), "accept-encoding: gzip, br\r\n").await;
        assert_eq!(answer.status, 200, "{link}");
        assert!(answer.header("cache-control").unwrap().contains("immutable"), "{link}");
        let coding = answer.header("content-encoding");
        assert!(coding == Some("br") || answer.body.len() < 512, "{link}: {coding:?}");
    }
}

#[tokio::test]
async fn a_browser_that_has_a_file_is_not_sent_it_again() {
    let host = TestHost::new().await;
    let first = page(&host, "/", "accept-encoding: gzip\r\n").await;
    assert_eq!(first.header("content-encoding"), Some("gzip"));
    assert_eq!(first.header("vary"), Some("accept-encoding"));
    let tag = first.header("etag").unwrap().to_owned();
    let again =
        page(&host, "/", &format!("accept-encoding: gzip\r\nif-none-match: {tag}\r\n")).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let plain = page(&host, "/", &format!("if-none-match: {tag}\r\n")).await;
    assert_eq!(plain.status, 200, "other bytes have another tag");
}

#[tokio::test]
async fn what_is_no_file_of_the_dashboard_is_a_problem() {
    let host = TestHost::new().await;
    for path in [
        "/assets/nothing.js",
        "/assets/",
        "/assets/../index.html",
        "/assets/%2e%2e/index.html",
        "/index.html.gz",
        "/docs/index.html.br",
        "/docs/nothing",
    ] {
        let answer = page(&host, path, "").await;
        assert_eq!((answer.status, answer.problem()), (404, "not_found".into()), "{path}");
    }
    let answer = host.admin_send("POST /", "", b"").await;
    assert_eq!((answer.status, answer.problem()), (405, "method_not_allowed".into()));
}

#[tokio::test]
async fn the_api_is_shown_on_both_listeners() {
    let host = TestHost::with_counter().await;
    let [public, admin] = [host.send("GET /docs", "", "").await, page(&host, "/docs", "").await];
    for answer in [public, admin] {
        assert_eq!((answer.status, answer.header("location")), (307, Some("docs/")));
    }
    let [public, admin] = [host.send("GET /docs/", "", "").await, page(&host, "/docs/", "").await];
    for answer in [public, admin] {
        assert_eq!(answer.status, 200);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("script-src 'self';"), "{policy}");
        assert!(answer.text().contains("../openapi.json"), "{}", answer.text());
    }
    let gzip = "accept-encoding: gzip\r\n";
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "page.js", "licences.txt"] {
        let answer = host.send(&format!("GET /docs/{file}"), gzip, "").await;
        assert_eq!(
            (answer.status, answer.header("content-encoding")),
            (200, Some("gzip")),
            "{file}"
        );
        assert_eq!(page(&host, &format!("/docs/{file}"), gzip).await.status, 200, "{file}");
    }
    let plain = host.send("GET /docs/swagger-ui-bundle.js", "", "").await;
    assert_eq!((plain.status, plain.problem()), (406, "not_acceptable".into()));
    assert!(page(&host, "/openapi.json", "").await.json()["paths"].is_object());
}
