//! What services may not say.

use thali_platform::sql::{Caller, SqlError};

use crate::{Fixture, Speak, int, statement, text};

const REFUSED: &[(&str, &str)] = &[
    ("ATTACH '/tmp/other.sqlite' AS other", "ATTACH"),
    ("ATTACH ':memory:' AS other", "ATTACH"),
    ("DETACH main", "ATTACH"),
    ("VACUUM", "VACUUM"),
    ("VACUUM INTO '/tmp/thali-copy.sqlite'", "VACUUM"),
    ("PRAGMA synchronous = OFF", "PRAGMA"),
    ("PRAGMA journal_mode = DELETE", "PRAGMA"),
    ("PRAGMA foreign_keys = OFF", "PRAGMA"),
    ("PRAGMA defer_foreign_keys = ON", "PRAGMA"),
    ("PRAGMA writable_schema = ON", "PRAGMA"),
    ("PRAGMA user_version", "PRAGMA"),
    ("SELECT * FROM pragma_table_info('t')", "PRAGMA"),
    ("SELECT * FROM pragma_database_list", "PRAGMA"),
    ("SELECT load_extension('/tmp/x.so')", "load_extension"),
    ("SELECT fts3_tokenizer('simple')", "full-text"),
    ("SELECT hex(FTS3_Tokenizer('simple', x'00'))", "full-text"),
    ("SELECT * FROM fts3tokenize WHERE input = 'a b'", "full-text"),
    ("SELECT last_insert_rowid()", "RETURNING"),
    ("SELECT changes()", "RETURNING"),
    ("SELECT total_changes()", "RETURNING"),
    ("BEGIN", "BEGIN"),
    ("BEGIN IMMEDIATE", "BEGIN"),
    ("COMMIT", "BEGIN"),
    ("END", "BEGIN"),
    ("ROLLBACK", "BEGIN"),
    ("SAVEPOINT a", "BEGIN"),
    ("RELEASE job", "BEGIN"),
    ("ROLLBACK TO job", "BEGIN"),
    ("CREATE TEMP TABLE x (a)", "temporary"),
    ("CREATE TEMP VIEW x AS SELECT 1", "temporary"),
    ("CREATE TABLE temp.x (a)", "temporary"),
    ("CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END", "triggers"),
    ("CREATE VIRTUAL TABLE x USING fts5(a)", "virtual"),
    ("CREATE VIRTUAL TABLE x USING rtree(a, b, c)", "virtual"),
    ("ANALYZE", "ANALYZE"),
    ("REINDEX", "ANALYZE"),
    ("SELECT * FROM sqlite_schema", "SQLite's own"),
    ("SELECT name FROM sqlite_master", "SQLite's own"),
    ("DELETE FROM sqlite_master", "table sqlite_master may not be modified"),
    ("SELECT * FROM dbstat", "SQLite's own"),
    ("SELECT * FROM _thali_migrations", "_thali_"),
    ("SELECT name FROM main._THALI_migrations", "_thali_"),
    ("SELECT count(*) FROM _thali_migrations", "_thali_"),
    ("SELECT (SELECT value FROM _thali_meta)", "_thali_"),
    ("INSERT INTO _thali_meta VALUES ('a', 'b')", "_thali_"),
    ("UPDATE _thali_migrations SET checksum = ''", "_thali_"),
    ("DELETE FROM _thali_migrations", "_thali_"),
    ("DROP TABLE _thali_migrations", "_thali_"),
    ("ALTER TABLE _thali_meta RENAME TO x", "_thali_"),
    ("ALTER TABLE t RENAME TO _thali_events", "_thali_"),
    ("ALTER TABLE t RENAME TO \"_Thali_mine\"", "_thali_"),
    ("CREATE TABLE _thali_events (a)", "_thali_"),
    ("CREATE VIEW x AS SELECT * FROM _thali_meta", "_thali_"),
    ("CREATE VIEW _thali_x AS SELECT 1", "_thali_"),
    ("CREATE INDEX x ON _thali_meta (value)", "_thali_"),
    ("CREATE TABLE x (a REFERENCES _thali_meta (key))", "_thali_"),
    ("CREATE TABLE x AS SELECT * FROM _thali_meta", "_thali_"),
    ("INSERT INTO t SELECT key, 1 FROM _thali_meta", "_thali_"),
    ("SELECT 1; SELECT 2", "one statement"),
    ("DELETE FROM t; DELETE FROM t", "one statement"),
    ("SELECT 1; garbage", "syntax error"),
    ("SELECT 1\0; DELETE FROM t", "NUL"),
    ("", "no statement"),
    (" -- only a comment", "no statement"),
    (";", "no statement"),
    ("SELEKT 1", "syntax error"),
    ("SELECT nope FROM t", "no such column: nope (at byte 7)"),
    ("SELECT \"x\" FROM t", "no such column"),
    ("SELECT nope(1)", "no such function: nope"),
];

