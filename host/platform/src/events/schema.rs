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
        scopes TEXT,
        tracestate TEXT
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

/// Columns that tables of earlier versions lack: in their events, nobody is known who published them,
/// and nothing that came with their traces.
const ADDED: [&str; 3] = ["subject", "scopes", "tracestate"];

const LACKS: &str = "SELECT NOT EXISTS \
    (SELECT 1 FROM pragma_table_info('_thali_events') WHERE name = ?1)";

/// Makes what is not there yet, in databases of earlier versions too.
pub(crate) fn make(raw: &Connection) -> rusqlite::Result<()> {
    raw.execute_batch(SCHEMA)?;
    for column in ADDED {
        if raw.query_row(LACKS, [column], |row| row.get(0))? {
            raw.execute_batch(&format!("ALTER TABLE _thali_events ADD COLUMN {column} TEXT"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_before_get_what_they_lack_and_keep_their_events() {
        let lacking = ["subject TEXT,\n        scopes TEXT,\n        tracestate", "tracestate"];
        for lacking in lacking {
            let raw = Connection::open_in_memory().unwrap();
            let old = SCHEMA.replace(&format!(",\n        {lacking} TEXT"), "");
            assert_ne!(old, SCHEMA);
            raw.execute_batch(&old).unwrap();
            let insert = "INSERT INTO _thali_events (id, topic, function, key, payload, \
                 traceparent, request_id, published_at) \
                 VALUES (x'00', 't', 'f', 'k', '{}', '', x'00', 0)";
            raw.execute_batch(insert).unwrap();
            for _ in 0..2 {
                make(&raw).unwrap();
                let sql = "SELECT subject, scopes, tracestate FROM _thali_events WHERE seq = 1";
                let row = raw.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
                assert_eq!(row.unwrap(), (None::<String>, None::<String>, None::<String>));
            }
        }
    }
}
