//! The files of a folder beside the services.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;
use thali_gateway::{GatewayConfig, Site, SiteError};

use crate::support::{Answer, Raw, TestHost, fronted};

const PAGE: &str = "<!doctype html><title>Hello</title>";

/// A host with a site, and the folder of the site.
async fn host() -> (TestHost, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let script = "export const text = 'text';\n".repeat(100);
    write(&folder, "index.html", PAGE);
    write(&folder, "app.js", &script);
    write(&folder, "app.3f9a2b1c.js", &script);
    write(&folder, "map/index.html", "<title>Map</title>");
    write(&folder, "photo.png", &script);
    (with_site(folder.path()).await, folder)
}

async fn with_site(folder: &Path) -> TestHost {
    let site = Site::open(folder).unwrap();
    TestHost::configured(|config: &mut GatewayConfig| config.site = Some(site)).await
}

fn write(folder: &TempDir, name: &str, text: &str) {
    let file = folder.path().join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

async fn ask(host: &TestHost, line: &str, headers: &str) -> Answer {
    host.send(line, headers, "").await
}

fn assert_nothing(answer: &Answer, path: &str) {
    assert_eq!(answer.status, 404, "{path}");
    assert_eq!(answer.problem(), "not_found", "{path}");
}

#[tokio::test]
async fn files_are_served_as_what_they_are() {
    let (host, _folder) = host().await;
    let page = host.get("/").await;
    assert_eq!((page.status, page.body.as_slice()), (200, PAGE.as_bytes()));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(page.header("x-request-id").is_some());
    let script = host.get("/app.js?v=2").await;
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(script.body.len(), 2800);
    let hashed = host.get("/app.3f9a2b1c.js").await;
    assert_eq!(hashed.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let also = ask(&host, "GET /", "accept: application/json\r\n").await;
    assert_eq!(also.body, PAGE.as_bytes(), "with a site, / is its page for everybody");
}

#[tokio::test]
async fn head_is_get_without_the_file() {
    let (host, _folder) = host().await;
    let get = host.get("/app.js").await;
    let mut client = host.connect().await;
    client.send("HEAD /app.js HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await;
    let head = client.head_answer().await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    for name in ["content-type", "content-length", "etag", "last-modified", "cache-control"] {
        let line = format!("\r\n{name}: {}\r\n", get.header(name).unwrap());
        assert!(head.contains(&line), "{line} is not in {head}");
    }
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn a_folder_is_its_index_at_a_path_with_a_slash() {
    let (host, folder) = host().await;
    assert_eq!(host.get("/map/").await.body, b"<title>Map</title>");
    let bare = host.get("/map?a=b").await;
    assert_eq!((bare.status, bare.header("location")), (307, Some("/map/?a=b")));
    fs::create_dir(folder.path().join("empty")).unwrap();
    for path in ["/empty/", "/app.js/", "//map", "/map//"] {
        assert_nothing(&host.get(path).await, path);
    }
}

#[tokio::test]
async fn a_browser_that_has_the_file_is_not_sent_it_again() {
    let (host, folder) = host().await;
    let first = host.get("/app.js").await;
    let (tag, date) = (first.header("etag").unwrap(), first.header("last-modified").unwrap());
    for known in [
        format!("if-none-match: {tag}\r\n"),
        format!(
            "if-none-match: \"other\", {tag}\r\nif-modified-since: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        ),
        format!("if-modified-since: {date}\r\n"),
    ] {
        let again = ask(&host, "GET /app.js", &known).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
        assert_eq!(again.header("cache-control"), Some("no-cache"));
        assert_eq!(again.header("etag"), Some(tag));
    }
    let stale = format!("if-none-match: \"other\"\r\nif-modified-since: {date}\r\n");
    assert_eq!(ask(&host, "GET /app.js", &stale).await.status, 200, "the tag counts, not the date");
    write(&folder, "app.js", "changed");
    let changed = ask(&host, "GET /app.js", &format!("if-none-match: {tag}\r\n")).await;
    assert_eq!((changed.status, changed.body.as_slice()), (200, &b"changed"[..]));
}

#[tokio::test]
async fn text_is_compressed_and_pictures_are_not() {
    let (host, _folder) = host().await;
    for (path, encoding) in [("/app.js", Some("br")), ("/photo.png", None), ("/", None)] {
        let mut client = Raw::connect(host.address).await;
        client.send(format!("GET {path} HTTP/1.1\r\nhost: t\r\naccept-encoding: br\r\n\r\n")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.header("content-encoding")), (200, encoding), "{path}");
    }
}

#[tokio::test]
async fn nothing_but_what_lies_openly_in_the_folder_is_served() {
    let (host, folder) = host().await;
    let outside = tempfile::tempdir().unwrap();
    write(&outside, "secret.txt", "secret");
    write(&folder, ".env", "secret");
    write(&folder, ".git/config", "secret");
    write(&folder, "linked.txt", "served");
    let at = |name: &str| folder.path().join(name);
    symlink(outside.path().join("secret.txt"), at("out.txt")).unwrap();
    symlink(outside.path(), at("out")).unwrap();
    symlink(at(".env"), at("env.txt")).unwrap();
    symlink(at("loop"), at("loop")).unwrap();
    fs::create_dir(at("index-out")).unwrap();
    symlink(outside.path().join("secret.txt"), at("index-out/index.html")).unwrap();
    symlink("linked.txt", at("inside.txt")).unwrap();
    let way_out = format!("/..%2f..{}/secret.txt", outside.path().display());
    for path in [
        "/.env",
        "/.git/config",
        "/%2eenv",
        "/out.txt",
        "/out/secret.txt",
        "/out/",
        "/env.txt",
        "/loop",
        "/index-out/",
        "/../secret.txt",
        "/map/../.env",
        "/%2e%2e/secret.txt",
        "/nothing",
        "/app.js%00",
        "/%ff",
        &way_out,
    ] {
        let answer = host.get(path).await;
        assert_nothing(&answer, path);
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret\""), "{path}");
    }
    assert_eq!(host.get("/inside.txt").await.body, b"served");
}

#[tokio::test]
async fn a_site_takes_no_path_from_the_host() {
    let (host, folder) = host().await;
    host.deploy(fronted("\"GET /p\" = \"api.ping\"")).await;
    for name in ["api/v1/p", "api/v1/none", "api/page", "health/live", "health/a/b", "openapi.json"]
    {
        if name != "openapi.json" {
            write(&folder, name, "from the site");
        }
    }
    write(&folder, "openapi.json/index.html", "from the site");
    assert_eq!(host.get("/api/v1/p").await.status, 200);
    assert_eq!(host.get("/health/live").await.json()["status"], "live");
    assert_eq!(host.get("/openapi.json").await.json()["openapi"], "3.1.0");
    for path in ["/api/v1/none", "/api/page", "/health/a/b", "/openapi.json/"] {
        assert_eq!(host.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn files_are_read_and_nothing_else() {
    let (host, _folder) = host().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = ask(&host, &format!("{method} /app.js"), "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
        assert_eq!(answer.problem(), "method_not_allowed");
        assert_eq!(ask(&host, &format!("{method} /nothing"), "").await.status, 404);
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    assert!(matches!(Site::open(&missing), Err(SiteError::Unreadable { .. })));
    write(&folder, "file", "");
    assert!(matches!(Site::open(&folder.path().join("file")), Err(SiteError::NotAFolder(_))));
}

#[tokio::test]
async fn a_sites_own_docs_come_before_the_page_that_shows_the_api() {
    let (host, folder) = host().await;
    assert_eq!(host.get("/docs").await.header("location"), Some("docs/"));
    assert!(host.get("/docs/").await.text().contains("swagger-ui"));
    write(&folder, "docs/index.html", "<title>Ours</title>");
    assert!(host.get("/docs/").await.text().contains("Ours"));
    assert_eq!(host.get("/docs").await.header("location"), Some("/docs/"));
    assert_nothing(&host.get("/docs/nothing.js").await, "/docs/nothing.js");
}
