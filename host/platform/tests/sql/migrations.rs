//! Migrations and seeds.

use std::time::Duration;

use thali_platform::sql::{
    ConstraintKind, MigrateError, Migration, MigrationReport, ScriptError, SeedError, SqlError,
};

use crate::{Fixture, Speak, int};

fn migration(name: &str, sql: &str) -> Migration {
    Migration { name: name.to_owned(), sql: sql.to_owned() }
}

fn first_two() -> Vec<Migration> {
    vec![
        migration("0001_a.sql", "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);"),
        migration("0002_b.sql", "-- why\nCREATE TABLE b (x INTEGER);"),
    ]
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[tokio::test]
async fn new_migrations_are_applied_once_and_in_order() {
    let fixture = Fixture::new();
    let orders = fixture.database("orders");
    let report = orders.migrate(&first_two()).await.unwrap();
    assert_eq!(report.applied, names(&["0001_a.sql", "0002_b.sql"]));
    assert_eq!(orders.migrate(&first_two()).await, Ok(MigrationReport::default()));

    let mut three = first_two();
    three.push(migration("0003_c.sql", "ALTER TABLE a ADD COLUMN y TEXT"));
    assert_eq!(orders.migrate(&three).await.unwrap().applied, names(&["0003_c.sql"]));
    assert_eq!(orders.one("SELECT count(y) + count(*) FROM a").await, int(1));
    assert_eq!(orders.migrate(&[]).await.unwrap().ahead.len(), 3);
}

#[tokio::test]
async fn an_older_revision_lives_with_a_schema_that_is_ahead() {
    let fixture = Fixture::new();
    let orders = fixture.database("orders");
    orders.migrate(&first_two()).await.unwrap();
    let report = orders.migrate(&first_two()[..1]).await.unwrap();
    assert_eq!(report, MigrationReport { applied: vec![], ahead: names(&["0002_b.sql"]) });
}

#[tokio::test]
async fn applied_migrations_may_neither_change_nor_go_nor_move() {
    let fixture = Fixture::new();
    let orders = fixture.database("orders");
    orders.migrate(&first_two()).await.unwrap();
    let new = migration("0003_c.sql", "CREATE TABLE c (x INTEGER)");
    let [one, two] = <[Migration; 2]>::try_from(first_two()).unwrap();

    let changed = Migration { sql: format!("{} ", one.sql), ..one.clone() };
    assert_eq!(
        orders.migrate(&[changed, two.clone(), new.clone()]).await,
        Err(MigrateError::Changed { name: one.name.clone() })
    );
    assert_eq!(
        orders.migrate(&[one.clone(), new.clone()]).await,
        Err(MigrateError::Missing { name: two.name.clone() })
    );
    assert_eq!(
        orders.migrate(&[one.clone(), new.clone(), two.clone()]).await,
        Err(MigrateError::Misplaced { name: new.name.clone(), before: two.name.clone() })
    );
    assert_eq!(
        orders.migrate(&[one.clone(), two.clone(), new.clone(), new.clone()]).await,
        Err(MigrateError::Duplicate { name: new.name.clone() })
    );
    assert!(orders.rows("SELECT * FROM c", []).await.is_err(), "nothing was done");
    assert_eq!(
        orders.migrate(&[one, two, new.clone()]).await.unwrap().applied,
        names(&["0003_c.sql"])
    );
}

#[tokio::test]
async fn a_migration_that_fails_changes_nothing_and_says_which_statement() {
    let fixture = Fixture::new();
    let orders = fixture.database("orders");
    orders.migrate(&first_two()).await.unwrap();
    let mut four = first_two();
    four.push(migration("0003_c.sql", "CREATE TABLE c (x INTEGER)"));
    four.push(migration(
        "0004_d.sql",
        "CREATE TABLE d (x INTEGER);\n-- the bad one; really\nCREATE TABLE d (\n  y TEXT\n);",
    ));
    let failed = orders.migrate(&four).await;
    assert_eq!(
        failed,
        Err(MigrateError::Failed {
            name: "0004_d.sql".to_owned(),
            error: ScriptError {
                number: 2,
                line: "CREATE TABLE d (".to_owned(),
                error: SqlError::Invalid("table d already exists (at byte 13)".to_owned()),
            }
        })
    );
    assert_eq!(
        failed.unwrap_err().to_string(),
        "migration 0004_d.sql: statement 2 (`CREATE TABLE d (`): table d already exists (at byte 13)"
    );
    for table in ["c", "d"] {
        assert!(orders.rows(&format!("SELECT * FROM {table}"), []).await.is_err(), "{table}");
    }
    four[3].sql = "CREATE TABLE d (x INTEGER)".to_owned();
    let report = orders.migrate(&four).await.unwrap();
    assert_eq!(report.applied, names(&["0003_c.sql", "0004_d.sql"]));
}

#[tokio::test]
async fn migrations_may_do_no_more_than_services_may() {
    let fixture = Fixture::new();
    let orders = fixture.database("orders");
    for sql in [
        "PRAGMA foreign_keys = OFF",
        "COMMIT; CREATE TABLE x (a INTEGER); BEGIN",
        "ATTACH ':memory:' AS x",
        "DELETE FROM _thali_migrations",
        "CREATE TRIGGER x AFTER INSERT ON a BEGIN DELETE FROM a; END",
        "INSERT INTO a VALUES ($1)",
        "SELECT 'unterminated",
    ] {
        let script = format!("CREATE TABLE a (x INTEGER); {sql}");
        let result = orders.migrate(&[migration("0001_x.sql", &script)]).await;
        let number = match result {
            Err(MigrateError::Failed { error, .. }) => error.number,
            other => panic!("{sql}: {other:?}"),
        };
        assert_eq!(number, 2, "{sql}");
        assert!(orders.rows("SELECT * FROM a", []).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn a_migration_that_runs_for_too_long_is_stopped() {
    let fixture = Fixture::with(|limits| limits.script_time = Duration::from_millis(50));
    let orders = fixture.database("orders");
    let endless = format!("CREATE TABLE a (x INTEGER); INSERT INTO a {}", crate::FOREVER);
    let result = orders.migrate(&[migration("0001_x.sql", &endless)]).await;
    assert!(
        matches!(
            result,
            Err(MigrateError::Failed {
                error: ScriptError { error: SqlError::TooLarge(_), .. },
                ..
            })
        ),
        "{result:?}"
    );
    orders.must("CREATE TABLE a (x INTEGER)", []).await;
}

#[tokio::test]
async fn empty_migrations_are_recorded_like_others() {
    let fixture = Fixture::new();
    let orders = fixture.database("orders");
    let empty = [migration("0001_nothing.sql", "-- nothing\n")];
    assert_eq!(orders.migrate(&empty).await.unwrap().applied.len(), 1);
    assert_eq!(orders.migrate(&empty).await.unwrap().applied.len(), 0);
}

#[tokio::test]
async fn a_seed_runs_once_and_all_or_none() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    let failed = orders.seed("INSERT INTO t VALUES ('a', 1); INSERT INTO t VALUES ('a', 2)").await;
    match failed {
        Err(SeedError::Failed(ScriptError { number: 2, error, .. })) => {
            let kind = ConstraintKind::Unique;
            assert_eq!(error, SqlError::Constraint { kind, name: "t.id".to_owned() });
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(0));
    assert_eq!(orders.seed("INSERT INTO t VALUES ('a', 1), ('b', 2);").await, Ok(true));
    assert_eq!(orders.seed("INSERT INTO t VALUES ('c', 3)").await, Ok(false));
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(2));
}

#[tokio::test]
async fn what_was_applied_is_known_after_a_restart() {
    let fixture = Fixture::new();
    let orders = fixture.database("orders");
    orders.migrate(&first_two()).await.unwrap();
    orders.seed("INSERT INTO b VALUES (1)").await.unwrap();
    let again = fixture.reopened();
    let orders = again.database(&"orders".parse().unwrap());
    assert_eq!(orders.migrate(&first_two()).await, Ok(MigrationReport::default()));
    assert_eq!(orders.seed("INSERT INTO b VALUES (1)").await, Ok(false));
    assert_eq!(orders.one("SELECT count(*) FROM b").await, int(1));
}
