//! Transactions as services hold them: they begin when they have to.

use std::sync::Arc;
use std::time::Duration;

use thali_platform::sql::{
    Caller, ConstraintKind, Database, SqlError, SqlLimits, Statement, Unit, Value,
};
use tokio::time::timeout;

use crate::{Fixture, Speak, insert, int, statement, text};

/// Long enough for what waits for nobody.
const SOON: Duration = Duration::from_secs(5);

fn unit(database: &Arc<Database>) -> Unit {
    Unit::new(Arc::clone(database), Caller::request(1))
}

fn note(key: &str) -> Statement {
    statement("INSERT INTO _thali_meta (key, value) VALUES ($1, '')", [text(key)])
}

fn update(id: &str, n: i64) -> Statement {
    statement("UPDATE t SET n = $2 WHERE id = $1", [text(id), int(n)])
}

async fn ids(database: &Database) -> Value {
    database.one("SELECT group_concat(id, ',') FROM (SELECT id FROM t ORDER BY id)").await
}

#[tokio::test]
async fn what_was_only_added_is_committed_together_and_announced() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let announcements = orders.announcements();
    let unit = unit(&orders);
    unit.add(insert("a", 1), None).unwrap();
    unit.add(update("a", 2), Some(1)).unwrap();
    unit.handle().host_add(note("told"), true, &SqlLimits::default()).unwrap();
    assert_eq!(ids(&orders).await, Value::Null);
    assert!(!announcements.has_changed().unwrap());
    unit.commit().await.unwrap();
    assert_eq!(orders.one("SELECT n FROM t WHERE id = 'a'").await, int(2));
    assert!(announcements.has_changed().unwrap());
}

#[tokio::test]
async fn one_that_only_adds_keeps_nobody_out() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let unit = unit(&orders);
    unit.add(insert("a", 1), None).unwrap();
    timeout(SOON, orders.must("INSERT INTO t VALUES ('b', 2)", [])).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(ids(&orders).await, text("a,b"));
}

#[tokio::test]
async fn a_statement_that_is_waited_for_sees_what_was_added_before() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let unit = unit(&orders);
    unit.add(insert("a", 1), None).unwrap();
    let rows = unit.query(statement("UPDATE t SET n = n + 1 RETURNING n", [])).await.unwrap();
    assert_eq!(rows.rows, [[int(2)]]);
    unit.add(insert("b", 1), None).unwrap();
    assert_eq!(unit.execute(statement("UPDATE t SET n = 9", [])).await, Ok(2));
    unit.add(insert("c", 1), None).unwrap();
    unit.commit().await.unwrap();
    assert_eq!(ids(&orders).await, text("a,b,c"));
}

#[tokio::test]
async fn a_statement_that_changes_another_number_of_rows_fails_everything() {
    for begins in [false, true] {
        let fixture = Fixture::new();
        let orders = fixture.orders().await;
        let announcements = orders.announcements();
        let unit = unit(&orders);
        unit.add(insert("a", 1), Some(1)).unwrap();
        if begins {
            unit.execute(insert("b", 1)).await.unwrap();
        }
        unit.add(update("nobody", 1), Some(1)).unwrap();
        unit.handle().host_add(note("told"), true, &SqlLimits::default()).unwrap();
        let rows = SqlError::Constraint { kind: ConstraintKind::Other, name: "rows".into() };
        assert_eq!(unit.commit().await, Err(rows), "{begins}");
        assert_eq!(ids(&orders).await, Value::Null);
        assert!(!announcements.has_changed().unwrap());
        timeout(SOON, orders.must("INSERT INTO t VALUES ('c', 1)", [])).await.unwrap();
    }
}

#[tokio::test]
async fn an_added_statement_that_fails_cannot_be_left_out_of_a_commit() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    orders.must("INSERT INTO t VALUES ('taken', 0)", []).await;
    let unit = unit(&orders);
    unit.add(insert("taken", 1), None).unwrap();
    let failed = unit.execute(insert("a", 1)).await;
    let kind = ConstraintKind::Unique;
    assert_eq!(failed, Err(SqlError::Constraint { kind, name: "t.id".into() }));
    assert!(matches!(unit.execute(insert("b", 1)).await, Err(SqlError::Unavailable(_))));
    assert!(matches!(unit.commit().await, Err(SqlError::Unavailable(_))));
    assert_eq!(ids(&orders).await, text("taken"));
}

#[tokio::test]
async fn a_service_may_not_touch_host_tables_beside_an_event() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let unit = unit(&orders);
    unit.handle().host_add(note("told"), true, &SqlLimits::default()).unwrap();
    unit.add(note("by the service"), None).unwrap();
    assert!(matches!(unit.commit().await, Err(SqlError::Invalid(_))));
    let notes = statement("SELECT max(key) FROM _thali_meta WHERE key = 'told'", []);
    assert_eq!(orders.host_query(notes).await.unwrap().rows, [[Value::Null]]);
}

#[tokio::test]
async fn one_that_is_dropped_or_rolled_back_leaves_nothing() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    for begins in [false, true] {
        for rolls_back in [false, true] {
            let unit = unit(&orders);
            unit.add(insert("a", 1), None).unwrap();
            if begins {
                unit.execute(insert("b", 1)).await.unwrap();
            }
            let handle = unit.handle();
            if rolls_back {
                unit.rollback().await.unwrap()
            } else {
                drop(unit)
            }
            timeout(SOON, orders.must("DELETE FROM t", [])).await.unwrap();
            assert!(
                handle.host_add(note("late"), true, &SqlLimits::default()).is_err() || begins,
                "{begins}"
            );
        }
    }
    assert_eq!(ids(&orders).await, Value::Null);
}

#[tokio::test]
async fn one_in_which_nothing_happened_commits() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    unit(&orders).commit().await.unwrap();
}

#[tokio::test]
async fn too_much_cannot_be_added() {
    let fixture = Fixture::with(|limits| limits.batch_statements_max = 3);
    let orders = fixture.orders().await;
    let unit = unit(&orders);
    for n in 0..3 {
        unit.add(insert(&n.to_string(), 1), None).unwrap();
    }
    let refused = unit.add(insert("3", 1), None);
    assert!(matches!(refused, Err(SqlError::TooLarge(_))), "{refused:?}");
    unit.execute(update("0", 2)).await.unwrap();
    unit.add(insert("3", 1), None).unwrap();
    unit.commit().await.unwrap();
    assert_eq!(ids(&orders).await, text("0,1,2,3"));
}

#[tokio::test]
async fn many_at_once_are_all_there_or_not_at_all() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let tasks: Vec<_> = (0..64_i64)
        .map(|n| {
            let unit = Unit::new(Arc::clone(&orders), Caller::request(n as u128 + 1));
            tokio::spawn(async move {
                unit.add(insert(&format!("{n}-a"), n), Some(1)).unwrap();
                if n % 2 == 0 {
                    unit.execute(insert(&format!("{n}-b"), n)).await.unwrap();
                } else {
                    unit.add(insert(&format!("{n}-b"), n), Some(1)).unwrap();
                }
                // Every third one fails at its end.
                unit.add(update(&format!("{n}-a"), -n), Some(u64::from(n % 3 != 0))).unwrap();
                unit.commit().await.is_ok()
            })
        })
        .collect();
    let mut committed = 0;
    for task in tasks {
        committed += i64::from(task.await.unwrap());
    }
    assert_eq!(committed, 64 - 22);
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(2 * committed));
    assert_eq!(orders.one("SELECT count(DISTINCT abs(n)) FROM t").await, int(committed));
}
