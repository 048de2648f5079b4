//! How many databases keep connections open.

use std::sync::Arc;

use thali_platform::sql::{Caller, Database};

use crate::{Fixture, Speak, insert, int, statement};

fn log_of(fixture: &Fixture, service: &str) -> std::path::PathBuf {
    fixture.file(service).with_extension("sqlite-wal")
}

/// Waits until at most `count` databases are open: a connection is put back after its answer is given.
async fn until_open(fixture: &Fixture, count: usize) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while fixture.databases.open_count() > count {
        assert!(std::time::Instant::now() < deadline, "{} open", fixture.databases.open_count());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_database_that_was_not_used_for_longest_is_closed() {
    let fixture = Fixture::with(|limits| limits.databases_open_max = 2);
    for service in ["a", "b"] {
        fixture.table_of(service).await;
    }
    fixture.database("a").one("SELECT count(*) FROM t").await;
    until_open(&fixture, 2).await;
    fixture.table_of("c").await;
    until_open(&fixture, 2).await;
    assert!(!log_of(&fixture, "b").exists(), "closing writes the log back");
    assert!(log_of(&fixture, "a").exists() && log_of(&fixture, "c").exists());
    assert_eq!(fixture.database("b").one("SELECT count(*) FROM t").await, int(0));
}

#[tokio::test]
async fn a_database_in_use_stays_open() {
    let fixture = Fixture::with(|limits| limits.databases_open_max = 1);
    let orders = fixture.orders().await;
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    transaction.execute(insert("a", 1)).await.unwrap();
    for service in ["b", "c"] {
        fixture.table_of(service).await;
    }
    transaction.execute(insert("b", 2)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(2));
    until_open(&fixture, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_databases_share_a_few_places() {
    let fixture = Arc::new(Fixture::with(|limits| limits.databases_open_max = 8));
    let services = 200;
    let use_it = |database: Arc<Database>| async move {
        database.must("UPDATE t SET n = n + 1", []).await;
        let transaction = database.begin(Caller::HOST).await.unwrap();
        transaction.execute(statement("UPDATE t SET n = n + 1", [])).await.unwrap();
        transaction.commit().await.unwrap();
        database.one("SELECT n FROM t").await;
    };
    let workers: Vec<_> = (0..8usize)
        .map(|worker| {
            let fixture = Arc::clone(&fixture);
            tokio::spawn(async move {
                for at in (worker..services).step_by(8) {
                    let database = fixture.table_of(&format!("s{at}")).await;
                    database.must("INSERT INTO t VALUES ('n', 0)", []).await;
                    use_it(database).await;
                    // Another worker's, which may be open, closed or just being closed.
                    let other = fixture.database(&format!("s{}", at / 2));
                    let _ = other.run("UPDATE t SET n = n + 1", []).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    until_open(&fixture, 8).await;
    let folder = std::fs::read_dir(fixture.folder.path().join("db")).unwrap();
    let logs = folder
        .filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with("-wal"));
    assert!(logs.count() <= 8);
    for at in 0..services {
        let n = fixture.database(&format!("s{at}")).one("SELECT n >= 2 FROM t").await;
        assert_eq!(n, int(1), "s{at}");
    }
}
