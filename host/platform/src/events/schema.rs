//! The tables of events. They are in the database of every service, as the other tables of the host.

use rusqlite::Connection;

/// The tables as they are now.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS _thali_events (
        seq INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        topic TEXT NOT NULL,
        function TEXT NOT NULL,
        key TEXT NOT NULL,
        payload TEXT NOT NULL,
        traceparent TEXT NOT NULL,
        request_id BLOB NOT NULL,
        published_at INTEGER NOT NULL,
        subject TEXT,
        scopes TEXT
    );
    CREATE INDEX IF NOT EXISTS _thali_events_of_key ON _thali_events (topic, key, seq);
    CREATE TABLE IF NOT EXISTS _thali_subscriptions (
        subscriber TEXT NOT NULL,
        topic TEXT NOT NULL,
        position INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (subscriber, topic)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS _thali_deliveries (
        seq INTEGER NOT NULL,
        subscriber TEXT NOT NULL,
        topic TEXT NOT NULL,
        key TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        next_at INTEGER NOT NULL,
        error TEXT NOT NULL,
        updated_at INTEGER NOT NULL,
        PRIMARY KEY (seq, subscriber)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS _thali_deliveries_of_subscriber
        ON _thali_deliveries (subscriber, topic, state, seq);";

/// Whether the table of events is one of before events had a principal.
const IS_OLD: &str = "SELECT NOT EXISTS \
    (SELECT 1 FROM pragma_table_info('_thali_events') WHERE name = 'subject')";

/// What such a table lacks: events that are in it were published by nobody who is known.
const ADD_PRINCIPAL: &str = "
    BEGIN IMMEDIATE;
    ALTER TABLE _thali_events ADD COLUMN subject TEXT;
    ALTER TABLE _thali_events ADD COLUMN scopes TEXT;
    COMMIT;";

/// Makes what is not there yet, in databases of earlier versions too.
pub(crate) fn make(raw: &Connection) -> rusqlite::Result<()> {
    raw.execute_batch(SCHEMA)?;
    if raw.query_row(IS_OLD, [], |row| row.get(0))? {
        raw.execute_batch(ADD_PRINCIPAL)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_before_gets_what_it_lacks_and_keeps_its_events() {
        let raw = Connection::open_in_memory().unwrap();
        let old = SCHEMA.replace(",\n        subject TEXT,\n        scopes TEXT", "");
        assert_ne!(old, SCHEMA);
        raw.execute_batch(&old).unwrap();
        let insert =
            "INSERT INTO _thali_events VALUES (1, x'00', 't', 'f', 'k', '{}', '', x'00', 0)";
        raw.execute_batch(insert).unwrap();
        for _ in 0..2 {
            make(&raw).unwrap();
            let subject: Option<String> = raw
                .query_row("SELECT subject FROM _thali_events WHERE seq = 1", [], |row| row.get(0))
                .unwrap();
            assert_eq!(subject, None);
        }
    }
}
