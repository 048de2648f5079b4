//! `thali:platform/cache`: values in the memory of the host, for a while.
//!
//! Each revision of a service has a [`Cache`] of its own, which is empty after a deploy, so that no
//! revision meets values that another one wrote. Its size is limited by weight, not by number. Of many
//! callers who miss the same key one gets a [`Flight`] and makes the value; the others wait for it
//! (`flights`).
//!
//! ```
//! # use std::time::Duration;
//! # use thali_platform::cache::{Cache, Lookup};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = Cache::new(1 << 20);
//! match cache.get_or_fill("menu/1", 7).await? {
//!     Lookup::Found(menu) => drop(menu),
//!     Lookup::Missing(flight) => flight.fill(b"pizza".as_slice().into(), Duration::from_secs(60))?,
//! }
//! assert_eq!(cache.get("menu/1").as_deref(), Some(&b"pizza"[..]));
//! # Ok(())
//! # }
//! ```
//!
//! What is absent on purpose: sharing between services, durability, and a promise that anything is kept.

mod bindings;
mod capability;
mod flights;

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::{Cache as Entries, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use thiserror::Error;
use tokio::time::Instant;

pub use capability::CacheCapability;
use flights::{Flights, Landed, Right, Selfish};

/// The size of a cache unless the manifest asks for another, in bytes.
pub const CACHE_BYTES_USUAL: u64 = 8 << 20;

/// The largest cache of one service, in bytes.
pub const CACHE_BYTES_MAX: u64 = 256 << 20;

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 1 << 10;

/// The largest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 1 << 20;

/// The longest time to live.
pub const TTL_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What an entry weighs besides its key and its value: the entry itself, and its places in the tables.
const ENTRY_BYTES: u64 = 160;

/// A shard has to hold the largest value, with room for others beside it.
const SHARD_BYTES: u64 = 4 << 20;

/// Shards of one cache: what runs in parallel on one seldom waits for another.
const SHARDS_MAX: u64 = 16;

/// What entries are expected to weigh. The tables are made for so many, and grow.
const ENTRY_BYTES_EXPECTED: u64 = 4 << 10;

/// A value, shared by everybody who reads it.
pub type Value = Arc<[u8]>;

/// The cache of one revision.
pub struct Cache {
    entries: Arc<Entries<Arc<str>, Entry, Weight>>,
    flights: Arc<Flights>,
}

#[derive(Clone)]
struct Entry {
    value: Value,
    expires: Instant,
}

#[derive(Clone, Copy)]
struct Weight;

/// What a key led to.
pub enum Lookup {
    /// The value.
    Found(Value),
    /// Nothing: the caller is the one who makes the value.
    Missing(Flight),
}

/// The right to fill a gap. Dropping it lets the next one who waits try.
pub struct Flight {
    right: Right,
    entries: Arc<Entries<Arc<str>, Entry, Weight>>,
}

/// Why something was not kept, or not looked up.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CacheError {
    /// The key is too long.
    #[error("the key has {0} bytes, more than {KEY_BYTES_MAX}")]
    KeyTooLarge(usize),
    /// The value is too large.
    #[error("the value has {0} bytes, more than {VALUE_BYTES_MAX}")]
    ValueTooLarge(usize),
    /// The time to live is not possible.
    #[error("the time to live must be 1 ms to {} ms", TTL_MAX.as_millis())]
    Ttl,
    /// The caller fills this gap already, and would wait for itself.
    #[error("this invocation holds the flight of the key {0:?} already and would wait for itself")]
    Selfish(String),
}

impl Weighter<Arc<str>, Entry> for Weight {
    fn weight(&self, key: &Arc<str>, entry: &Entry) -> u64 {
        (key.len() as u64).saturating_add(entry.value.len() as u64).saturating_add(ENTRY_BYTES)
    }
}

