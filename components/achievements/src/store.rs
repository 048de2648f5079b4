//! Achievements in the database.

use thali_support::clock::rfc3339;
use thali_support::sql::{Failed, Query, Row, Transaction, exists, read, read_one};

use crate::bindings::exports::thali::achievements::unlocking::{Achievement, Unlocked};

const UNLOCKED: &str = "\
    SELECT u.achievement, a.name, a.description, u.unlocked_at \
    FROM unlocked u JOIN achievements a ON a.id = u.achievement WHERE u.player_id = $1";

/// Answers no row when the player has it.
const UNLOCK: &str = "\
    INSERT INTO unlocked (player_id, achievement, unlocked_at) VALUES ($1, $2, $3) \
    ON CONFLICT (player_id, achievement) DO NOTHING RETURNING achievement";

fn read_unlocked(row: &mut Row) -> Result<Unlocked, Failed> {
    Ok(Unlocked {
        achievement: row.text()?,
        name: row.text()?,
        description: row.text()?,
        unlocked_at: rfc3339(row.integer()?),
    })
}

/// All achievements, those of levels last.
pub(crate) fn catalogue(database: &dyn Query) -> Result<Vec<Achievement>, Failed> {
    let sql = "SELECT id, name, description, level FROM achievements \
               ORDER BY COALESCE(level, 0), name";
    read(database, sql, &[], |row| {
        Ok(Achievement {
            id: row.text()?,
            name: row.text()?,
            description: row.text()?,
            level: row.optional_integer()?,
        })
    })
}

/// The name of an achievement.
pub(crate) fn name(database: &dyn Query, achievement: &str) -> Result<Option<String>, Failed> {
    let sql = "SELECT name FROM achievements WHERE id = $1";
    read_one(database, sql, &[achievement.into()], Row::text)
}

/// Ids and names of what the levels up to this one unlock.
pub(crate) fn of_levels(database: &dyn Query, level: u32) -> Result<Vec<(String, String)>, Failed> {
    let sql = "SELECT id, name FROM achievements WHERE level <= $1 ORDER BY level";
    read(database, sql, &[level.into()], |row| Ok((row.text()?, row.text()?)))
}

/// Unlocks an achievement as part of the transaction. Answers whether the player did not have it.
pub(crate) fn unlock(
    transaction: &dyn Transaction,
    player_id: &str,
    achievement: &str,
    now_ms: i64,
) -> Result<bool, Failed> {
    exists(transaction, UNLOCK, &[player_id.into(), achievement.into(), now_ms.into()])
}

/// The achievement, if the player has it.
pub(crate) fn get(
    database: &dyn Query,
    player_id: &str,
    achievement: &str,
) -> Result<Option<Unlocked>, Failed> {
    let sql = [UNLOCKED, " AND u.achievement = $2"].concat();
    read_one(database, &sql, &[player_id.into(), achievement.into()], read_unlocked)
}

/// Whether the player has any.
pub(crate) fn has_any(database: &dyn Query, player_id: &str) -> Result<bool, Failed> {
    exists(database, "SELECT 1 FROM unlocked WHERE player_id = $1 LIMIT 1", &[player_id.into()])
}

/// What the player has, the newest first: so many after this one.
pub(crate) fn list(
    database: &dyn Query,
    player_id: &str,
    count: usize,
    after: Option<&str>,
) -> Result<Vec<Unlocked>, Failed> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let mut params = vec![player_id.into(), count.into()];
    let mut sql = UNLOCKED.to_owned();
    if let Some(after) = after {
        params.push(after.into());
        sql.push_str(
            " AND (u.unlocked_at, u.achievement) < (SELECT unlocked_at, achievement \
             FROM unlocked WHERE player_id = $1 AND achievement = $3)",
        );
    }
    sql.push_str(" ORDER BY u.unlocked_at DESC, u.achievement DESC LIMIT $2");
    read(database, &sql, &params, read_unlocked)
}
