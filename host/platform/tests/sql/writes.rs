//! Group commit and the queue in front of the writer.

use std::time::Duration;

use thali_platform::sql::{Caller, ConstraintKind, SqlError};

use crate::{Fixture, Speak, bytes_of, insert, int, let_tasks_run, statement, text};

/// Runs jobs so that they wait together and share one group: while a transaction has the connection.
macro_rules! in_one_group {
    ($database:expr, $($job:expr),+ $(,)?) => {{
        let blocker = $database.begin(Caller::HOST).await.unwrap();
        let tasks = [$({
            let database = std::sync::Arc::clone(&$database);
            tokio::spawn(async move { database.batch(Caller::HOST, $job).await })
        }),+];
        let_tasks_run().await;
        drop(blocker);
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        results
    }};
}

#[tokio::test]
async fn a_job_that_fails_does_not_undo_its_neighbours() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let results = in_one_group!(
        orders,
        vec![insert("a", 1)],
        vec![insert("b", 2), insert("a", 3)],
        vec![insert("c", 4), statement("UPDATE t SET n = n + 10", [])],
    );
    assert_eq!(results[0], Ok(vec![1]));
    assert!(matches!(
        &results[1],
        Err(SqlError::Constraint { kind: ConstraintKind::Unique, name }) if name == "t.id"
    ));
    assert_eq!(results[2], Ok(vec![1, 2]));
    let rows = orders.rows("SELECT id, n FROM t ORDER BY id", []).await.unwrap().rows;
    assert_eq!(rows, [[text("a"), int(11)], [text("c"), int(14)]]);
}

#[tokio::test]
async fn an_error_that_undoes_the_whole_transaction_spares_the_neighbours() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let results = in_one_group!(
        orders,
        vec![insert("a", 1)],
        vec![insert("b", 2)],
        vec![statement("INSERT OR ROLLBACK INTO t VALUES ('a', 0)", [])],
        vec![insert("c", 3)],
    );
    assert!(matches!(results[2], Err(SqlError::Constraint { .. })));
    assert!([0, 1, 3].iter().all(|&at| results[at] == Ok(vec![1])), "{results:?}");
    assert_eq!(orders.one("SELECT group_concat(id) FROM t").await, text("a,b,c"));
}

#[tokio::test]
async fn a_write_that_runs_for_too_long_does_not_undo_its_neighbours() {
    let fixture = Fixture::with(|limits| limits.statement_time = Duration::from_millis(50));
    let orders = fixture.orders().await;
    let forever = format!("INSERT INTO t SELECT 'x', ({})", crate::FOREVER);
    let results = in_one_group!(
        orders,
        vec![insert("a", 1)],
        vec![statement(&forever, [])],
        vec![insert("b", 2)],
    );
    assert!(matches!(results[1], Err(SqlError::TooLarge(_))), "{results:?}");
    assert_eq!(orders.one("SELECT group_concat(id) FROM t").await, text("a,b"));
}

#[tokio::test]
async fn a_deferred_constraint_fails_only_the_job_that_broke_it() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    orders
        .must("CREATE TABLE u (t TEXT REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)", [])
        .await;
    let results = in_one_group!(
        orders,
        vec![statement("INSERT INTO u VALUES ('a')", []), insert("a", 1)],
        vec![statement("INSERT INTO u VALUES ('missing')", [])],
        vec![insert("b", 2)],
    );
    assert_eq!(results[0], Ok(vec![1, 1]));
    assert!(matches!(
        results[1],
        Err(SqlError::Constraint { kind: ConstraintKind::ForeignKey, .. })
    ));
    assert_eq!(results[2], Ok(vec![1]));
    assert_eq!(orders.one("SELECT count(*) FROM u").await, int(1));
}

