//! What keeps the tables small.

use thali_support::sql::{Database, Failed};

/// Longer than the host remembers the key of a request.
const GAIN_MS: i64 = 2 * 86_400_000;

/// So many rows are deleted in one statement, which keeps other writers waiting, and so many statements
/// are run at a time.
const ROWS: u64 = 1_000;
const STATEMENTS_MAX: u32 = 200;

const DELETE: &str = "\
    DELETE FROM gains WHERE request_id IN \
    (SELECT request_id FROM gains WHERE created_at < $1 ORDER BY created_at LIMIT 1000)";

/// Forgets requests that nobody can send again.
pub(crate) fn tidy(database: &dyn Database, now_ms: i64) -> Result<(), Failed> {
    for _ in 0..STATEMENTS_MAX {
        if database.execute(DELETE, &[(now_ms - GAIN_MS).into()])? < ROWS {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use thali_support::sql::{Query as _, Value};

    use super::*;
    use crate::testing::Arcade;

    #[test]
    fn requests_of_two_days_ago_are_forgotten_however_many() {
        let arcade = Arcade::new();
        let sql = "INSERT INTO gains (request_id, player_id, amount, xp, created_at) \
                   WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500) \
                   SELECT 'r-' || n, '7', 1, n, n FROM n";
        arcade.database.execute(sql, &[]).unwrap();
        tidy(&arcade.database, GAIN_MS + 2401).unwrap();
        let left = arcade.database.query("SELECT MIN(created_at) FROM gains", &[]).unwrap();
        assert!(matches!(left.rows[0][..], [Value::Integer(2401)]), "{left:?}");
    }
}
