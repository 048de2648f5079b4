//! What levels unlock. Players tells of the last level of a gain only, so every level up to it counts; what
//! a player has is not unlocked again, so the event may come twice.

use thali_support::sql::Failed;

use crate::desk::Desk;
use crate::events::Unlocked;
use crate::store;

/// A player reached a level.
pub(crate) fn reached(desk: Desk<'_>, player_id: &str, level: u32) -> Result<(), Failed> {
    let achievements = store::of_levels(desk.database, level)?;
    if achievements.is_empty() {
        return Ok(());
    }
    let transaction = desk.database.begin()?;
    for (achievement, name) in achievements {
        if store::unlock(&*transaction, player_id, &achievement, desk.now_ms)? {
            let player_id = player_id.to_owned();
            desk.events.publish(Unlocked { player_id, achievement, name })?;
        }
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use crate::testing::Hall;

    #[test]
    fn a_level_unlocks_what_it_and_those_before_it_do_once() {
        let hall = Hall::new();
        for (level, expected) in [
            (4, &[][..]),
            (5, &["level_5"]),
            (5, &["level_5"]),
            (25, &["level_5", "level_10", "level_25"]),
            (10, &["level_5", "level_10", "level_25"]),
        ] {
            hall.level("ann", level).unwrap();
            assert_eq!(hall.told(), expected, "{level}");
        }
        let mut listed = hall.listed("ann");
        listed.sort();
        assert_eq!(listed, ["level_10", "level_25", "level_5"]);
        assert!(hall.listed("bob").is_empty());
    }

    #[test]
    fn a_level_that_fails_half_way_unlocks_nothing_and_all_when_it_comes_again() {
        for steps in 0.. {
            let hall = Hall::new();
            hall.database.fail_after(steps);
            let first = hall.level("ann", 10);
            hall.database.recover();
            if first.is_ok() {
                assert!(steps > 4, "it has steps");
                break;
            }
            assert_eq!((hall.told().len(), hall.listed("ann").len()), (0, 0), "{steps}");
            hall.level("ann", 10).unwrap();
            assert_eq!(hall.told(), ["level_5", "level_10"]);
        }
    }
}
