//! A board to play for.

use thali_support::testing::Memory;

use crate::bindings::exports::thali::leaderboard::board::Entry;
use crate::scores;

pub(crate) fn database() -> Memory {
    Memory::new(&[include_str!("../migrations/0001_init.sql")])
}

/// A player has so much xp in all.
pub(crate) fn reach(database: &Memory, player_id: &str, xp: u64) {
    scores::reached(database, player_id, player_id, xp, 0).unwrap();
}

pub(crate) fn names(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| &*entry.username).collect()
}
