//! Players in the database.

use thali_support::sql::{Failed, Query, Row, Transaction, Value, read_one};

/// A player who has gained xp or got a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) username: String,
    pub(crate) xp: u64,
}

/// No player ever has more xp.
const XP_MAX: i64 = 1_000_000_000_000_000;

/// Answers no row when it would be too much.
const GAIN: &str = "\
    INSERT INTO players (id, username, xp) VALUES ($1, $2, $3) \
    ON CONFLICT (id) DO UPDATE SET xp = players.xp + excluded.xp WHERE players.xp <= $4 \
    RETURNING username, xp";

const RENAME: &str = "\
    INSERT INTO players (id, username, xp) VALUES ($1, $2, 0) \
    ON CONFLICT (id) DO UPDATE SET username = excluded.username RETURNING username, xp";

/// A gain that was made: the player, and how much it was.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gained {
    pub(crate) player: Stored,
    pub(crate) amount: u32,
}

fn read_player(row: &mut Row) -> Result<Stored, Failed> {
    Ok(Stored { username: row.text()?, xp: row.integer()? })
}

/// The player with this id.
pub(crate) fn get(database: &dyn Query, id: &str) -> Result<Option<Stored>, Failed> {
    let sql = "SELECT username, xp FROM players WHERE id = $1";
    read_one(database, sql, &[id.into()], read_player)
}

/// Gives xp. Answers nobody when the player would have too much.
pub(crate) fn gain(
    transaction: &dyn Transaction,
    id: &str,
    username: &str,
    amount: u32,
) -> Result<Option<Stored>, Failed> {
    let room = XP_MAX - i64::from(amount);
    let params = [id.into(), username.into(), amount.into(), room.into()];
    read_one(transaction, GAIN, &params, read_player)
}

/// Gives a name.
pub(crate) fn rename(
    transaction: &dyn Transaction,
    id: &str,
    username: &str,
) -> Result<Stored, Failed> {
    read_one(transaction, RENAME, &[id.into(), username.into()], read_player)?
        .ok_or(Failed::Unavailable)
}

/// Keeps which request made a gain. The same once more violates a constraint.
pub(crate) fn keep_request(
    transaction: &dyn Transaction,
    request_id: &str,
    player_id: &str,
    gained: &Gained,
    now_ms: i64,
) -> Result<(), Failed> {
    let sql = "INSERT INTO gains (request_id, player_id, amount, xp, created_at) \
               VALUES ($1, $2, $3, $4, $5)";
    let xp = i64::try_from(gained.player.xp).unwrap_or(XP_MAX);
    let params: [Value; 5] =
        [request_id.into(), player_id.into(), gained.amount.into(), xp.into(), now_ms.into()];
    transaction.add(sql, &params, None)
}

/// The gain that this request made.
pub(crate) fn of_request(database: &dyn Query, request_id: &str) -> Result<Option<Gained>, Failed> {
    let sql = "SELECT p.username, g.xp, g.amount \
               FROM gains g JOIN players p ON p.id = g.player_id WHERE g.request_id = $1";
    read_one(database, sql, &[request_id.into()], |row| {
        Ok(Gained { player: read_player(row)?, amount: row.integer()? })
    })
}
