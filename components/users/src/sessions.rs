//! Signing in, and staying signed in.
//!
//! A refresh token is good once. All that came of one sign-in are a family: when one that was used comes
//! again, somebody else has it, and nobody knows who of the two is the thief. So the whole family ends.

use thali_support::id;
use thali_support::sql::{ConstraintKind, Failed, Transaction, commit};

use crate::attempts;
use crate::bindings::exports::thali::users::accounts::{Error, Session};
use crate::desk::Desk;
use crate::store::{self, Kept, User};
use crate::{input, token};

/// How long a refresh token can be used.
const REFRESH_MS: i64 = 30 * 86_400_000;

/// Signs in with a password. For an address without an account the same is done, for nothing.
pub(crate) fn login(desk: &Desk<'_>, email: &str, password: &str) -> Result<Session, Error> {
    let email = input::credentials(email, password)?;
    attempts::admit(desk, &email)?;
    let user = store::by_email(desk.database, &email)?;
    let hash = user.as_ref().map(|user| user.password_hash.as_str());
    let is_right = desk.identity.verify(hash, password)?;
    let user = user.filter(|_| is_right).ok_or(Error::BadCredentials)?;
    begin(desk, &user)
}

fn begin(desk: &Desk<'_>, user: &User) -> Result<Session, Error> {
    let next = Next::of(desk, &user.account.id, &user.account.email, id::new())?;
    let transaction = desk.database.begin()?;
    store::forget_attempts(&*transaction, &user.account.email)?;
    next.keep(&*transaction)?;
    match transaction.commit() {
        Ok(()) => Ok(next.session),
        // The account was removed meanwhile.
        Err(Failed::Constraint(ConstraintKind::ForeignKey)) => Err(Error::BadCredentials),
        Err(failed) => Err(failed.into()),
    }
}

/// Goes on with a session.
pub(crate) fn refresh(desk: &Desk<'_>, text: &str) -> Result<Session, Error> {
    let digest = token::digest(text).ok_or(Error::BadRefreshToken)?;
    let kept = store::kept(desk.database, &digest)?.ok_or(Error::BadRefreshToken)?;
    if kept.expires_at <= desk.now_ms {
        return Err(Error::BadRefreshToken);
    }
    let rotated = if kept.used { None } else { rotate(desk, &digest, &kept)? };
    if rotated.is_none() {
        store::end_family(desk.database, &kept.family)?;
    }
    rotated.ok_or(Error::BadRefreshToken)
}

/// The next token in place of this one. `None`: somebody else was faster, or the session is over.
fn rotate(desk: &Desk<'_>, digest: &str, kept: &Kept) -> Result<Option<Session>, Error> {
    let next = Next::of(desk, &kept.user_id, &kept.email, kept.family.clone())?;
    let transaction = desk.database.begin()?;
    store::use_up(&*transaction, digest)?;
    next.keep(&*transaction)?;
    Ok(commit(transaction)?.then_some(next.session))
}

/// A session that is about to begin.
struct Next {
    session: Session,
    digest: String,
    kept: Kept,
}

impl Next {
    fn of(desk: &Desk<'_>, user_id: &str, email: &str, family: String) -> Result<Self, Error> {
        let access = desk.identity.mint(user_id, desk.scopes(email))?;
        let refresh_token = token::new();
        let digest = token::digest(&refresh_token).ok_or(Error::Unavailable)?;
        let kept = Kept {
            family,
            user_id: user_id.to_owned(),
            email: email.to_owned(),
            used: false,
            expires_at: desk.now_ms + REFRESH_MS,
        };
        let session = Session {
            access_token: access.text,
            token_type: "Bearer".to_owned(),
            expires_in: access.expires_in_seconds,
            refresh_token,
        };
        Ok(Self { session, digest, kept })
    }

    fn keep(&self, transaction: &dyn Transaction) -> Result<(), Failed> {
        store::insert_token(transaction, &self.digest, &self.kept)
    }
}

#[cfg(test)]
mod tests {
    use thali_support::sql::Query as _;

    use super::*;
    use crate::testing::{ADMIN_EMAIL, Office, PASSWORD};

    const ADA: &str = "ada@example.org";

    fn signed_in() -> (Office, Session) {
        let office = Office::new();
        office.register(ADA);
        let session = office.login(ADA, PASSWORD).unwrap();
        (office, session)
    }

