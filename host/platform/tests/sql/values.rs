//! Values and parameters, there and back.

use thali_platform::sql::{SqlError, Value};

use crate::{Fixture, Speak, int, text};

#[tokio::test]
async fn every_kind_of_value_reads_back_as_it_was_written() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let create = "CREATE TABLE v (b BOOLEAN, i BIGINT, r DOUBLE PRECISION, t TEXT, x BYTEA)";
    orders.must(create, []).await;
    let rows: [[Value; 5]; 4] = [
        [
            Value::Boolean(true),
            int(i64::MAX),
            Value::Real(1.5),
            text("é \u{1f35b}"),
            blob(&[0, 255]),
        ],
        [Value::Boolean(false), int(i64::MIN), Value::Real(-0.1), text(""), blob(&[])],
        [Value::Null, int(0), Value::Real(f64::INFINITY), text("1"), blob(&[1])],
        [Value::Boolean(true), int(1), Value::Real(3.0), text("'; --"), Value::Null],
    ];
    for row in rows.clone() {
        orders.must("INSERT INTO v VALUES ($1, $2, $3, $4, $5)", row).await;
    }
    let read = orders.rows("SELECT * FROM v", []).await.unwrap();
    assert_eq!(read.columns, ["b", "i", "r", "t", "x"]);
    assert_eq!(read.rows, rows);
}

fn blob(bytes: &[u8]) -> Value {
    Value::Blob(bytes.to_vec())
}

#[tokio::test]
async fn booleans_are_known_by_the_declaration_of_their_column() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    orders.must("CREATE TABLE b (yes boolean, short BOOL, n INTEGER)", []).await;
    orders.must("CREATE VIEW w AS SELECT yes AS named FROM b", []).await;
    orders.must("INSERT INTO b VALUES (TRUE, FALSE, 1)", []).await;
    let t = Value::Boolean(true);
    assert_eq!(orders.one("SELECT yes FROM b").await, t);
    assert_eq!(orders.one("SELECT short FROM b").await, Value::Boolean(false));
    assert_eq!(orders.one("SELECT named FROM w").await, t);
    assert_eq!(orders.one("SELECT x FROM (SELECT yes AS x FROM b)").await, t);
    assert_eq!(orders.one("SELECT n FROM b").await, int(1));
    assert_eq!(orders.one("SELECT max(yes) FROM b").await, int(1));
    let found = orders.rows("SELECT n FROM b WHERE yes = $1 AND NOT short", [t]).await.unwrap();
    assert_eq!(found.rows.len(), 1);
    orders.must("UPDATE b SET yes = 7", []).await;
    assert_eq!(orders.one("SELECT yes FROM b").await, int(7));
}

#[tokio::test]
async fn an_empty_result_has_its_columns() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let empty = orders.rows("SELECT id, n AS number FROM t", []).await.unwrap();
    assert_eq!(empty.columns, ["id", "number"]);
    assert!(empty.rows.is_empty());
}

#[tokio::test]
async fn parameters_go_by_their_number_not_by_their_place() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let read = orders
        .rows(
            "SELECT $2, $1, $2 || $1, $10",
            [
                text("a"),
                text("b"),
                Value::Null,
                Value::Null,
                Value::Null,
                Value::Null,
                Value::Null,
                Value::Null,
                Value::Null,
                text("ten"),
            ],
        )
        .await;
    assert!(matches!(read, Err(SqlError::Invalid(_))), "$3 to $9 are not there");
    let read = orders.rows("SELECT $2, $1, $2 || $1", [text("a"), text("b")]).await.unwrap();
    assert_eq!(read.rows, [[text("b"), text("a"), text("ba")]]);
}

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    for (sql, params, message) in [
        ("SELECT $1", vec![], "takes 1 parameters, 0 were given"),
        ("SELECT 1", vec![int(1)], "takes 0 parameters, 1 were given"),
        ("SELECT $1", vec![int(1), int(2)], "takes 1 parameters, 2 were given"),
        ("SELECT $1, $3", vec![int(1), int(2)], "takes 3 parameters, 2 were given"),
        ("SELECT $1, $3", vec![int(1), int(2), int(3)], "takes 2 parameters, 3 were given"),
        ("SELECT ?", vec![int(1)], "?: parameters are written $1"),
        ("SELECT ?1", vec![int(1)], "?1: parameters are written $1"),
        ("SELECT :a", vec![int(1)], ":a: parameters are written $1"),
        ("SELECT @a", vec![int(1)], "@a: parameters are written $1"),
        ("SELECT $a", vec![int(1)], "$a: parameters are written $1"),
        ("SELECT $0", vec![int(1)], "$0: parameters are written $1"),
        ("SELECT $01", vec![int(1)], "$01: parameters are written $1"),
        ("SELECT $1::text", vec![int(1)], "$1::text: parameters are written $1"),
        ("SELECT $99999999999999999999", vec![int(1)], "parameters are written $1"),
        ("SELECT $1", vec![Value::Real(f64::NAN)], "$1 is not a number"),
        ("SELECT $1", vec![text("a\0b")], "$1 holds a NUL character"),
    ] {
        match orders.query(thali_platform::sql::Statement::new(sql, params)).await {
            Err(SqlError::Invalid(said)) => assert!(said.contains(message), "{sql}: {said}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn text_that_is_no_text_is_refused() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let read = orders.rows("SELECT 1, CAST(x'ff' AS TEXT)", []).await;
    assert_eq!(read, Err(SqlError::Invalid("column 2 holds no valid UTF-8".to_owned())));
}

#[tokio::test]
async fn a_statement_kept_from_before_a_schema_change_has_the_columns_of_after() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    orders.must("INSERT INTO t VALUES ('a', 1)", []).await;
    let before = orders.rows("SELECT * FROM t", []).await.unwrap();
    orders.must("ALTER TABLE t ADD COLUMN open BOOLEAN DEFAULT TRUE", []).await;
    let after = orders.rows("SELECT * FROM t", []).await.unwrap();
    assert_eq!((before.columns.len(), after.columns.len()), (2, 3));
    assert_eq!(after.rows, [[text("a"), int(1), Value::Boolean(true)]]);
}
