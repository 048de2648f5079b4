//! A million players, as seed data for the services and in the memory of the native server: the same ones.

use anyhow::Result;
use thali_contract::pack::{Parts, pack, unpack};

/// How many players there are.
pub(crate) const PLAYERS: u32 = 1_000_000;

/// The number of the first one. All numbers have the same length, so that texts are in the order of the
/// numbers.
pub(crate) const FIRST: u32 = 1_000_001;

/// When everybody gained last, and how the board writes it.
const UPDATED_AT_MS: u64 = 1_795_305_600_000;
pub(crate) const UPDATED_AT: &str = "2026-11-22T00:00:00.000Z";

/// The score of the player with a number: spread over a million, with ties.
pub(crate) fn score(number: u32) -> u64 {
    (u64::from(number) * 1_103_515_245 + 12_345) % 2_147_483_648 / 2_048
}

/// [`score`] in SQL.
const SCORE: &str = "((n * 1103515245 + 12345) % 2147483648) / 2048";

/// The levels of `counts` in the leaderboard: see its migration.
const LEVELS: u32 = 9;

/// The leaderboard with what the events of a million players would have left in its tables.
pub(crate) fn on_the_board(component: &[u8]) -> Result<Vec<u8>> {
    let mut sql = format!(
        "INSERT INTO entries (player_id, username, score, updated_at) {} \
         SELECT 'p' || n, 'player-p' || n, {SCORE}, {UPDATED_AT_MS} FROM n;\n",
        numbers()
    );
    for level in 0..LEVELS {
        let bucket = format!("score >> {}", level * 6);
        sql.push_str(&format!(
            "INSERT INTO counts (level, bucket, players) \
             SELECT {level}, {bucket}, COUNT(*) FROM entries GROUP BY {bucket};\n"
        ));
    }
    seeded(component, sql)
}

/// The players service with a million players.
pub(crate) fn with_profiles(component: &[u8]) -> Result<Vec<u8>> {
    let sql = format!(
        "INSERT INTO players (id, username, xp) {} SELECT 'p' || n, 'player-p' || n, {SCORE} FROM n;\n",
        numbers()
    );
    seeded(component, sql)
}

fn numbers() -> String {
    let last = FIRST + PLAYERS - 1;
    format!(
        "WITH RECURSIVE n (n) AS (SELECT {FIRST} UNION ALL SELECT n + 1 FROM n WHERE n < {last})"
    )
}

fn seeded(component: &[u8], seed: String) -> Result<Vec<u8>> {
    let parts = unpack(component)?;
    Ok(pack(component, &Parts { seed: Some(seed), ..parts })?)
}
