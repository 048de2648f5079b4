//! Every limit, just under and just over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use thali_platform::sql::{Caller, SqlError, Statement, Value};

use crate::{FOREVER, Fixture, Speak, insert, int, statement, text};

fn is_too_large<T: std::fmt::Debug>(result: &Result<T, SqlError>) -> bool {
    matches!(result, Err(SqlError::TooLarge(_)))
}

#[tokio::test]
async fn a_statement_that_runs_for_too_long_is_stopped() {
    let fixture = Fixture::with(|limits| limits.statement_time = Duration::from_millis(50));
    let orders = fixture.orders().await;
    let began = Instant::now();
    let read = orders.rows(FOREVER, []).await;
    assert!(is_too_large(&read), "{read:?}");
    let written = orders.run(&format!("INSERT INTO t SELECT 'x', ({FOREVER})"), []).await;
    assert!(is_too_large(&written), "{written:?}");
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    let read = transaction.query(statement(FOREVER, [])).await;
    assert!(is_too_large(&read), "{read:?}");
    // A read that is stopped leaves the transaction as it was.
    transaction.execute(insert("a", 1)).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(1));
}

#[tokio::test]
async fn long_reads_leave_room_for_short_ones_and_for_writes() {
    let fixture = Fixture::with(|limits| limits.statement_time = Duration::from_secs(600));
    let orders = fixture.orders().await;
    let long: Vec<_> = (0..3)
        .map(|_| {
            let orders = Arc::clone(&orders);
            tokio::spawn(async move { orders.rows(FOREVER, []).await })
        })
        .collect();
    crate::let_tasks_run().await;
    for n in 0..10 {
        orders.must("INSERT INTO t VALUES ($1, 0)", [int(n)]).await;
        assert_eq!(orders.one("SELECT count(*) FROM t").await, int(n + 1));
    }
    // Their callers leave, so they are interrupted, and all readers are there again.
    long.into_iter().for_each(|task| task.abort());
    let reads: Vec<_> = (0..8)
        .map(|_| {
            let orders = Arc::clone(&orders);
            tokio::spawn(async move { orders.one("SELECT count(*) FROM t").await })
        })
        .collect();
    for read in reads {
        assert_eq!(read.await.unwrap(), int(10));
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_waits_for_too_long_is_busy() {
    let fixture = Fixture::with(|limits| {
        limits.readers_max = 0;
        limits.queue_jobs_max = 1;
    });
    let orders = fixture.orders().await;
    let waiting = {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move { orders.rows("SELECT 1", []).await })
    };
    crate::let_tasks_run().await;
    let began = tokio::time::Instant::now();
    assert_eq!(orders.rows("SELECT 1", []).await, Err(SqlError::Busy));
    assert_eq!(began.elapsed(), Duration::ZERO, "the queue is full");
    assert_eq!(waiting.await.unwrap(), Err(SqlError::Busy));
    assert_eq!(began.elapsed(), Duration::from_secs(10));
}

#[tokio::test]
async fn results_are_bounded() {
    let fixture = Fixture::with(|limits| limits.result_bytes_max = 10_000);
    let orders = fixture.orders().await;
    let of = |rows: u32| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
             SELECT i, 'xxxxxxxxxx' FROM n"
        )
    };
    let value = size_of::<Value>();
    let fits = u32::try_from(10_000 / (2 * value + 10)).unwrap();
    let read = orders.rows(&of(fits), []).await.unwrap();
    assert_eq!(read.rows.len(), fits as usize);
    assert!(is_too_large(&orders.rows(&of(fits + 1), []).await));
    let one = orders.rows("SELECT zeroblob(10000)", []).await;
    assert!(is_too_large(&one), "{one:?}");
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    let in_transaction = transaction.query(statement(&of(fits + 1), [])).await;
    assert!(is_too_large(&in_transaction));
}