#[tokio::test]
async fn jobs_that_wait_together_share_a_commit() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    orders.must("INSERT INTO t VALUES ('n', 0)", []).await;
    let log = fixture.file("orders").with_extension("sqlite-wal");
    let before = bytes_of(&log);

    let blocker = orders.begin(Caller::HOST).await.unwrap();
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let orders = std::sync::Arc::clone(&orders);
            tokio::spawn(async move { orders.run("UPDATE t SET n = n + 1", []).await })
        })
        .collect();
    let_tasks_run().await;
    drop(blocker);
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(1));
    }
    assert_eq!(orders.one("SELECT n FROM t").await, int(50));
    // One commit writes the changed page once; fifty commits would write it fifty times.
    let pages = (bytes_of(&log) - before) / 4096;
    assert!((1..10).contains(&pages), "{pages} pages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_concurrent_increments_none_is_lost() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    orders.must("INSERT INTO t VALUES ('n', 0)", []).await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let orders = std::sync::Arc::clone(&orders);
            tokio::spawn(async move { orders.must("UPDATE t SET n = n + 1", []).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 1);
    }
    assert_eq!(orders.one("SELECT n FROM t").await, int(64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_claims_on_one_row_exactly_one_wins() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    orders.must("INSERT INTO t VALUES ('driver', NULL)", []).await;
    let tasks: Vec<_> = (0..64_i64)
        .map(|claim| {
            let orders = std::sync::Arc::clone(&orders);
            tokio::spawn(async move {
                orders.must("UPDATE t SET n = $1 WHERE n IS NULL", [int(claim)]).await
            })
        })
        .collect();
    let mut winners = 0;
    for task in tasks {
        winners += task.await.unwrap();
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn a_batch_is_all_or_none() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let bad = vec![insert("a", 1), insert("b", 2), statement("INSERT INTO nope VALUES (1)", [])];
    assert_eq!(
        orders.batch(Caller::HOST, bad).await,
        Err(SqlError::Invalid("no such table: nope".to_owned()))
    );
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(0));
    assert_eq!(orders.batch(Caller::HOST, Vec::new()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn the_number_of_changes_is_that_of_the_statement_itself() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    orders.must("CREATE TABLE u (t TEXT REFERENCES t (id) ON DELETE CASCADE)", []).await;
    for (sql, changes) in [
        ("INSERT INTO t VALUES ('a', 1), ('b', 2) RETURNING id", 2),
        ("INSERT INTO u VALUES ('a'), ('a'), ('b')", 3),
        ("CREATE TABLE v (a INTEGER)", 0),
        ("UPDATE t SET n = 0 WHERE id = 'none'", 0),
        ("DROP TABLE v", 0),
        ("DROP TABLE IF EXISTS v", 0),
        ("DELETE FROM t WHERE id = 'a'", 1),
        ("INSERT INTO t VALUES ('b', 5) ON CONFLICT (id) DO NOTHING", 0),
        ("INSERT INTO t VALUES ('b', 5) ON CONFLICT (id) DO UPDATE SET n = excluded.n", 1),
        ("DELETE FROM t", 1),
    ] {
        assert_eq!(orders.must(sql, []).await, changes, "{sql}");
    }
    assert_eq!(orders.one("SELECT count(*) FROM u").await, int(0));
}

#[tokio::test]
async fn a_full_queue_is_busy() {
    let fixture = Fixture::with(|limits| limits.queue_jobs_max = 2);
    let orders = fixture.orders().await;
    let blocker = orders.begin(Caller::HOST).await.unwrap();
    let tasks: Vec<_> = (0..5)
        .map(|n| {
            let orders = std::sync::Arc::clone(&orders);
            tokio::spawn(async move { orders.run("INSERT INTO t VALUES ($1, 0)", [int(n)]).await })
        })
        .collect();
    let_tasks_run().await;
    drop(blocker);
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    assert_eq!(results.iter().filter(|result| **result == Ok(1)).count(), 2);
    assert_eq!(results.iter().filter(|result| **result == Err(SqlError::Busy)).count(), 3);
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(2));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_waits_for_too_long_is_busy_and_never_done() {
    let fixture = Fixture::with(|limits| {
        limits.queue_time = Duration::from_secs(5);
        limits.transaction_lease = Duration::from_secs(60);
    });
    let orders = fixture.orders().await;
    let blocker = orders.begin(Caller::HOST).await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(orders.run("INSERT INTO t VALUES ('a', 1)", []).await, Err(SqlError::Busy));
    assert!(matches!(orders.begin(Caller::HOST).await, Err(SqlError::Busy)));
    assert_eq!(began.elapsed().as_secs(), 10);
    drop(blocker);
    orders.must("INSERT INTO t VALUES ('b', 2)", []).await;
    assert_eq!(orders.one("SELECT group_concat(id) FROM t").await, text("b"));
}

#[tokio::test]
async fn the_job_of_a_caller_that_left_is_not_done() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let blocker = orders.begin(Caller::HOST).await.unwrap();
    let left = {
        let orders = std::sync::Arc::clone(&orders);
        tokio::spawn(async move { orders.run("INSERT INTO t VALUES ('left', 1)", []).await })
    };
    let left_begin = {
        let orders = std::sync::Arc::clone(&orders);
        tokio::spawn(async move { orders.begin(Caller::HOST).await.map(drop) })
    };
    let_tasks_run().await;
    left.abort();
    left_begin.abort();
    let_tasks_run().await;
    drop(blocker);
    orders.must("INSERT INTO t VALUES ('stayed', 1)", []).await;
    assert_eq!(orders.one("SELECT group_concat(id) FROM t").await, text("stayed"));
}
