//! The tables of events. They are in the database of every service, as the other tables of the host.

/// Makes what is not there yet.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS _thali_events (
        seq INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        topic TEXT NOT NULL,
        function TEXT NOT NULL,
        key TEXT NOT NULL,
        payload TEXT NOT NULL,
        traceparent TEXT NOT NULL,
        request_id BLOB NOT NULL,
        published_at INTEGER NOT NULL
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
