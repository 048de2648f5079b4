//! How many players have which scores, so that a rank is a sum of a few hundred numbers at most, however
//! many players there are and however their scores are spread.
//!
//! It is a tree: a bucket of one level has 64 buckets of the level below, and those of level 0 are single
//! scores. Who is ahead of a score is in the buckets to the right of the score's own, on each level among
//! those with the same parent: at most 63 rows a level, and few on the upper levels. A gain moves a player
//! only on the levels where the bucket changes, which are mostly the lowest two.

use thali_support::sql::{Failed, Transaction};

/// Of a bucket to its parent, in bits.
const BITS: u32 = 6;

/// Levels up to one whose buckets have no parent.
pub(crate) const LEVELS: u32 = 9;

/// No score is higher.
pub(crate) const SCORE_MAX: i64 = (1 << (BITS * LEVELS)) - 1;

const MORE: &str = "\
    INSERT INTO counts (level, bucket, players) VALUES ($1, $2, 1) \
    ON CONFLICT (level, bucket) DO UPDATE SET players = counts.players + 1";
const FEWER: &str = "UPDATE counts SET players = players - 1 WHERE level = $1 AND bucket = $2";
const DROP_EMPTY: &str = "DELETE FROM counts WHERE level = $1 AND bucket = $2 AND players = 0";

/// How many players are ahead of a score, as an expression of SQL over the column that has it.
pub(crate) fn ahead(score: &str) -> String {
    let levels = (0..LEVELS).map(|level| {
        let (level, bits) = (level.to_string(), (BITS * level).to_string());
        let bucket = ["(", score, " >> ", &bits, ")"].concat();
        [
            "(SELECT COALESCE(CAST(SUM(players) AS BIGINT), 0) FROM counts WHERE level = ",
            &level,
            " AND bucket > ",
            &bucket,
            " AND bucket <= (",
            &bucket,
            " | 63))",
        ]
        .concat()
    });
    levels.collect::<Vec<_>>().join(" + ")
}

/// Counts a player who comes to a score, from another or as a new one, as part of the transaction.
///
/// Buckets are touched in one order by everybody, so that no two wait for each other.
pub(crate) fn moved(
    transaction: &dyn Transaction,
    from: Option<i64>,
    to: i64,
) -> Result<(), Failed> {
    for level in 0..LEVELS {
        let bucket = |score: i64| score >> (BITS * level);
        if let Some(from) = from.map(bucket) {
            if from == bucket(to) {
                return Ok(());
            }
            let place = [level.into(), from.into()];
            transaction.add(FEWER, &place, Some(1))?;
            transaction.add(DROP_EMPTY, &place, None)?;
        }
        transaction.add(MORE, &[level.into(), bucket(to).into()], None)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use thali_support::sql::{Database as _, Query as _, read};
    use thali_support::testing::Memory;

    use super::*;
    use crate::testing::database;

    fn ahead_of(database: &Memory, score: i64) -> i64 {
        let sql = ["SELECT ", &ahead("s.score"), " FROM (SELECT $1 AS score) s"].concat();
        let found = read(database, &sql, &[score.into()], |row| row.integer());
        found.unwrap()[0]
    }

    fn come(database: &Memory, from: Option<i64>, to: i64) {
        let transaction = database.begin().unwrap();
        moved(&*transaction, from, to).unwrap();
        transaction.commit().unwrap();
    }

    /// Scores that are crowded, spread, and at every boundary.
    fn scores() -> Vec<i64> {
        let boundaries = (0..LEVELS).flat_map(|level| {
            let width = 1_i64 << (BITS * level);
            [width - 1, width, width + 1, 63 * width]
        });
        let crowd = (0..200).map(|n| n * n % 97);
        boundaries.chain(crowd).chain([SCORE_MAX, SCORE_MAX - 1, 0]).collect()
    }

    #[test]
    fn who_is_ahead_is_what_counting_them_one_by_one_gives() {
        let database = database();
        let mut all = Vec::new();
        for score in scores() {
            come(&database, None, score);
            all.push(score);
        }
        for score in all.clone() {
            let expected = all.iter().filter(|other| **other > score).count();
            assert_eq!(ahead_of(&database, score), i64::try_from(expected).unwrap(), "{score}");
        }
    }

    #[test]
    fn who_moves_is_counted_once_and_no_empty_bucket_is_left() {
        let database = database();
        let mut all = vec![0; 40];
        all.iter().for_each(|_| come(&database, None, 0));
        for (n, to) in scores().into_iter().enumerate() {
            let at = n % all.len();
            if to > all[at] {
                come(&database, Some(all[at]), to);
                all[at] = to;
            }
            let expected = all.iter().filter(|other| **other > to).count();
            assert_eq!(ahead_of(&database, to), i64::try_from(expected).unwrap());
        }
        let sql = "SELECT COUNT(*), MIN(players) FROM counts WHERE level = 0";
        let counts = read(&database, sql, &[], |row| Ok((row.integer()?, row.integer()?)));
        let (buckets, least): (usize, u32) = counts.unwrap()[0];
        all.sort_unstable();
        all.dedup();
        assert_eq!((buckets, least), (all.len(), 1));
    }

    #[test]
    fn a_small_gain_touches_only_the_lowest_levels() {
        let database = database();
        come(&database, None, 1_000_000);
        let rows = || database.query("SELECT level, bucket FROM counts", &[]).unwrap().rows.len();
        assert_eq!(rows(), 9);
        let transaction = database.begin().unwrap();
        database.fail_after(6);
        moved(&*transaction, Some(1_000_000), 1_000_060).unwrap();
        database.recover();
        transaction.commit().unwrap();
        assert_eq!(rows(), 9);
    }
}
