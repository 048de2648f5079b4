//! `thali db`, and databases that are damaged, deleted or replaced.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Answer, TestHost, an_order, eventually};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn state(host: &TestHost, service: &str) -> (String, String) {
    let body = host.admin_get(&format!("/services/{service}")).body;
    let member = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (member("state"), member("reason"))
}

fn place(host: &TestHost) -> String {
    let order = host.post("/api/v1/orders", &an_order());
    assert_eq!(order.status, 201, "{order:?}");
    order.body["id"].as_str().unwrap().to_owned()
}

/// Asks until the answer has this status: a database that failed is left alone for a second.
pub(crate) fn until(host: &TestHost, path: &str, status: u16) -> Answer {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = host.get(path);
        if answer.status == status {
            return answer;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        std::thread::yield_now();
    }
}

#[test]
fn a_backup_brings_back_what_a_damaged_database_held() {
    let host = TestHost::with_services();
    let id = place(&host);
    let file = host.data().join("orders.sqlite");
    let file = file.to_str().unwrap();
    let saved = host.thali(&["db", "orders", "backup", file]);
    assert!(saved.status.success(), "{}", text(&saved.stderr));
    let again = host.thali(&["db", "orders", "backup", file]);
    assert!(text(&again.stderr).contains("--force"), "{}", text(&again.stderr));
    let sound = host.thali(&["db", "orders", "check"]);
    assert!(sound.status.success(), "{}", text(&sound.stderr));

    let host = host.restart_after(|data| {
        fs::write(data.join("databases/orders.sqlite"), "damaged".repeat(1000)).unwrap();
    });
    assert_eq!(state(&host, "orders"), ("unavailable".into(), "the database is damaged".into()));
    let refused = host.get(&format!("/api/v1/orders/{id}"));
    assert_eq!((refused.status, &refused.body["code"]), (503, &"database_unavailable".into()));
    assert!(!refused.header("retry-after").is_empty());
    assert!(!refused.body.to_string().contains("sqlite"), "{refused:?}");
    assert_eq!(host.get("/api/v1/restaurants/1/menu").status, 200);
    let damaged = host.thali(&["db", "orders", "check"]);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(text(&damaged.stderr).contains("damaged"), "{}", text(&damaged.stderr));

    let restored = host.thali(&["db", "orders", "restore", file]);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    assert_eq!(host.get(&format!("/api/v1/orders/{id}")).status, 200);
    assert_eq!(state(&host, "orders").0, "running");
    assert!(host.data().join("data/databases/orders.before-restore.sqlite").exists());
    let host = host.restart();
    assert_eq!(host.get(&format!("/api/v1/orders/{id}")).status, 200);
}

#[test]
fn a_bad_backup_changes_nothing() {
    let host = TestHost::with_services();
    let id = place(&host);
    let file = host.data().join("bad.sqlite");
    fs::write(&file, "no database").unwrap();
    let refused = host.thali(&["db", "orders", "restore", file.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(4));
    let said = text(&refused.stderr);
    assert!(said.contains("not a SQLite database"), "{said}");
    let other = host.data().join("other.sqlite");
    host.thali(&["db", "restaurants", "backup", other.to_str().unwrap()]);
    let refused = host.thali(&["db", "orders", "restore", other.to_str().unwrap()]);
    assert!(text(&refused.stderr).contains("does not fit"), "{}", text(&refused.stderr));
    assert_eq!(host.get(&format!("/api/v1/orders/{id}")).status, 200);
    let left = fs::read_dir(host.data().join("data/databases")).unwrap();
    let left = left.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    assert_eq!(left.filter(|name| name.contains("aside")).count(), 0);
}

#[test]
fn a_deleted_database_is_made_anew_with_a_loud_warning() {
    let host = TestHost::with_services();
    let id = place(&host);
    let host = host.restart_after(|data| {
        for file in fs::read_dir(data.join("databases")).unwrap() {
            let path = file.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("orders.") {
                fs::remove_file(path).unwrap();
            }
        }
    });
    eventually("the warning in the log", || {
        host.log().contains("THE DATABASE WAS MISSING").then_some(())
    });
    assert_eq!(state(&host, "orders").0, "running");
    assert_eq!(host.get(&format!("/api/v1/orders/{id}")).status, 404);
    place(&host);
}

#[test]
fn the_shell_reads_and_writes_as_the_service_could() {
    let host = TestHost::with_services();
    place(&host);
    let shell = |args: &[&str]| host.thali(&[&["db", "orders", "shell"], args].concat());

    let count = shell(&["--sql", "SELECT count(*) AS orders FROM orders"]);
    assert!(text(&count.stdout).contains("orders"), "{}", text(&count.stderr));
    let json = shell(&["--json", "--sql", "SELECT count(*) AS n FROM orders; SELECT 'x' AS y"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["items"][0]["rows"][0][0], 1);
    assert_eq!(json["items"][1]["columns"][0], "y");

    let refused = shell(&["--sql", "DELETE FROM orders"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(text(&refused.stderr).contains("--write"), "{}", text(&refused.stderr));
    for hidden in ["SELECT * FROM _thali_migrations", "PRAGMA journal_mode", "ATTACH 'x' AS y"] {
        let refused = shell(&["--write", "--sql", hidden]);
        assert_eq!(refused.status.code(), Some(4), "{hidden}");
    }

    let half = shell(&["--write", "--sql", "CREATE TABLE notes (n TEXT); SELEKT"]);
    assert_eq!(half.status.code(), Some(4));
    let whole = "CREATE TABLE notes (n TEXT); INSERT INTO notes VALUES ('a') RETURNING n";
    let whole = shell(&["--write", "--sql", whole]);
    assert!(whole.status.success(), "the failed script left nothing: {}", text(&whole.stderr));
}

#[test]
fn an_export_has_every_row_and_nothing_of_the_host() {
    let host = TestHost::with_services();
    let id = place(&host);
    let sql = text(&host.thali(&["db", "orders", "export"]).stdout);
    assert!(sql.contains("CREATE TABLE") && sql.contains(&id), "{sql}");
    assert!(!sql.contains("_thali_"), "{sql}");
    let lines = text(&host.thali(&["db", "orders", "export", "--format", "jsonl"]).stdout);
    let rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(rows.clone().any(|line| line["table"] == "orders" && line["row"]["id"] == *id));
    let unknown = host.thali(&["db", "nobody", "export"]);
    assert_eq!(unknown.status.code(), Some(5));
    assert!(text(&unknown.stderr).contains("nobody"), "{}", text(&unknown.stderr));
}
