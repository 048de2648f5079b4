//! What the host itself keeps in a service's database.

use thali_platform::sql::{Caller, Ending, SqlError, SqlLimits, Statement, Unavailable};

use crate::{Fixture, Speak, insert, int, statement, text};

fn note(key: &str) -> Statement {
    statement("INSERT INTO _thali_meta (key, value) VALUES ($1, 'x')", [text(key)])
}

fn notes() -> Statement {
    statement("SELECT group_concat(key) FROM _thali_meta", [])
}

#[tokio::test]
async fn the_host_writes_and_reads_tables_that_no_service_sees() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    assert_eq!(orders.host_batch(vec![note("a"), note("b")], false).await, Ok(vec![1, 1]));
    assert_eq!(orders.host_query(notes()).await.unwrap().rows, [[text("a,b")]]);
    for text in [notes().sql, note("c").sql, format!("/*_thali_*/{}", notes().sql)] {
        let query = orders.rows(&text, []).await;
        assert!(matches!(query, Err(SqlError::Invalid(_))), "{text}: {query:?}");
        let execute = orders.run(&text, []).await;
        assert!(matches!(execute, Err(SqlError::Invalid(_))), "{text}: {execute:?}");
    }
}

#[tokio::test]
async fn a_batch_of_the_host_is_done_all_or_none() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let failed = orders.host_batch(vec![note("a"), note("a")], true).await;
    assert!(matches!(failed, Err(SqlError::Constraint { .. })), "{failed:?}");
    assert_eq!(
        orders.host_query(notes()).await.unwrap().rows,
        [[thali_platform::sql::Value::Null]]
    );
    assert!(!orders.announcements().has_changed().unwrap());
}

#[tokio::test]
async fn a_commit_is_announced_when_it_is_asked_for_and_only_then() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let mut announcements = orders.announcements();
    orders.host_batch(vec![note("silent")], false).await.unwrap();
    orders.must("INSERT INTO t VALUES ('a', 1)", []).await;
    assert!(!announcements.has_changed().unwrap());
    orders.host_batch(vec![note("loud")], true).await.unwrap();
    assert!(announcements.has_changed().unwrap());
    announcements.mark_unchanged();

    let transaction = orders.begin(Caller::HOST).await.unwrap();
    transaction.handle().host_add(note("inside"), true, &SqlLimits::default()).unwrap();
    assert!(!announcements.has_changed().unwrap(), "it is not durable yet");
    transaction.commit().await.unwrap();
    assert!(announcements.has_changed().unwrap());
}

#[tokio::test]
async fn what_the_host_writes_in_a_transaction_vanishes_with_it() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let announcements = orders.announcements();
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    let handle = transaction.handle();
    transaction.execute(insert("a", 1)).await.unwrap();
    handle.host_add(note("gone"), true, &SqlLimits::default()).unwrap();
    let hidden = transaction.query(notes()).await;
    assert!(matches!(hidden, Err(SqlError::Invalid(_))), "{hidden:?}");
    drop(transaction);
    let over = handle.host_add(note("late"), true, &SqlLimits::default());
    assert_eq!(over, Err(SqlError::Unavailable(Unavailable::TransactionOver(Ending::RolledBack))));
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(0));
    assert_eq!(
        orders.host_query(notes()).await.unwrap().rows,
        [[thali_platform::sql::Value::Null]]
    );
    assert!(!announcements.has_changed().unwrap());
}

#[tokio::test]
async fn what_waits_in_a_transaction_is_bounded() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let limits = SqlLimits { queue_bytes_max: 1_000, ..SqlLimits::default() };
    let transaction = orders.begin(Caller::HOST).await.unwrap();
    let handle = transaction.handle();
    let added = (0..100).map(|_| handle.host_add(note("many"), true, &limits)).collect::<Vec<_>>();
    assert!(added[0].is_ok());
    assert!(matches!(added[99], Err(SqlError::TooLarge(_))), "{:?}", added[99]);
}

#[tokio::test]
async fn a_request_does_not_wait_for_the_transaction_that_it_has_open_elsewhere() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let (one, other) = (Caller::request(1), Caller::request(2));
    let transaction = orders.begin(one).await.unwrap();
    let refused = orders.host_batch_for(one, vec![note("own")], true).await;
    assert!(matches!(refused, Err(SqlError::Invalid(_))), "{refused:?}");
    drop(transaction);
    assert_eq!(orders.host_batch_for(other, vec![note("other")], true).await, Ok(vec![1]));
    assert_eq!(orders.host_query(notes()).await.unwrap().rows, [[text("other")]]);
}
