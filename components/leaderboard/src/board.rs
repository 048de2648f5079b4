//! Reading the board.

use thali_support::check::Checks;
use thali_support::clock::rfc3339;
use thali_support::id::is_plausible;
use thali_support::sql::{Database, Failed, Row, read};

use crate::bindings::exports::thali::leaderboard::board::{Entry, Error, Standing, TopList};
use crate::counts::ahead;

const TOP_MAX: u32 = 100;
const NEIGHBOURS_DEFAULT: u32 = 2;
const NEIGHBOURS_MAX: u32 = 10;

/// Name and score, and how many players have that score: what ranks differ by.
const COLUMNS: &str = "\
    SELECT e.player_id, e.username, e.score, \
        (SELECT c.players FROM counts c WHERE c.level = 0 AND c.bucket = e.score) AS players, ";

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// A row of the board before its rank is known.
struct Placed {
    player_id: String,
    username: String,
    score: u64,
}

/// A row near a player.
struct Near {
    placed: Placed,
    /// How many have this score.
    players: u64,
    /// How many have a higher one. Only of the player.
    ahead: u64,
}

impl Placed {
    fn ranked(self, rank: u64) -> Entry {
        let Self { player_id, username, score } = self;
        Entry { rank, player_id, username, score }
    }
}

fn placed(row: &mut Row) -> Result<Placed, Failed> {
    Ok(Placed { player_id: row.text()?, username: row.text()?, score: row.integer()? })
}

fn near(row: &mut Row) -> Result<Near, Failed> {
    Ok(Near { placed: placed(row)?, players: row.integer()?, ahead: row.integer()? })
}

/// The best players.
pub(crate) fn top(database: &dyn Database, count: u32) -> Result<TopList, Error> {
    let mut checks = Checks::new();
    checks.rule((1..=TOP_MAX).contains(&count), "count", "must be 1 to 100");
    checks.done().map_err(Error::Invalid)?;
    let sql = "SELECT player_id, username, score, updated_at FROM entries \
               ORDER BY score DESC, player_id DESC LIMIT $1";
    let rows = read(database, sql, &[count.into()], |row| Ok((placed(row)?, row.integer()?)))?;
    let updated_at = rows.iter().map(|(_, updated_at)| *updated_at).max().map(rfc3339);
    let mut last = None;
    let items = rows.into_iter().zip(1..).map(|((row, _), place)| {
        let rank = match last {
            Some((rank, score)) if score == row.score => rank,
            _ => place,
        };
        last = Some((rank, row.score));
        row.ranked(rank)
    });
    let items = items.collect();
    Ok(TopList { items, updated_at })
}

/// A player's place, with neighbours.
pub(crate) fn standing_of(
    database: &dyn Database,
    id: &str,
    neighbours: Option<u32>,
) -> Result<Standing, Error> {
    let neighbours = neighbours.unwrap_or(NEIGHBOURS_DEFAULT);
    let mut checks = Checks::new();
    checks.rule(neighbours <= NEIGHBOURS_MAX, "neighbours", "must be 0 to 10");
    checks.done().map_err(Error::Invalid)?;
    if !is_plausible(id) {
        return Err(Error::NotFound);
    }
    let rows = read(database, &around(), &[id.into(), neighbours.into()], near)?;
    standing(rows, id).ok_or(Error::NotFound)
}

/// The player and the neighbours, the best first, in one statement: they are all from one moment.
fn around() -> String {
    let side = |compare: &str, order: &str| {
        [
            " UNION ALL SELECT * FROM (",
            COLUMNS,
            "0 AS ahead FROM entries e WHERE (e.score, e.player_id) ",
            compare,
            " (SELECT score, player_id FROM entries WHERE player_id = $1) ORDER BY ",
            order,
            " LIMIT $2) AS side",
        ]
        .concat()
    };
    [
        COLUMNS,
        &ahead("e.score"),
        " AS ahead FROM entries e WHERE e.player_id = $1",
        &side(">", "e.score, e.player_id"),
        &side("<", "e.score DESC, e.player_id DESC"),
        " ORDER BY score DESC, player_id DESC",
    ]
    .concat()
}