#[tokio::test]
async fn what_services_may_not_say_is_refused_everywhere_and_changes_nothing() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    orders.must("INSERT INTO t VALUES ('a', 1)", []).await;
    for &(sql, reason) in REFUSED {
        let transaction = orders.begin(Caller::HOST).await.unwrap();
        let in_transaction = [
            transaction.query(statement(sql, [])).await.map(drop),
            transaction.execute(statement(sql, [])).await.map(drop),
        ];
        drop(transaction);
        let outside = [
            orders.execute(Caller::HOST, statement(sql, [])).await.map(drop),
            orders.batch(Caller::HOST, vec![statement(sql, [])]).await.map(drop),
        ];
        for result in in_transaction.into_iter().chain(outside) {
            match result {
                Err(SqlError::Invalid(message)) => {
                    let said = message.contains(reason) || message.contains("returns no rows");
                    assert!(said, "{sql}: {message}");
                }
                other => panic!("{sql}: {other:?}"),
            }
        }
        let query = orders.query(statement(sql, [])).await;
        assert!(matches!(query, Err(SqlError::Invalid(_))), "{sql}: {query:?}");
    }
    assert_eq!(orders.one("SELECT group_concat(id) FROM t").await, text("a"));
    // The settings still hold.
    orders.must("CREATE TABLE u (t TEXT REFERENCES t (id))", []).await;
    assert!(orders.run("INSERT INTO u VALUES ('missing')", []).await.is_err());
}

#[tokio::test]
async fn a_query_only_reads() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    for sql in [
        "INSERT INTO t VALUES ('a', 1)",
        "INSERT INTO t VALUES ('a', 1) RETURNING id",
        "DELETE FROM t",
        "CREATE TABLE x (a INTEGER)",
        "WITH x AS (SELECT 1) UPDATE t SET n = 1 RETURNING n",
    ] {
        let result = orders.rows(sql, []).await;
        assert!(matches!(result, Err(SqlError::Invalid(_))), "{sql}: {result:?}");
    }
    let select = orders.run("SELECT 1", []).await;
    assert_eq!(select, Err(SqlError::Invalid("the statement only reads: use query".to_owned())));
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(0));
}

#[tokio::test]
async fn what_services_need_is_allowed() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    for sql in [
        "CREATE TABLE u (id TEXT PRIMARY KEY, t TEXT REFERENCES t (id) ON DELETE CASCADE)",
        "CREATE UNIQUE INDEX u_t ON u (t)",
        "CREATE INDEX IF NOT EXISTS u_t ON u (t)",
        "CREATE TABLE IF NOT EXISTS u (id TEXT)",
        "CREATE VIEW v AS SELECT t.id, u.id AS other FROM t JOIN u ON u.t = t.id",
        "ALTER TABLE u ADD COLUMN note TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE u RENAME COLUMN note TO remark",
        "ALTER TABLE u RENAME TO w",
        "ALTER TABLE w DROP COLUMN remark",
        "CREATE TABLE copy AS SELECT * FROM t",
        "INSERT INTO t VALUES ('a', 1) ON CONFLICT (id) DO UPDATE SET n = excluded.n RETURNING n",
        "INSERT INTO w VALUES ('b', 'a')",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3)
         INSERT INTO copy SELECT 'x' || i, i FROM n",
        "DROP INDEX u_t",
        "DROP VIEW v",
        "DROP TABLE copy",
    ] {
        orders.must(sql, []).await;
    }
    for sql in [
        "SELECT id, rank() OVER (ORDER BY n) FROM t;",
        "SELECT coalesce(max(n), 0), count(*), lower('A'), abs(-1), round(1.5, 0) FROM t -- end",
        "EXPLAIN QUERY PLAN SELECT * FROM t",
        "SELECT value FROM json_each('[1]')",
    ] {
        orders.rows(sql, []).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}
