//! What is in the databases of services, as the dashboard shows it.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{TestHost, counter, publisher};

async fn host() -> TestHost {
    let host = TestHost::new().await;
    host.deploy(counter(1)).await;
    host.deploy(publisher()).await;
    let sql = "CREATE TABLE dishes (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL); \
               CREATE TABLE \"a \"\"table\"\"\" (x TEXT, y TEXT, PRIMARY KEY (x, y)); \
               INSERT INTO dishes (name) VALUES ('dal'), ('roti')";
    let body = json!({ "sql": sql, "write": true }).to_string();
    let line = "POST /admin/v1/services/pub/database/query";
    let answer = host.admin_send(line, "", body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    host
}

fn column(name: &str, declared: &str, key: bool) -> Value {
    json!({ "name": name, "type": declared, "primary_key": key })
}

#[tokio::test]
async fn a_database_is_shown_with_its_tables_and_without_the_hosts() {
    let host = host().await;
    let shown = host.admin_get("/services/pub/database").await.json();
    assert_eq!((&shown["service"], &shown["state"]), (&json!("pub"), &json!("ok")));
    assert!(shown["bytes"].as_u64().unwrap() > 0, "{shown}");
    let dishes = [
        column("id", "INTEGER", true),
        column("name", "TEXT", false),
        column("price", "REAL", false),
    ];
    let odd = [column("x", "TEXT", true), column("y", "TEXT", true)];
    assert_eq!(
        shown["tables"],
        json!([
            { "name": "a \"table\"", "rows": 0, "columns": odd },
            { "name": "dishes", "rows": 2, "columns": dishes },
        ])
    );
}

#[tokio::test]
async fn every_database_is_listed_with_its_size() {
    let host = host().await;
    let listed = host.admin_get("/databases").await.json();
    let [one] = &listed["items"].as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!((&one["service"], &one["tables"]), (&json!("pub"), &json!(2)), "{one}");
    assert_eq!(one["state"], "ok");
    assert!(one["bytes"].as_u64().unwrap() + one["wal_bytes"].as_u64().unwrap() > 0, "{one}");
    for name in ["counter", "nobody"] {
        let answer = host.admin_get(&format!("/services/{name}/database")).await;
        assert_eq!((answer.status, answer.problem()), (404, "no_database".into()), "{name}");
    }
}

#[tokio::test]
async fn downloads_that_nobody_reads_leave_room_for_the_rest() {
    let host = host().await;
    // More than lies between two ends of a connection.
    let sql = "CREATE TABLE large (x TEXT); WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1024) \
               INSERT INTO large SELECT hex(zeroblob(8192)) FROM c";
    let body = json!({ "sql": sql, "write": true }).to_string();
    let line = "POST /admin/v1/services/pub/database/query";
    assert_eq!(host.admin_send(line, "", body.as_bytes()).await.status, 200);
    let export = "/services/pub/database/export";
    let mut unread = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(host.admin).await.unwrap();
        let head = format!("GET /admin/v1{export} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut begun = [0; 12];
        stream.read_exact(&mut begun).await.unwrap();
        assert_eq!(&begun, b"HTTP/1.1 200");
        unread.push(stream);
    }
    let refused = host.admin_get(export).await;
    assert_eq!((refused.status, refused.problem()), (503, "too_many_downloads".into()));
    assert_eq!(host.admin_get("/health").await.status, 200);
    drop(unread);
    while host.admin_get(export).await.status == 503 {
        tokio::task::yield_now().await;
    }
}
