//! Unlocking achievements by hand, and listing them.

use thali_support::check::{Checks, UNKNOWN_CURSOR};
use thali_support::id::is_plausible;
use thali_support::sql::{Database, Failed};

use crate::bindings::exports::thali::achievements::unlocking::{
    Error, ListError, Outcome, Page, Receipt, UnlockRequest, Unlocked,
};
use crate::desk::Desk;
use crate::events;
use crate::players::Silence;
use crate::store;

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

impl From<Silence> for Error {
    fn from(_: Silence) -> Self {
        Self::Unavailable
    }
}

impl From<Failed> for ListError {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// Unlocks an achievement. Whether there is such a player is asked only about one who has none: so
/// players are served while nobody answers that.
pub(crate) fn unlock(desk: Desk<'_>, request: UnlockRequest) -> Result<Receipt, Error> {
    let UnlockRequest { player_id, achievement } = request;
    let mut checks = Checks::new();
    checks.id("/player_id", &player_id);
    checks.id("/achievement", &achievement);
    checks.done().map_err(Error::Invalid)?;
    let name = store::name(desk.database, &achievement)?.ok_or(Error::UnknownAchievement)?;
    if let Some(unlocked) = store::get(desk.database, &player_id, &achievement)? {
        return Ok(receipt(player_id, unlocked, Outcome::AlreadyUnlocked));
    }
    if !store::has_any(desk.database, &player_id)? && !desk.players.is_known(&player_id)? {
        return Err(Error::UnknownPlayer);
    }
    let transaction = desk.database.begin()?;
    let is_new = store::unlock(&*transaction, &player_id, &achievement, desk.now_ms)?;
    if is_new {
        let (player_id, achievement) = (player_id.clone(), achievement.clone());
        desk.events.publish(events::Unlocked { player_id, achievement, name })?;
    }
    let unlocked = store::get(&*transaction, &player_id, &achievement)?;
    transaction.commit()?;
    let outcome = if is_new { Outcome::Unlocked } else { Outcome::AlreadyUnlocked };
    unlocked.map(|unlocked| receipt(player_id, unlocked, outcome)).ok_or(Error::Unavailable)
}

fn receipt(player_id: String, unlocked: Unlocked, outcome: Outcome) -> Receipt {
    let Unlocked { achievement, name, unlocked_at, .. } = unlocked;
    Receipt { player_id, achievement, name, unlocked_at, outcome }
}

/// A page of what a player has, the newest first.
pub(crate) fn list(
    database: &dyn Database,
    id: &str,
    limit: Option<u32>,
    cursor: Option<String>,
) -> Result<Page, ListError> {
    let mut checks = Checks::new();
    checks.id("id", id);
    let limit = checks.page(limit, cursor.as_deref());
    checks.done().map_err(ListError::Invalid)?;
    let mut items = store::list(database, id, limit + 1, cursor.as_deref())?;
    if let Some(cursor) = cursor.filter(|_| items.is_empty())
        && (!is_plausible(&cursor) || store::get(database, id, &cursor)?.is_none())
    {
        return Err(ListError::Invalid(["cursor", UNKNOWN_CURSOR].join(" ")));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| last.achievement.clone());
    Ok(Page { items, next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Hall;

    #[test]
    fn the_first_time_unlocks_and_every_other_answers_the_same() {
        let hall = Hall::new();
        hall.knows("ann");
        let first = hall.unlock("ann", "first_win").unwrap();
        assert_eq!((first.outcome, first.name.as_str()), (Outcome::Unlocked, "First Victory"));
        hall.later();
        for _ in 0..2 {
            let again = hall.unlock("ann", "first_win").unwrap();
            assert_eq!(again.outcome, Outcome::AlreadyUnlocked);
            assert_eq!(again.unlocked_at, first.unlocked_at);
        }
        assert_eq!(hall.told(), ["first_win"]);
        assert_eq!(hall.listed("ann"), ["first_win"]);
    }

    #[test]
    fn who_or_what_is_not_known_gets_nothing() {
        let hall = Hall::new();
        hall.knows("ann");
        assert_eq!(hall.unlock("bob", "first_win"), Err(Error::UnknownPlayer));
        assert_eq!(hall.unlock("ann", "nothing"), Err(Error::UnknownAchievement));
        let Err(Error::Invalid(detail)) = hall.unlock("a b", "") else { panic!("it is wrong") };
        assert_eq!(detail.split("; ").count(), 2);
        assert!(hall.told().is_empty() && hall.listed("bob").is_empty());
    }

    #[test]
    fn while_nobody_knows_the_players_those_who_have_something_go_on() {
        let hall = Hall::new();
        hall.level("ann", 5).unwrap();
        hall.hush();
        assert_eq!(hall.unlock("bob", "first_win"), Err(Error::Unavailable));
        assert_eq!(hall.unlock("ann", "level_5").unwrap().outcome, Outcome::AlreadyUnlocked);
        assert_eq!(hall.unlock("ann", "first_win").unwrap().outcome, Outcome::Unlocked);
        assert_eq!(hall.told(), ["level_5", "first_win"]);
    }

    #[test]
    fn pages_join_up_to_everything_the_newest_first() {
        let hall = Hall::new();
        hall.knows("ann");
        let all = ["first_game", "explorer", "first_win", "level_5", "collector"];
        for achievement in all {
            hall.unlock("ann", achievement).unwrap();
            hall.later();
        }
        let (mut listed, mut cursor) = (Vec::new(), None);
        loop {
            let page = list(&hall.database, "ann", Some(2), cursor).unwrap();
            assert!(page.items.len() <= 2);
            listed.extend(page.items.into_iter().map(|item| item.achievement));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        listed.reverse();
        assert_eq!(listed, all);
    }

    #[test]
    fn a_page_that_cannot_be_is_refused() {
        let hall = Hall::new();
        let list = |id, limit, cursor: Option<&str>| {
            list(&hall.database, id, Some(limit), cursor.map(str::to_owned))
        };
        for bad in [("ann", 0, None), ("ann", 101, None), ("a b", 1, None), ("ann", 1, Some("x"))] {
            assert!(matches!(list(bad.0, bad.1, bad.2), Err(ListError::Invalid(_))), "{bad:?}");
        }
    }

    #[test]
    fn unlocking_that_fails_half_way_unlocks_nothing_and_once_when_asked_again() {
        for steps in 0.. {
            let hall = Hall::new();
            hall.knows("ann");
            hall.database.fail_after(steps);
            let first = hall.unlock("ann", "first_win");
            hall.database.recover();
            if first.is_ok() {
                assert!(steps > 6, "it has steps");
                break;
            }
            assert_eq!((hall.told().len(), hall.listed("ann").len()), (0, 0), "{steps}");
            hall.unlock("ann", "first_win").unwrap();
            assert_eq!(hall.told(), ["first_win"]);
        }
    }
}
