//! Violated constraints are told apart, with the name the database has for them.

use thali_platform::sql::{ConstraintKind, SqlError};

use crate::{Fixture, Speak};

#[tokio::test]
async fn every_kind_of_constraint_has_its_name() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    for sql in [
        "CREATE TABLE d (
            id TEXT PRIMARY KEY,
            phone TEXT UNIQUE,
            seats INTEGER NOT NULL,
            a INTEGER, b INTEGER,
            rating INTEGER CHECK (rating <= 5),
            CONSTRAINT few_seats CHECK (seats < 9),
            UNIQUE (a, b)
        )",
        "CREATE UNIQUE INDEX d_sum ON d (a + b)",
        "CREATE TABLE o (d TEXT REFERENCES d (id))",
        "CREATE TABLE k (n INTEGER PRIMARY KEY)",
        "INSERT INTO d VALUES ('1', '555', 4, 1, 2, 5)",
        "INSERT INTO k VALUES (1)",
        "INSERT INTO o VALUES ('1')",
    ] {
        orders.must(sql, []).await;
    }
    for (sql, kind, name) in [
        ("INSERT INTO d VALUES ('1', '0', 4, 3, 4, 5)", ConstraintKind::Unique, "d.id"),
        ("INSERT INTO d VALUES ('2', '555', 4, 3, 4, 5)", ConstraintKind::Unique, "d.phone"),
        ("INSERT INTO d VALUES ('2', '0', 4, 1, 2, 5)", ConstraintKind::Unique, "d_sum"),
        ("UPDATE k SET n = 1 WHERE n = 1", ConstraintKind::Other, ""),
        ("INSERT INTO k VALUES (1)", ConstraintKind::Unique, "k.n"),
        ("INSERT INTO d VALUES ('2', '0', NULL, 3, 4, 5)", ConstraintKind::NotNull, "d.seats"),
        ("INSERT INTO d VALUES ('2', '0', 4, 3, 4, 6)", ConstraintKind::Check, "rating <= 5"),
        ("INSERT INTO d VALUES ('2', '0', 9, 3, 4, 5)", ConstraintKind::Check, "few_seats"),
        ("INSERT INTO o VALUES ('9')", ConstraintKind::ForeignKey, ""),
        ("DELETE FROM d WHERE id = '1'", ConstraintKind::ForeignKey, ""),
    ] {
        let result = orders.run(sql, []).await;
        if kind == ConstraintKind::Other {
            assert_eq!(result, Ok(1), "{sql}");
            continue;
        }
        assert_eq!(result, Err(SqlError::Constraint { kind, name: name.to_owned() }), "{sql}");
    }
    orders.must("DROP INDEX d_sum", []).await;
    assert_eq!(
        orders.run("INSERT INTO d VALUES ('2', '0', 4, 1, 2, 5)", []).await,
        Err(SqlError::Constraint { kind: ConstraintKind::Unique, name: "d.a, d.b".to_owned() })
    );
}
