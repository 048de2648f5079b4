//! Accounts: making them, reading them, removing them.

use thali_support::check::{Checks, UNKNOWN_CURSOR};
use thali_support::clock::rfc3339;
use thali_support::id;
use thali_support::sql::{ConstraintKind, Database, Failed, Query};

use crate::bindings::exports::thali::users::accounts::{Account, Error, NewAccount, Page};
use crate::desk::Desk;
use crate::input;
use crate::store::{self, User};

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// Makes an account.
pub(crate) fn create(desk: &Desk<'_>, new: NewAccount) -> Result<Account, Error> {
    let new = input::checked(new)?;
    if desk.is_reserved(&new.email) && !desk.caller.is_admin() {
        return Err(Error::Reserved);
    }
    // Hashing costs, and would be for nothing.
    if store::by_email(desk.database, &new.email)?.is_some() {
        return Err(Error::EmailTaken);
    }
    let user = User {
        account: Account {
            id: id::new(),
            email: new.email,
            name: new.name,
            created_at: rfc3339(desk.now_ms),
        },
        password_hash: desk.identity.hash(&new.password)?,
    };
    match store::insert(desk.database, &user, desk.now_ms) {
        Ok(()) => Ok(user.account),
        Err(Failed::Constraint(ConstraintKind::Unique)) => Err(Error::EmailTaken),
        Err(failed) => Err(failed.into()),
    }
}

/// The caller's account.
pub(crate) fn me(desk: &Desk<'_>) -> Result<Account, Error> {
    get(desk.database, &desk.caller.subject().ok_or(Error::NotFound)?)
}

/// Removes the caller's account and its sessions.
pub(crate) fn remove_me(desk: &Desk<'_>) -> Result<(), Error> {
    let account = me(desk)?;
    if store::remove(desk.database, &account)? { Ok(()) } else { Err(Error::NotFound) }
}

/// An account. A token that was made elsewhere may have any subject.
pub(crate) fn get(database: &dyn Query, id: &str) -> Result<Account, Error> {
    let found = if id::is_plausible(id) { store::by_id(database, id)? } else { None };
    found.ok_or(Error::NotFound)
}

/// Accounts, the newest first.
pub(crate) fn list(
    database: &dyn Database,
    limit: Option<u32>,
    cursor: Option<&str>,
) -> Result<Page, Error> {
    let mut checks = Checks::new();
    let limit = checks.page(limit, cursor);
    checks.done().map_err(Error::Invalid)?;
    let mut items = store::page(database, cursor, limit + 1)?;
    if let Some(cursor) = cursor.filter(|_| items.is_empty())
        && store::by_id(database, cursor)?.is_none()
    {
        return Err(Error::Invalid(["cursor", UNKNOWN_CURSOR].join(" ")));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|account| account.id.clone());
    Ok(Page { items, next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ADMIN_EMAIL, Office, PASSWORD, new_account};

    const ADA: &str = "ada@example.org";

    #[test]
    fn an_account_is_read_as_it_was_made() {
        let office = Office::new();
        let account = office.register("Ada@Example.org");
        assert_eq!((account.email.as_str(), account.name.as_str()), (ADA, "Ada"));
        assert_eq!(account.created_at, "2026-11-22T00:00:00.000Z");
        assert_eq!(get(&office.database, &account.id), Ok(account));
        for id in ["", "nobody", "a\0b", &"x".repeat(10_000)] {
            assert_eq!(get(&office.database, id), Err(Error::NotFound));
        }
    }

    #[test]
    fn an_address_has_one_account_however_it_is_written() {
        let office = Office::new();
        office.register(ADA);
        for email in [ADA, "ADA@EXAMPLE.ORG"] {
            assert_eq!(create(&office.desk(), new_account(email)), Err(Error::EmailTaken));
        }
        assert_eq!((office.count("users"), office.hashed()), (1, 1));
    }

    #[test]
    fn of_two_who_register_at_once_one_gets_the_account() {
        let office = Office::new();
        // The other one is faster, while the password is hashed.
        office.register_while_hashing(ADA);
        assert_eq!(create(&office.desk(), new_account(ADA)), Err(Error::EmailTaken));
        assert_eq!(office.count("users"), 1);
    }

    #[test]
    fn the_address_of_the_administrator_is_not_for_everybody() {
        let office = Office::new();
        office.register(ADA);
        for email in [ADMIN_EMAIL, "Root@Example.ORG"] {
            assert_eq!(create(&office.desk(), new_account(email)), Err(Error::Reserved));
        }
        assert_eq!((office.count("users"), office.hashed()), (1, 1));
        office.register_as_admin(ADMIN_EMAIL);
        assert_eq!(create(&office.desk(), new_account(ADMIN_EMAIL)), Err(Error::Reserved));
    }

    #[test]
    fn an_account_that_is_removed_is_gone_with_all_its_sessions() {
        let office = Office::new();
        let (ada, bob) = (office.register(ADA), office.register("bob@example.org"));
        let sessions = [ADA, ADA, "bob@example.org"].map(|e| office.login(e, PASSWORD).unwrap());
        office.login(ADA, "wrong").unwrap_err();
        office.sign_in_as(&ada.id);
        assert_eq!(me(&office.desk()), Ok(ada.clone()));
        assert_eq!(remove_me(&office.desk()), Ok(()));
        assert_eq!(remove_me(&office.desk()), Err(Error::NotFound));
        assert_eq!(me(&office.desk()), Err(Error::NotFound));
        assert_eq!(get(&office.database, &bob.id), Ok(bob));
        let good = sessions.map(|session| office.refresh(&session).is_ok());
        assert_eq!((good, office.count("attempts")), ([false, false, true], 0));
        assert_eq!(office.login(ADA, PASSWORD), Err(Error::BadCredentials));
        office.register(ADA);
    }

    #[test]
    fn removing_is_all_or_nothing() {
        for steps in 0..2 {
            let office = Office::new();
            let ada = office.register(ADA);
            let session = office.login(ADA, PASSWORD).unwrap();
            office.sign_in_as(&ada.id);
            office.database.fail_after(steps);
            assert_eq!(remove_me(&office.desk()), Err(Error::Unavailable), "{steps}");
            office.database.recover();
            assert!(office.refresh(&session).is_ok(), "{steps}");
        }
    }

    #[test]
    fn a_list_has_everybody_page_by_page_the_newest_first() {
        let office = Office::new();
        let mut ids = Vec::new();
        for name in ["a", "b", "c", "d", "e"] {
            ids.push(office.register(&[name, "@example.org"].concat()).id);
            office.pass(1);
        }
        let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = list(&office.database, Some(2), cursor.as_deref()).unwrap();
            seen.extend(page.items.into_iter().map(|account| account.id));
            (cursor, pages) = (page.next, pages + 1);
            if cursor.is_none() {
                break;
            }
        }
        ids.reverse();
        assert_eq!((seen, pages), (ids, 3));
        for (limit, cursor) in [(Some(0), None), (Some(101), None), (None, Some("nobody"))] {
            let refused = list(&office.database, limit, cursor);
            assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        }
    }
}
