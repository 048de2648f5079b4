//! Transactions that a service holds open.

use std::sync::Arc;
use std::time::Duration;

use thali_platform::sql::{
    Caller, ConstraintKind, Ending, SqlError, Transaction, Unavailable, Value,
};
use tokio::time::Instant;

use crate::{FOREVER, Fixture, Speak, insert, int, let_tasks_run, statement, text};

fn over(ending: Ending) -> SqlError {
    SqlError::Unavailable(Unavailable::TransactionOver(ending))
}

async fn count(transaction: &Transaction) -> Value {
    let rows = transaction.query(statement("SELECT count(*) FROM t", [])).await.unwrap();
    rows.rows[0][0].clone()
}

#[tokio::test]
async fn a_transaction_sees_its_own_writes_and_others_see_them_after_the_commit() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    assert_eq!(transaction.execute(insert("a", 1)).await, Ok(1));
    let returned = transaction
        .query(statement("INSERT INTO t VALUES ('b', 2) RETURNING id, n", []))
        .await
        .unwrap();
    assert_eq!(returned.columns, ["id", "n"]);
    assert_eq!(returned.rows, [[text("b"), int(2)]]);
    assert_eq!(count(&transaction).await, int(2));
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(0));
    transaction.commit().await.unwrap();
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(2));
}

#[tokio::test]
async fn a_dropped_transaction_is_rolled_back() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    transaction.execute(insert("a", 1)).await.unwrap();
    drop(transaction);
    orders.must("INSERT INTO t VALUES ('b', 2)", []).await;
    assert_eq!(orders.one("SELECT group_concat(id) FROM t").await, text("b"));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_is_forgotten_is_rolled_back_when_its_lease_is_over() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let forgotten = orders.begin(Caller::HOST).await.unwrap();
    forgotten.execute(insert("a", 1)).await.unwrap();
    let began = Instant::now();
    // Waits as long as the lease and not longer, although nobody touches the transaction.
    let waiting = {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move { orders.run("INSERT INTO t VALUES ('b', 2)", []).await })
    };
    tokio::time::sleep(Duration::from_millis(4900)).await;
    assert!(!waiting.is_finished());
    waiting.await.unwrap().unwrap();
    assert_eq!(began.elapsed().as_secs(), 5);

    let expired = over(Ending::Expired(Duration::from_secs(5)));
    assert_eq!(forgotten.execute(insert("c", 3)).await, Err(expired.clone()));
    assert_eq!(forgotten.query(statement("SELECT 1", [])).await, Err(expired.clone()));
    assert_eq!(forgotten.commit().await, Err(expired));
    assert_eq!(orders.one("SELECT group_concat(id) FROM t").await, text("b"));
}

#[tokio::test]
async fn a_statement_does_not_outlive_the_lease_of_its_transaction() {
    let fixture = Fixture::with(|limits| {
        limits.transaction_lease = Duration::from_millis(100);
        limits.statement_time = Duration::from_secs(600);
    });
    let orders = fixture.orders().await;
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    transaction.execute(insert("a", 1)).await.unwrap();
    assert!(transaction.query(statement(FOREVER, [])).await.is_err());
    orders.must("INSERT INTO t VALUES ('b', 2)", []).await;
    assert_eq!(orders.one("SELECT group_concat(id) FROM t").await, text("b"));
}

#[tokio::test]
async fn a_statement_whose_caller_left_is_interrupted_and_its_transaction_ends() {
    let fixture = Fixture::with(|limits| {
        limits.transaction_lease = Duration::from_secs(600);
        limits.queue_time = Duration::from_secs(600);
        limits.statement_time = Duration::from_secs(600);
    });
    let orders = fixture.orders().await;
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    let task = tokio::spawn(async move { transaction.query(statement(FOREVER, [])).await });
    let_tasks_run().await;
    task.abort();
    orders.must("INSERT INTO t VALUES ('b', 2)", []).await;
}

#[tokio::test]
async fn writes_and_transactions_have_their_turn_in_the_order_they_came() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let first = orders.begin(Caller::HOST).await.unwrap();
    let before = {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move { orders.must("INSERT INTO t VALUES ('before', 1)", []).await })
    };
    let_tasks_run().await;
    let second = {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move { orders.begin(Caller::HOST).await })
    };
    let_tasks_run().await;
    let after = {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move { orders.must("INSERT INTO t VALUES ('after', 1)", []).await })
    };
    let_tasks_run().await;
    drop(first);
    let second = second.await.unwrap().unwrap();
    assert_eq!(count(&second).await, int(1), "what waited longer is done, what came later is not");
    assert!(!after.is_finished());
    second.commit().await.unwrap();
    before.await.unwrap();
    after.await.unwrap();
}

#[tokio::test]
async fn a_request_does_not_wait_for_its_own_transaction() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let (mine, other) = (Caller::request(1), Caller::request(2));
    let transaction = orders.begin(mine).await.unwrap();
    assert!(matches!(orders.execute(mine, insert("a", 1)).await, Err(SqlError::Invalid(_))));
    assert!(matches!(orders.batch(mine, vec![]).await, Err(SqlError::Invalid(_))));
    assert!(matches!(orders.begin(mine).await, Err(SqlError::Invalid(_))));
    let waiting = {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move { orders.execute(other, insert("b", 2)).await })
    };
    transaction.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(1));
    assert_eq!(orders.execute(mine, insert("a", 1)).await, Ok(1));
}

#[tokio::test]
async fn an_error_leaves_a_transaction_open_unless_it_undid_it() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    transaction.execute(insert("a", 1)).await.unwrap();
    assert!(transaction.execute(insert("a", 1)).await.is_err());
    assert!(transaction.execute(statement("SELEKT", [])).await.is_err());
    assert_eq!(count(&transaction).await, int(1));
    let fatal = statement("INSERT OR ROLLBACK INTO t VALUES ('a', 2)", []);
    assert!(matches!(transaction.execute(fatal).await, Err(SqlError::Constraint { .. })));
    assert!(matches!(
        transaction.execute(insert("b", 2)).await,
        Err(SqlError::Unavailable(Unavailable::TransactionOver(Ending::Failed(_))))
    ));
    assert!(transaction.commit().await.is_err());
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(0));
}

#[tokio::test]
async fn a_commit_that_fails_rolls_back() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    orders
        .must("CREATE TABLE u (t TEXT REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)", [])
        .await;
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    transaction.execute(statement("INSERT INTO u VALUES ('missing')", [])).await.unwrap();
    let failed = transaction.commit().await;
    assert!(
        matches!(failed, Err(SqlError::Constraint { kind: ConstraintKind::ForeignKey, .. })),
        "{failed:?}"
    );
    orders.must("INSERT INTO t VALUES ('a', 1)", []).await;
    assert_eq!(orders.one("SELECT count(*) FROM u").await, int(0));
}

#[tokio::test]
async fn a_query_in_a_transaction_must_return_rows() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    assert!(matches!(transaction.query(insert("a", 1)).await, Err(SqlError::Invalid(_))));
    assert_eq!(count(&transaction).await, int(0));
}