#[tokio::test]
async fn values_are_bounded_as_parameters_and_as_results() {
    let fixture = Fixture::with(|limits| limits.value_bytes_max = 1000);
    let orders = fixture.orders().await;
    let long = "x".repeat(1001);
    orders.must("INSERT INTO t VALUES ('a', $1)", [text(&long[..900])]).await;
    for (sql, params) in [
        ("INSERT INTO t VALUES ('b', $1)", vec![text(&long)]),
        ("INSERT INTO t VALUES ('b', $1)", vec![Value::Blob(vec![0; 1001])]),
        ("INSERT INTO t VALUES ('b', zeroblob(1001))", vec![]),
        ("INSERT INTO t VALUES ('b', zeroblob(1000000000))", vec![]),
        ("INSERT INTO t SELECT 'b', n || n FROM t", vec![]),
    ] {
        let result = orders.execute(Caller::HOST, Statement::new(sql, params)).await;
        assert!(is_too_large(&result), "{sql}: {result:?}");
    }
    assert!(is_too_large(&orders.rows("SELECT hex(zeroblob(600))", []).await));
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(1));
}

#[tokio::test]
async fn statements_and_batches_are_bounded() {
    let fixture = Fixture::with(|limits| {
        limits.statement_bytes_max = 100;
        limits.batch_statements_max = 2;
    });
    let orders = fixture.orders().await;
    let padded = |length: usize| format!("SELECT 1{}", " ".repeat(length - 8));
    orders.rows(&padded(100), []).await.unwrap();
    assert!(is_too_large(&orders.rows(&padded(101), []).await));
    let three = vec![insert("a", 1), insert("b", 2), insert("c", 3)];
    assert!(is_too_large(&orders.batch(Caller::HOST, three).await));
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(0));
}

#[tokio::test]
async fn a_full_database_refuses_what_does_not_fit_and_nothing_else() {
    let fixture = Fixture::with(|limits| limits.database_bytes_max = 200 << 10);
    let orders = fixture.orders().await;
    let mut kept = 0;
    let error = loop {
        let filler = [int(kept), text(&"x".repeat(20 << 10))];
        match orders.run("INSERT INTO t VALUES ($1, $2)", filler).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    let full = SqlError::TooLarge("the database would be larger than 204800 bytes".to_owned());
    assert_eq!(error, full);
    assert!((5..10).contains(&kept), "{kept} rows were kept");
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(kept));

    // Several wait together: the one that does not fit fails, the others are done.
    let blocker = orders.begin(Caller::HOST).await.unwrap();
    let tasks: Vec<_> = [100_usize, 60 << 10, 200]
        .map(|length| {
            let orders = Arc::clone(&orders);
            let filler = [text(&format!("small {length}")), text(&"x".repeat(length))];
            tokio::spawn(async move { orders.run("INSERT INTO t VALUES ($1, $2)", filler).await })
        })
        .into();
    crate::let_tasks_run().await;
    drop(blocker);
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    assert_eq!(results, [Ok(1), Err(full), Ok(1)]);

    // What is deleted makes room, in a transaction as well.
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    transaction.execute(statement("DELETE FROM t", [])).await.unwrap();
    transaction.commit().await.unwrap();
    orders.must("INSERT INTO t VALUES ('again', $1)", [text(&"x".repeat(60 << 10))]).await;
}

#[tokio::test]
async fn a_batch_has_the_writer_for_no_longer_than_a_transaction() {
    let fixture = Fixture::with(|limits| {
        limits.statement_time = Duration::from_secs(600);
        limits.transaction_lease = Duration::from_millis(100);
    });
    let orders = fixture.orders().await;
    let began = Instant::now();
    let endless = statement(&format!("INSERT INTO t SELECT 'x', ({FOREVER})"), []);
    let batch = orders.batch(Caller::HOST, vec![insert("a", 1), endless, insert("b", 2)]).await;
    assert!(is_too_large(&batch), "{batch:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(0));
}