impl Cache {
    /// A cache whose entries weigh at most `bytes`, and never more than [`CACHE_BYTES_MAX`].
    pub fn new(bytes: u64) -> Self {
        let bytes = bytes.clamp(ENTRY_BYTES, CACHE_BYTES_MAX);
        let shards = (bytes / SHARD_BYTES).clamp(1, SHARDS_MAX);
        // Rounded down, because the cache itself rounds up.
        let shards = if shards.is_power_of_two() { shards } else { shards.next_power_of_two() / 2 };
        let expected = usize::try_from(bytes / ENTRY_BYTES_EXPECTED).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .shards(usize::try_from(shards).unwrap_or(1))
            .estimated_items_capacity(expected)
            .weight_capacity(bytes)
            .build();
        let entries = match options {
            Ok(options) => Entries::with_options(
                options,
                Weight,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            Err(_) => Entries::with_weighter(expected, bytes, Weight),
        };
        Self { entries: Arc::new(entries), flights: Arc::default() }
    }

    /// The value of a key, if there is one whose time is not over.
    pub fn get(&self, key: &str) -> Option<Value> {
        let entry = self.entries.get(key)?;
        if entry.expires > Instant::now() {
            return Some(entry.value);
        }
        // Somebody may have put another value in its place since.
        self.entries.remove_if(key, |entry| entry.expires <= Instant::now());
        None
    }

    /// The value of a key, or the right to make it. While another one makes it this waits; dropping
    /// the future is leaving the queue. `caller` names who asks, so that nobody waits for himself.
    ///
    /// # Errors
    ///
    /// When the key is too long, or the caller has its flight already.
    pub async fn get_or_fill(&self, key: &str, caller: u64) -> Result<Lookup, CacheError> {
        if let Some(value) = self.get(key) {
            return Ok(Lookup::Found(value));
        }
        if key.len() > KEY_BYTES_MAX {
            return Err(CacheError::KeyTooLarge(key.len()));
        }
        let landed = self.flights.join(key, caller).await;
        let right = match landed.map_err(|Selfish| CacheError::Selfish(key.to_owned()))? {
            Landed::Value(value) => return Ok(Lookup::Found(value)),
            Landed::Right(right) => right,
        };
        // It may have been filled between the first look and now.
        if let Some(value) = self.get(key) {
            right.land(&value, || {});
            return Ok(Lookup::Found(value));
        }
        Ok(Lookup::Missing(Flight { right, entries: Arc::clone(&self.entries) }))
    }

    /// Keeps a value in place of an earlier one, and of what a flight for the key brings later.
    ///
    /// # Errors
    ///
    /// When the key, the value or the time is over its limit.
    pub fn set(&self, key: &str, value: Value, ttl: Duration) -> Result<(), CacheError> {
        let entry = checked(key, value, ttl)?;
        self.flights.cancel(key);
        self.entries.insert(key.into(), entry);
        Ok(())
    }

    /// Forgets a key, and what a flight for it brings later: that may have been read before what the
    /// caller has changed.
    pub fn delete(&self, key: &str) {
        self.flights.cancel(key);
        self.entries.remove(key);
    }

    /// What the entries weigh, in bytes.
    pub fn weight(&self) -> u64 {
        self.entries.weight()
    }
}

impl Flight {
    /// Keeps the value, and hands it to everybody who waits; unless the key was set or deleted since the
    /// flight began.
    ///
    /// # Errors
    ///
    /// When the value or the time is over its limit. Then the next one who waits gets the right.
    pub fn fill(self, value: Value, ttl: Duration) -> Result<(), CacheError> {
        let Self { right, entries } = self;
        let key = Arc::clone(right.key());
        let entry = checked(&key, Arc::clone(&value), ttl)?;
        right.land(&value, || entries.insert(key, entry));
        Ok(())
    }
}

/// What is kept for a key.
fn checked(key: &str, value: Value, ttl: Duration) -> Result<Entry, CacheError> {
    if key.len() > KEY_BYTES_MAX {
        return Err(CacheError::KeyTooLarge(key.len()));
    }
    if value.len() > VALUE_BYTES_MAX {
        return Err(CacheError::ValueTooLarge(value.len()));
    }
    if ttl.is_zero() || ttl > TTL_MAX {
        return Err(CacheError::Ttl);
    }
    Ok(Entry { value, expires: Instant::now() + ttl })
}
