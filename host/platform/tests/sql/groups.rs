//! Writes and transactions that share a commit.

use std::sync::Arc;
use std::time::Duration;

use thali_platform::sql::{Caller, ConstraintKind, Database, SqlError, Transaction};
use tokio::task::JoinHandle;

use crate::{Fixture, Speak, bytes_of, insert, int, let_tasks_run, statement, text};

const HOUR: Duration = Duration::from_secs(3600);

/// Databases whose groups end only when nobody waits.
fn patient() -> Fixture {
    Fixture::with(|limits| {
        limits.group_time = HOUR;
        limits.group_entry_time = HOUR;
        limits.transaction_lease = HOUR;
        limits.queue_time = HOUR;
    })
}

/// Two transactions of one group: the second has its turn as soon as the first is finished.
async fn pair(database: &Arc<Database>) -> (Transaction, JoinHandle<Transaction>) {
    let first = database.begin(Caller::HOST).await.unwrap();
    let waiting = Arc::clone(database);
    let second = tokio::spawn(async move { waiting.begin(Caller::HOST).await.unwrap() });
    let_tasks_run().await;
    (first, second)
}

async fn ids(database: &Database) -> thali_platform::sql::Value {
    database.one("SELECT coalesce(group_concat(id), '') FROM (SELECT id FROM t ORDER BY id)").await
}

#[tokio::test]
async fn a_commit_is_answered_when_the_whole_group_is_durable() {
    let fixture = patient();
    let orders = fixture.orders().await;
    let (first, second) = pair(&orders).await;
    first.execute(insert("a", 1)).await.unwrap();
    let first = tokio::spawn(first.commit());
    let second = second.await.unwrap();
    let seen = second.query(statement("SELECT count(*) FROM t", [])).await.unwrap();
    assert_eq!(seen.rows, [[int(1)]], "a transaction sees the neighbours before it");
    assert!(!first.is_finished());
    assert_eq!(ids(&orders).await, text(""), "nobody else sees what is not durable");
    second.execute(insert("b", 2)).await.unwrap();
    second.commit().await.unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(ids(&orders).await, text("a,b"));
}

#[tokio::test]
async fn a_transaction_that_is_rolled_back_waits_for_what_it_has_seen() {
    let fixture = patient();
    let orders = fixture.orders().await;
    let (first, second) = pair(&orders).await;
    first.execute(insert("a", 1)).await.unwrap();
    let first = tokio::spawn(first.commit());
    let second = second.await.unwrap();
    let third = {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move { orders.begin(Caller::HOST).await.unwrap() })
    };
    let_tasks_run().await;
    second.execute(insert("gone", 2)).await.unwrap();
    let second = tokio::spawn(second.rollback());
    let third = third.await.unwrap();
    assert!(!first.is_finished() && !second.is_finished());
    drop(third);
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(ids(&orders).await, text("a"));
}

#[tokio::test]
async fn a_write_is_told_of_a_neighbours_row_when_that_row_is_durable() {
    let fixture = patient();
    let orders = fixture.orders().await;
    let (first, second) = pair(&orders).await;
    let [same, other] = [insert("a", 2), statement("SELEKT", [])].map(|statement| {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move { orders.execute(Caller::HOST, statement).await })
    });
    let_tasks_run().await;
    let third = {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move { orders.begin(Caller::HOST).await.unwrap() })
    };
    let_tasks_run().await;
    first.execute(insert("a", 1)).await.unwrap();
    let first = tokio::spawn(first.commit());
    drop(second.await.unwrap());
    let third = third.await.unwrap();
    assert!(matches!(other.await.unwrap(), Err(SqlError::Invalid(_))));
    assert!(!first.is_finished() && !same.is_finished());
    drop(third);
    first.await.unwrap().unwrap();
    assert!(matches!(same.await.unwrap(), Err(SqlError::Constraint { .. })));
}

#[tokio::test]
async fn when_all_is_undone_writes_are_done_again_and_transactions_are_busy() {
    let fixture = patient();
    let orders = fixture.orders().await;
    let (first, second) = pair(&orders).await;
    let write = {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move { orders.execute(Caller::HOST, insert("write", 1)).await })
    };
    let_tasks_run().await;
    let third = {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move { orders.begin(Caller::HOST).await.unwrap() })
    };
    let_tasks_run().await;
    first.execute(insert("a", 1)).await.unwrap();
    let first = tokio::spawn(first.commit());
    drop(second.await.unwrap());
    let third = third.await.unwrap();
    let fatal = statement("INSERT OR ROLLBACK INTO t VALUES ('a', 2)", []);
    assert!(third.execute(fatal).await.is_err());
    assert_eq!(first.await.unwrap(), Err(SqlError::Busy));
    assert_eq!(write.await.unwrap(), Ok(1));
    assert!(third.commit().await.is_err());
    assert_eq!(ids(&orders).await, text("write"));
}

