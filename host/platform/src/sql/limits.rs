//! What a service may ask of its database.

use std::time::Duration;

/// What a service may ask of its database. Every limit is per database unless it says otherwise.
#[derive(Clone, Debug)]
pub struct SqlLimits {
    /// How long one statement may run, in real time. Default: 2 s.
    pub statement_time: Duration,
    /// How long the migrations of one deploy, or a seed, may run in all. Default: 60 s.
    pub script_time: Duration,
    /// How long a transaction may stay open before the host rolls it back. Default: 5 s.
    pub transaction_lease: Duration,
    /// How long a statement or a transaction waits for its turn before it is `busy`. Default: 10 s:
    /// longer than a lease, so that one forgotten transaction fails nobody else.
    pub queue_time: Duration,
    /// The longest statement, in bytes of SQL text. Default: 64 KiB.
    pub statement_bytes_max: usize,
    /// The longest text, blob or table row, in bytes; parameters and results alike. Default: 1 MiB.
    pub value_bytes_max: usize,
    /// The largest result of a query, in bytes, with 24 for each value. Default: 8 MiB.
    pub result_bytes_max: usize,
    /// The largest database file, in bytes. Default: 1 GiB.
    pub database_bytes_max: u64,
    /// Statements in one batch of a service. Default: 256.
    pub batch_statements_max: usize,
    /// Jobs that may wait, writes and reads each. Default: 1024.
    pub queue_jobs_max: usize,
    /// Bytes of SQL and parameters that may wait, for writes and reads each. Default: 32 MiB.
    pub queue_bytes_max: usize,
    /// Writes that may share one commit. Default: 128.
    pub group_jobs_max: usize,
    /// After this long a group of writes takes in no more: the first one waits for the last one.
    /// Default: 10 ms.
    pub group_time: Duration,
    /// After this long a group takes in no more transactions. A transaction lasts as long as its
    /// service likes, up to its lease, so at most one slow one keeps finished neighbours waiting.
    /// Default: 5 ms.
    pub group_entry_time: Duration,
    /// Connections that read side by side. Default: 4.
    pub readers_max: usize,
    /// How long a connection that reads stays open with nothing to do, looked at when another one is
    /// used. Default: 60 s.
    pub reader_idle_time: Duration,
    /// Databases of the host that keep connections open when nobody uses them. Default: 128.
    pub databases_open_max: usize,
    /// Prepared statements kept, per connection. Default: 64.
    pub cached_statements_max: usize,
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self {
            statement_time: Duration::from_secs(2),
            script_time: Duration::from_secs(60),
            transaction_lease: Duration::from_secs(5),
            queue_time: Duration::from_secs(10),
            statement_bytes_max: 64 << 10,
            value_bytes_max: 1 << 20,
            result_bytes_max: 8 << 20,
            database_bytes_max: 1 << 30,
            batch_statements_max: 256,
            queue_jobs_max: 1024,
            queue_bytes_max: 32 << 20,
            group_jobs_max: 128,
            group_time: Duration::from_millis(10),
            group_entry_time: Duration::from_millis(5),
            readers_max: 4,
            reader_idle_time: Duration::from_secs(60),
            databases_open_max: 128,
            cached_statements_max: 64,
        }
    }
}