    #[test]
    fn signing_in_gives_a_token_of_the_account_that_allows_nothing() {
        let office = Office::new();
        let account = office.register(ADA);
        let session = office.login("ADA@example.org ", PASSWORD).unwrap();
        assert_eq!(session.access_token, ["token of ", &account.id, " for "].concat());
        assert_eq!((session.token_type.as_str(), session.expires_in), ("Bearer", 900));
    }

    #[test]
    fn a_wrong_password_and_an_unknown_address_are_refused_alike_after_the_same_work() {
        let office = Office::new();
        office.register(ADA);
        let refused = Err(Error::BadCredentials);
        for (email, attempts) in [(ADA, 1), ("nobody@example.org", 2)] {
            assert_eq!(office.login(email, "wrong"), refused);
            assert_eq!(office.verified(), attempts);
        }
    }

    #[test]
    fn the_account_of_the_configured_address_may_do_everything() {
        let office = Office::new();
        office.register_as_admin(ADMIN_EMAIL);
        let session = office.login(ADMIN_EMAIL, PASSWORD).unwrap();
        assert!(session.access_token.ends_with(" for admin"));
        assert!(office.refresh(&session).unwrap().access_token.ends_with(" for admin"));
    }

    #[test]
    fn every_refresh_gives_another_token() {
        let (office, first) = signed_in();
        let second = office.refresh(&first).unwrap();
        let third = office.refresh(&second).unwrap();
        assert_ne!(first.refresh_token, second.refresh_token);
        assert_ne!(second.refresh_token, third.refresh_token);
        assert_eq!(third.access_token, first.access_token);
    }

    #[test]
    fn a_token_that_comes_again_ends_its_family_and_no_other() {
        let (office, first) = signed_in();
        let other = office.login(ADA, PASSWORD).unwrap();
        let second = office.refresh(&first).unwrap();
        for session in [&first, &second, &first] {
            assert_eq!(office.refresh(session), Err(Error::BadRefreshToken));
        }
        assert!(office.refresh(&other).is_ok());
    }

    #[test]
    fn of_two_who_refresh_at_once_the_second_ends_the_family() {
        let (office, first) = signed_in();
        let digest = token::digest(&first.refresh_token).unwrap();
        let kept = store::kept(&office.database, &digest).unwrap().unwrap();
        let second = office.refresh(&first).unwrap();
        // What the slower one does, who had read the token before.
        assert_eq!(rotate(&office.desk(), &digest, &kept), Ok(None));
        assert!(office.refresh(&second).is_ok(), "reading it late changes nothing by itself");
        assert_eq!(office.refresh(&first), Err(Error::BadRefreshToken));
        assert_eq!(office.count("refresh_tokens"), 0);
    }

    #[test]
    fn a_token_expires_after_30_days() {
        let (office, first) = signed_in();
        office.pass(REFRESH_MS - 1);
        let second = office.refresh(&first).unwrap();
        office.pass(REFRESH_MS);
        assert_eq!(office.refresh(&second), Err(Error::BadRefreshToken));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let (office, first) = signed_in();
        let twisted: String = first.refresh_token.chars().rev().collect();
        for text in ["", "x", &twisted, &"x".repeat(100_000)] {
            assert_eq!(refresh(&office.desk(), text), Err(Error::BadRefreshToken));
        }
        assert!(office.refresh(&first).is_ok());
    }

    #[test]
    fn neither_password_nor_token_is_kept() {
        let (office, session) = signed_in();
        for table in ["users", "refresh_tokens"] {
            let rows = office.database.query(&["SELECT * FROM ", table].concat(), &[]).unwrap();
            let rows = format!("{:?}", rows.rows);
            assert!(!rows.contains(&session.refresh_token), "{rows}");
            assert!(!rows.contains(&format!("\"{PASSWORD}\"")), "{rows}");
        }
    }

    #[test]
    fn a_refresh_that_fails_anywhere_leaves_the_token_good() {
        for steps in 0..5 {
            let (office, session) = signed_in();
            office.database.fail_after(steps);
            assert_eq!(office.refresh(&session), Err(Error::Unavailable), "{steps}");
            office.database.recover();
            assert!(office.refresh(&session).is_ok(), "{steps}");
        }
    }

    #[test]
    fn while_the_host_does_not_answer_nothing_begins() {
        let (office, session) = signed_in();
        office.silence();
        assert_eq!(office.login(ADA, PASSWORD), Err(Error::Unavailable));
        assert_eq!(office.refresh(&session), Err(Error::Unavailable));
        office.speak();
        assert!(office.refresh(&session).is_ok());
    }
}