#[tokio::test]
async fn a_deferred_constraint_fails_only_the_transaction_that_broke_it() {
    let fixture = patient();
    let orders = fixture.orders().await;
    orders
        .must("CREATE TABLE u (t TEXT REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)", [])
        .await;
    let (first, second) = pair(&orders).await;
    first.execute(statement("INSERT INTO u VALUES ('a')", [])).await.unwrap();
    first.execute(insert("a", 1)).await.unwrap();
    first.commit().await.unwrap();
    let second = second.await.unwrap();
    let write = {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move { orders.execute(Caller::HOST, insert("b", 2)).await })
    };
    let_tasks_run().await;
    second.execute(statement("INSERT INTO u VALUES ('missing')", [])).await.unwrap();
    let broken = second.commit().await;
    assert!(
        matches!(broken, Err(SqlError::Constraint { kind: ConstraintKind::ForeignKey, .. })),
        "{broken:?}"
    );
    assert_eq!(write.await.unwrap(), Ok(1));
    assert_eq!(orders.one("SELECT group_concat(t) FROM u").await, text("a"));
}

#[tokio::test]
async fn transactions_that_wait_together_share_a_flush() {
    let fixture = patient();
    let orders = fixture.orders().await;
    orders.must("INSERT INTO t VALUES ('n', 0)", []).await;
    let log = fixture.file("orders").with_extension("sqlite-wal");
    let before = bytes_of(&log);
    let blocker = orders.begin(Caller::HOST).await.unwrap();
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let orders = Arc::clone(&orders);
            tokio::spawn(async move {
                let transaction = orders.begin(Caller::HOST).await?;
                transaction.execute(statement("UPDATE t SET n = n + 1", [])).await?;
                transaction.commit().await
            })
        })
        .collect();
    let_tasks_run().await;
    drop(blocker);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(orders.one("SELECT n FROM t").await, int(50));
    let pages = (bytes_of(&log) - before) / 4096;
    assert!((1..10).contains(&pages), "{pages} pages");
}

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

const INCREMENT: &str = "UPDATE t SET n = n + 1 WHERE id = $1";

/// One of the things that a service does to its counter; answers by how much it was told it grew.
async fn step(database: &Database, counter: &str, roll: u64) -> i64 {
    let increment = || statement(INCREMENT, [text(counter)]);
    let fatal = || statement("INSERT OR ROLLBACK INTO t VALUES ($1, 0)", [text(counter)]);
    match roll {
        0 | 1 => database.execute(Caller::HOST, increment()).await.map_or(0, |_| 1),
        2 => {
            let batch = vec![increment(), increment()];
            database.batch(Caller::HOST, batch).await.map_or(0, |_| 2)
        }
        3 => {
            let batch = vec![increment(), insert(counter, 0)];
            assert!(database.batch(Caller::HOST, batch).await.is_err());
            0
        }
        4 => {
            assert!(database.batch(Caller::HOST, vec![increment(), fatal()]).await.is_err());
            0
        }
        _ => in_transaction(database, increment, fatal, roll).await.unwrap_or(0),
    }
}

async fn in_transaction(
    database: &Database,
    increment: impl Fn() -> thali_platform::sql::Statement,
    fatal: impl Fn() -> thali_platform::sql::Statement,
    roll: u64,
) -> Result<i64, SqlError> {
    let transaction = database.begin(Caller::HOST).await?;
    transaction.execute(increment()).await?;
    match roll {
        5 => drop(transaction),
        6 => transaction.rollback().await?,
        7 => {
            assert!(transaction.execute(fatal()).await.is_err());
            assert!(transaction.commit().await.is_err());
        }
        _ => {
            transaction.execute(increment()).await?;
            return transaction.commit().await.map(|()| 2);
        }
    }
    Ok(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_and_nothing_else() {
    let seed: u64 = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos().into();
    println!("seed {seed}");
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    for counter in 0..32 {
        orders.must("INSERT INTO t VALUES ($1, 0)", [text(&counter.to_string())]).await;
    }
    let tasks: Vec<_> = (0..32u64)
        .map(|number| {
            let orders = Arc::clone(&orders);
            let mut dice = Dice(seed ^ (number << 40));
            tokio::spawn(async move {
                let (counter, mut acknowledged) = (number.to_string(), 0);
                for _ in 0..40 {
                    acknowledged += step(&orders, &counter, dice.roll(16)).await;
                }
                (counter, acknowledged)
            })
        })
        .collect();
    let restarted = fixture.reopened().database(&"orders".parse().unwrap());
    for task in tasks {
        let (counter, acknowledged) = task.await.unwrap();
        let rows = restarted.rows("SELECT n FROM t WHERE id = $1", [text(&counter)]).await.unwrap();
        assert_eq!(rows.rows, [[int(acknowledged)]], "counter {counter}, seed {seed}");
    }
}
