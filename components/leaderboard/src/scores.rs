//! What players tells: who gained, who has another name. The total is taken, never added to, so an event
//! may come twice, and one that comes late changes nothing.

use thali_support::sql::{Database, Failed, Row, read_one};

use crate::counts::{self, SCORE_MAX};

/// Answers the score before, and no row for who has as much already.
const REACH: &str = "\
    INSERT INTO entries (player_id, username, score, updated_at) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (player_id) DO UPDATE SET username = excluded.username, \
        previous = entries.score, score = excluded.score, updated_at = excluded.updated_at \
    WHERE entries.score < excluded.score \
    RETURNING previous";

/// A player has so much xp in all.
pub(crate) fn reached(
    database: &dyn Database,
    player_id: &str,
    username: &str,
    xp: u64,
    now_ms: i64,
) -> Result<(), Failed> {
    let score = i64::try_from(xp).unwrap_or(SCORE_MAX).min(SCORE_MAX);
    let transaction = database.begin()?;
    let params = [player_id.into(), username.into(), score.into(), now_ms.into()];
    let previous = read_one(&*transaction, REACH, &params, Row::optional_integer)?;
    let Some(previous) = previous else { return Ok(()) };
    counts::moved(&*transaction, previous, score)?;
    transaction.commit()
}

/// A player has another name. Who is not on the board brings it along with the first xp.
pub(crate) fn renamed(
    database: &dyn Database,
    player_id: &str,
    username: &str,
) -> Result<(), Failed> {
    let sql = "UPDATE entries SET username = $2 WHERE player_id = $1";
    database.execute(sql, &[player_id.into(), username.into()]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board;
    use crate::testing::{database, names, reach};

    #[test]
    fn the_total_counts_whatever_comes_twice_or_late() {
        let database = database();
        for xp in [100, 100, 50, 300, 100, 300] {
            reach(&database, "ann", xp);
        }
        reach(&database, "bob", 200);
        let ann = board::standing_of(&database, "ann", None).unwrap();
        assert_eq!((ann.rank, ann.score), (1, 300));
        assert_eq!(board::standing_of(&database, "bob", None).unwrap().rank, 2);
    }

    #[test]
    fn a_name_follows_its_player_and_nobody_comes_to_the_board_by_a_name() {
        let database = database();
        reach(&database, "ann", 100);
        renamed(&database, "ann", "Grace").unwrap();
        renamed(&database, "bob", "Alan").unwrap();
        assert_eq!(names(&board::top(&database, 100).unwrap().items), ["Grace"]);
    }

    #[test]
    fn a_score_beyond_the_board_is_the_highest() {
        let database = database();
        reach(&database, "ann", u64::MAX);
        let ann = board::standing_of(&database, "ann", None).unwrap();
        assert_eq!((ann.rank, ann.score), (1, SCORE_MAX.unsigned_abs()));
    }

    #[test]
    fn a_gain_that_fails_half_way_changes_nothing_and_counts_once_when_it_comes_again() {
        for steps in 0.. {
            let database = database();
            for player in ["ann", "bob"] {
                reach(&database, player, 100);
            }
            database.fail_after(steps);
            let first = reached(&database, "ann", "ann", 5000, 0);
            database.recover();
            if first.is_ok() {
                assert!(steps > 5, "it has steps");
                break;
            }
            let ann = board::standing_of(&database, "ann", None).unwrap();
            assert_eq!((ann.rank, ann.score), (1, 100), "{steps}");
            reach(&database, "ann", 5000);
            assert_eq!(board::standing_of(&database, "bob", None).unwrap().rank, 2);
        }
    }
}
