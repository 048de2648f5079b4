//! Showing players, and giving them xp and names.

use thali_support::check::Checks;
use thali_support::id::is_plausible;
use thali_support::sql::{ConstraintKind, Database, Failed};

use crate::bindings::exports::thali::players::profiles::{Error, FindError, Profile, Progress};
use crate::desk::Desk;
use crate::events::Event;
use crate::levels::level;
use crate::store::{self, Gained, Stored};

/// The most that is given at a time.
const AMOUNT_MAX: u32 = 1_000_000;

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

impl From<Failed> for FindError {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// A player as everybody sees them: the default one when nothing is stored.
pub(crate) fn get(desk: Desk<'_>, id: String) -> Result<Profile, Error> {
    let mut checks = Checks::new();
    checks.id("id", &id);
    checks.done().map_err(Error::Invalid)?;
    let stored = desk.cache.get(&id, &|| store::get(desk.database, &id))?;
    let stored = stored.unwrap_or_else(|| Stored { username: default_name(&id), xp: 0 });
    Ok(profile(id, stored))
}

/// A player who is stored. Not from the cache: others decide by whether there is one.
pub(crate) fn find(database: &dyn Database, id: String) -> Result<Profile, FindError> {
    let stored = if is_plausible(&id) { store::get(database, &id)? } else { None };
    stored.map(|stored| profile(id, stored)).ok_or(FindError::NotFound)
}

/// Gives a player a name.
pub(crate) fn rename(desk: Desk<'_>, id: String, username: String) -> Result<Profile, Error> {
    let mut checks = Checks::new();
    checks.id("id", &id);
    checks.line("/username", &username, 1..=40);
    checks.done().map_err(Error::Invalid)?;
    let transaction = desk.database.begin()?;
    let stored = store::rename(&*transaction, &id, &username)?;
    desk.events.publish(Event::PlayerRenamed { player_id: id.clone(), username })?;
    transaction.commit()?;
    desk.cache.forget(&id);
    Ok(profile(id, stored))
}

/// Gives a player xp. The same request once more gives nothing, and gets the same answer.
pub(crate) fn gain_xp(
    desk: Desk<'_>,
    id: &str,
    amount: u32,
    request_id: Option<&str>,
) -> Result<Progress, Error> {
    let mut checks = Checks::new();
    checks.id("id", id);
    checks.rule((1..=AMOUNT_MAX).contains(&amount), "/amount", "must be 1 to 1000000");
    checks.done().map_err(Error::Invalid)?;
    if let Some(gained) = gained_before(desk, request_id)? {
        return Ok(progress(id, gained));
    }
    let gained = match give(desk, id, amount, request_id) {
        // The same request, at the same time.
        Err(Failed::Constraint(ConstraintKind::Unique)) => gained_before(desk, request_id)?,
        given => given?,
    };
    desk.cache.forget(id);
    let too_much = || Error::Invalid("/amount is more than the player may have in all".to_owned());
    gained.map(|gained| progress(id, gained)).ok_or_else(too_much)
}

fn gained_before(desk: Desk<'_>, request_id: Option<&str>) -> Result<Option<Gained>, Failed> {
    request_id.map_or(Ok(None), |request_id| store::of_request(desk.database, request_id))
}

/// Gives xp, and tells of it. Nothing when it would be too much.
fn give(
    desk: Desk<'_>,
    id: &str,
    amount: u32,
    request_id: Option<&str>,
) -> Result<Option<Gained>, Failed> {
    let transaction = desk.database.begin()?;
    let Some(player) = store::gain(&*transaction, id, &default_name(id), amount)? else {
        return Ok(None);
    };
    let gained = Gained { player, amount };
    if let Some(request_id) = request_id {
        store::keep_request(&*transaction, request_id, id, &gained, desk.now_ms)?;
    }
    let Progress { id: player_id, username, level, xp, levelled_up } = progress(id, gained.clone());
    if levelled_up {
        let (player_id, username) = (player_id.clone(), username.clone());
        desk.events.publish(Event::LevelledUp { player_id, username, level })?;
    }
    desk.events.publish(Event::XpGained { player_id, username, amount, xp, level })?;
    transaction.commit()?;
    Ok(Some(gained))
}

fn default_name(id: &str) -> String {
    ["player-", id].concat()
}

fn profile(id: String, stored: Stored) -> Profile {
    let Stored { username, xp } = stored;
    Profile { id, username, level: level(xp), xp }
}

fn progress(id: &str, gained: Gained) -> Progress {
    let Gained { player: Stored { username, xp }, amount } = gained;
    let before = level(xp.saturating_sub(amount.into()));
    let level = level(xp);
    Progress { id: id.to_owned(), username, level, xp, levelled_up: level > before }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Arcade;

    fn standing(arcade: &Arcade, id: &str) -> (String, u32, u64) {
        let profile = arcade.get(id).unwrap();
        (profile.username, profile.level, profile.xp)
    }

    #[test]
    fn everybody_has_a_profile_but_only_players_are_stored() {
        let arcade = Arcade::new();
        assert_eq!(standing(&arcade, "7"), ("player-7".into(), 1, 0));
        assert_eq!(arcade.stored(), 0);
        assert_eq!(find(&arcade.database, "7".into()), Err(FindError::NotFound));
        arcade.gain("7", 10, None).unwrap();
        assert_eq!(arcade.stored(), 1);
        assert_eq!(find(&arcade.database, "7".into()).unwrap().xp, 10);
        assert_eq!(standing(&arcade, "7"), ("player-7".into(), 1, 10));
    }

    #[test]
    fn xp_adds_up_to_levels_and_both_are_told() {
        let arcade = Arcade::new();
        let seen: Vec<_> = [99, 1, 499, 1]
            .map(|amount| arcade.gain("7", amount, None).unwrap())
            .map(|progress| (progress.level, progress.xp, progress.levelled_up))
            .into();
        assert_eq!(seen, [(1, 99, false), (2, 100, true), (3, 599, true), (4, 600, true)]);
        let (player_id, username) = ("7".to_owned(), "player-7".to_owned());
        let levels = arcade.events().into_iter().filter_map(|event| match event {
            Event::LevelledUp { level, .. } => Some(level),
            _ => None,
        });
        assert_eq!(levels.collect::<Vec<_>>(), [2, 3, 4]);
        let last = Event::XpGained { player_id, username, amount: 1, xp: 600, level: 4 };
        assert_eq!(arcade.events().last(), Some(&last));
        assert_eq!(arcade.events().len(), 7);
    }

    #[test]
    fn a_request_that_comes_again_gives_nothing_and_is_answered_alike() {
        let arcade = Arcade::new();
        let first = arcade.gain("7", 150, Some("r-1")).unwrap();
        arcade.gain("7", 1000, Some("r-2")).unwrap();
        let told = arcade.events().len();
        assert_eq!(arcade.gain("7", 150, Some("r-1")).unwrap(), first);
        assert_eq!((first.level, first.xp, first.levelled_up), (2, 150, true));
        assert_eq!((arcade.get("7").unwrap().xp, arcade.events().len()), (1150, told));
    }

    #[test]
    fn a_name_stays_and_is_told() {
        let arcade = Arcade::new();
        assert_eq!(arcade.rename("7", "Ada").unwrap().xp, 0);
        arcade.gain("7", 100, None).unwrap();
        assert_eq!(standing(&arcade, "7"), ("Ada".into(), 2, 100));
        arcade.rename("7", "Grace").unwrap();
        assert_eq!(standing(&arcade, "7"), ("Grace".into(), 2, 100));
        let renamed = Event::PlayerRenamed { player_id: "7".into(), username: "Grace".into() };
        assert_eq!(arcade.events().last(), Some(&renamed));
    }

    #[test]
    fn a_profile_is_read_once_and_again_after_a_change() {
        let arcade = Arcade::new();
        for _ in 0..3 {
            arcade.get("7").unwrap();
        }
        assert_eq!(arcade.loads(), 1);
        arcade.gain("7", 5, None).unwrap();
        assert_eq!(arcade.get("7").unwrap().xp, 5);
        arcade.rename("7", "Ada").unwrap();
        assert_eq!(arcade.get("7").unwrap().username, "Ada");
        assert_eq!(arcade.loads(), 3);
    }

    #[test]
    fn wrong_input_names_every_rule_and_changes_nothing() {
        let arcade = Arcade::new();
        let broken = |error| match error {
            Error::Invalid(detail) => detail.split("; ").count(),
            Error::Unavailable => 0,
        };
        assert_eq!(broken(arcade.gain("a b", 0, None).unwrap_err()), 2);
        assert_eq!(broken(arcade.gain("7", 1_000_001, None).unwrap_err()), 1);
        assert_eq!(broken(arcade.rename("", "a\nb").unwrap_err()), 2);
        assert_eq!(broken(arcade.get(&"x".repeat(65)).unwrap_err()), 1);
        assert_eq!(find(&arcade.database, "a b".into()), Err(FindError::NotFound));
        assert_eq!((arcade.stored(), arcade.events()), (0, vec![]));
    }

    #[test]
    fn nobody_gets_more_than_there_is() {
        let arcade = Arcade::new();
        arcade.gain("7", 1, None).unwrap();
        let sql = "UPDATE players SET xp = 999999999999990";
        arcade.database.execute(sql, &[]).unwrap();
        assert!(matches!(arcade.gain("7", 11, Some("r-1")), Err(Error::Invalid(_))));
        assert_eq!(arcade.gain("7", 10, None).unwrap().xp, 1_000_000_000_000_000);
    }

    #[test]
    fn a_gain_that_fails_half_way_was_not_made_and_is_made_once_when_sent_again() {
        for steps in 0.. {
            let arcade = Arcade::new();
            arcade.database.fail_after(steps);
            let first = arcade.gain("7", 100, Some("r-1"));
            arcade.database.recover();
            if first.is_ok() {
                assert!(steps > 4, "it has steps");
                break;
            }
            assert_eq!((arcade.stored(), arcade.events()), (0, vec![]), "{steps}");
            assert_eq!(arcade.gain("7", 100, Some("r-1")).unwrap().xp, 100);
            assert_eq!(arcade.events().len(), 2);
        }
    }
}