/// Gives everybody a rank, going up and down from the player.
fn standing(mut rows: Vec<Near>, id: &str) -> Option<Standing> {
    let at = rows.iter().position(|row| row.placed.player_id == id)?;
    let below = rows.split_off(at + 1);
    let player = rows.pop()?;
    let rank = player.ahead + 1;
    let score = player.placed.score;
    let mut last = (rank, score);
    let mut above = Vec::with_capacity(rows.len());
    for Near { placed, players, .. } in rows.into_iter().rev() {
        if placed.score != last.1 {
            last = (last.0.saturating_sub(players), placed.score);
        }
        above.push(placed.ranked(last.0));
    }
    above.reverse();
    let mut last = (rank, score, player.players);
    let below = below.into_iter().map(|Near { placed, players, .. }| {
        if placed.score != last.1 {
            last = (last.0 + last.2, placed.score, players);
        }
        placed.ranked(last.0)
    });
    let below = below.collect();
    let Placed { player_id, username, .. } = player.placed;
    Some(Standing { rank, player_id, username, score, above, below })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scores;
    use crate::testing::{database, names, reach};

    /// By score: 50 has one player, 40 two, 30 one, 20 three, 10 one.
    const SCORES: [(&str, u64); 8] =
        [("a", 50), ("b", 40), ("c", 40), ("d", 30), ("e", 20), ("f", 20), ("g", 20), ("h", 10)];

    fn ranks(entries: &[Entry]) -> Vec<(u64, &str)> {
        entries.iter().map(|entry| (entry.rank, &*entry.player_id)).collect()
    }

    #[test]
    fn ties_share_a_rank_and_leave_out_those_after_it() {
        let database = database();
        SCORES.iter().for_each(|(player, score)| reach(&database, player, *score));
        let top = top(&database, 100).unwrap();
        let expected =
            [(1, "a"), (2, "c"), (2, "b"), (4, "d"), (5, "g"), (5, "f"), (5, "e"), (8, "h")];
        assert_eq!(ranks(&top.items), expected);
        assert_eq!(ranks(&super::top(&database, 2).unwrap().items), expected[..2]);
    }

    #[test]
    fn everybody_is_where_the_list_has_them_with_the_neighbours_it_has() {
        let database = database();
        SCORES.iter().for_each(|(player, score)| reach(&database, player, *score));
        let list = top(&database, 100).unwrap().items;
        for (at, entry) in list.iter().enumerate() {
            for neighbours in [0, 1, 2, 10] {
                let standing = standing_of(&database, &entry.player_id, Some(neighbours)).unwrap();
                let width = neighbours as usize;
                assert_eq!((standing.rank, standing.score), (entry.rank, entry.score));
                assert_eq!(standing.above, list[at.saturating_sub(width)..at]);
                assert_eq!(standing.below, list[at + 1..list.len().min(at + 1 + width)]);
            }
        }
        let usual = standing_of(&database, "d", None).unwrap();
        assert_eq!((usual.above.len(), usual.below.len()), (2, 2));
    }

    #[test]
    fn a_score_of_nothing_ranks_like_any_other() {
        let database = database();
        for player in ["a", "b"] {
            reach(&database, player, 0);
        }
        assert_eq!(ranks(&top(&database, 5).unwrap().items), [(1, "b"), (1, "a")]);
        assert_eq!(standing_of(&database, "a", None).unwrap().rank, 1);
    }

    #[test]
    fn the_list_says_when_somebody_on_it_gained_last() {
        let database = database();
        assert_eq!(top(&database, 1).unwrap(), TopList { items: vec![], updated_at: None });
        for (player, xp, now_ms) in [("a", 50, 1000), ("b", 10, 2000), ("a", 50, 3000)] {
            scores::reached(&database, player, player, xp, now_ms).unwrap();
        }
        let updated_at = |count| top(&database, count).unwrap().updated_at.unwrap();
        assert_eq!(updated_at(1), "1970-01-01T00:00:01.000Z");
        assert_eq!(updated_at(2), "1970-01-01T00:00:02.000Z");
    }

    #[test]
    fn what_cannot_be_asked_is_refused_and_who_is_not_there_is_not_found() {
        let database = database();
        reach(&database, "a", 1);
        for count in [0, 101] {
            assert!(matches!(top(&database, count), Err(Error::Invalid(_))));
        }
        assert!(matches!(standing_of(&database, "a", Some(11)), Err(Error::Invalid(_))));
        for id in ["nobody", "", "a b", "a\0"] {
            assert_eq!(standing_of(&database, id, None), Err(Error::NotFound));
        }
        assert_eq!(names(&top(&database, 1).unwrap().items), ["a"]);
    }

    #[test]
    fn among_many_a_rank_is_read_from_few_rows() {
        let database = database();
        for player in 0..3000 {
            reach(&database, &player.to_string(), player * 7 % 1000);
        }
        for player in ["0", "1", "1143", "2999"] {
            let standing = standing_of(&database, player, Some(1)).unwrap();
            assert_eq!(standing.rank, 1 + 3 * (999 - standing.score), "{player}");
        }
        let explain = ["EXPLAIN QUERY PLAN ", &around()].concat();
        let plan = read(&database, &explain, &["0".into(), 2_u32.into()], |row| {
            let _ = (row.integer::<i64>()?, row.integer::<i64>()?, row.integer::<i64>()?);
            row.text()
        });
        let plan = plan.unwrap();
        assert!(plan.iter().all(|step| !step.starts_with("SCAN e")), "{plan:#?}");
        assert!(plan.iter().all(|step| !step.starts_with("SCAN c")), "{plan:#?}");
    }
}
