//! SQLite alone, with the host's settings: what durable rows cost without a host around it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rusqlite::Connection;

/// Rows that may share a commit, as in the host.
const GROUP_MAX: usize = 128;

const INSERT: &str = "INSERT INTO entries (id, note) VALUES (?1, ?2)";

/// A row on its way to the writer, and where it is told that the row is durable.
struct Waiting {
    id: i64,
    written: Sender<()>,
}

/// Rows per second of one writer that commits each row by itself.
pub(crate) fn serial(folder: &Path, note: &str, time: Duration) -> Result<f64> {
    let connection = open(folder.join("raw-serial.sqlite"))?;
    let mut id = Ids::new();
    per_second(time, || {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        connection.prepare_cached(INSERT)?.execute((id.next(), note))?;
        connection.execute_batch("COMMIT")?;
        Ok(1)
    })
}

/// Rows per second of `clients` threads that wait for one writer, which commits the rows that wait
/// together.
pub(crate) fn grouped(folder: &Path, note: &str, clients: usize, time: Duration) -> Result<f64> {
    let connection = open(folder.join("raw-grouped.sqlite"))?;
    let (sender, rows) = channel::<Waiting>();
    let until = Instant::now() + time;
    let done = Mutex::new(0_u64);
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || write_groups(&connection, note, &rows));
        let begin = Instant::now();
        let clients: Vec<_> = (0..clients)
            .map(|_| {
                let (sender, done) = (sender.clone(), &done);
                scope.spawn(move || {
                    let count = wait_for_rows(&sender, until);
                    *done.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += count;
                })
            })
            .collect();
        drop(sender);
        clients.into_iter().try_for_each(|client| client.join()).map_err(|_| panicked())?;
        let took = begin.elapsed();
        writer.join().map_err(|_| panicked())??;
        let done = *done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(done as f64 / took.as_secs_f64())
    })
}

fn write_groups(connection: &Connection, note: &str, rows: &Receiver<Waiting>) -> Result<()> {
    while let Ok(first) = rows.recv() {
        let group: Vec<_> =
            std::iter::once(first).chain(rows.try_iter().take(GROUP_MAX - 1)).collect();
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for row in &group {
            connection.prepare_cached(INSERT)?.execute((row.id, note))?;
        }
        connection.execute_batch("COMMIT")?;
        for row in group {
            row.written.send(()).context("a client did not wait")?;
        }
    }
    Ok(())
}

fn wait_for_rows(writer: &Sender<Waiting>, until: Instant) -> u64 {
    let (mut ids, mut count) = (Ids::new(), 0);
    let (written, durable) = channel();
    while Instant::now() < until {
        let row = Waiting { id: ids.next(), written: written.clone() };
        if writer.send(row).is_err() || durable.recv().is_err() {
            break;
        }
        count += 1;
    }
    count
}

fn per_second(time: Duration, mut once: impl FnMut() -> Result<u64>) -> Result<f64> {
    let (begin, mut count) = (Instant::now(), 0);
    while begin.elapsed() < time {
        count += once()?;
    }
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}

fn open(path: PathBuf) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA journal_size_limit = 16777216;
         CREATE TABLE IF NOT EXISTS entries (id BIGINT PRIMARY KEY, note TEXT NOT NULL);",
    )?;
    Ok(connection)
}

fn panicked() -> anyhow::Error {
    anyhow!("a client panicked")
}

/// Numbers without order, as the service's ids have none.
struct Ids(u64);

impl Ids {
    fn new() -> Self {
        use std::hash::{BuildHasher, Hasher, RandomState};
        Self(RandomState::new().build_hasher().finish())
    }

    fn next(&mut self) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).cast_signed()
    }
}
