//! Attempts to sign in: each address may be tried so often, from wherever it is tried. An address without
//! an account is counted like any other.

use thali_support::sql::Failed;

use crate::bindings::exports::thali::users::accounts::{Error, Wait};
use crate::desk::Desk;
use crate::store;

/// Attempts in a window.
const COUNT_MAX: u32 = 10;

/// How long a window is. It begins with the first attempt.
const WINDOW_MS: i64 = 900_000;

/// How often an address was tried, and when that is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempts {
    pub(crate) count: u32,
    /// Milliseconds since 1970 in UTC.
    pub(crate) until: i64,
}

/// Counts an attempt, before anything is found out by it: many at once are no way around the limit.
pub(crate) fn admit(desk: &Desk<'_>, email: &str) -> Result<(), Error> {
    if let Some(before) = store::attempts(desk.database, email, desk.now_ms)?
        && before.count >= COUNT_MAX
    {
        // Nothing is written, so that this costs least.
        return Err(refused(desk, before));
    }
    let attempts = count(desk, email)?;
    if attempts.count > COUNT_MAX { Err(refused(desk, attempts)) } else { Ok(()) }
}

fn count(desk: &Desk<'_>, email: &str) -> Result<Attempts, Failed> {
    let transaction = desk.database.begin()?;
    let until = desk.now_ms + WINDOW_MS;
    let attempts = store::count_attempt(&*transaction, email, desk.now_ms, until)?;
    transaction.commit()?;
    Ok(attempts)
}

fn refused(desk: &Desk<'_>, attempts: Attempts) -> Error {
    let wait_ms = (attempts.until - desk.now_ms).clamp(0, WINDOW_MS);
    let seconds = u32::try_from((wait_ms + 999) / 1000).unwrap_or(u32::MAX);
    Error::TooManyAttempts(Wait { retry_after_seconds: seconds.max(1) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Office, PASSWORD};

    const ADA: &str = "ada@example.org";

    fn attempt(office: &Office, email: &str, password: &str) -> Result<(), Error> {
        office.login(email, password).map(drop)
    }

    #[test]
    fn ten_attempts_are_answered_and_the_eleventh_waits_even_with_the_right_password() {
        for registered in [true, false] {
            let office = Office::new();
            if registered {
                office.register(ADA);
            }
            for _ in 0..COUNT_MAX {
                assert_eq!(attempt(&office, ADA, "wrong"), Err(Error::BadCredentials));
            }
            office.pass(1_500);
            for password in ["wrong", PASSWORD] {
                let refused = attempt(&office, ADA, password);
                let wait = Wait { retry_after_seconds: 899 };
                assert_eq!(refused, Err(Error::TooManyAttempts(wait)));
            }
            assert_eq!(office.verified(), COUNT_MAX, "no more passwords are looked at");
            assert_eq!(attempt(&office, "bob@example.org", "x"), Err(Error::BadCredentials));
        }
    }

    #[test]
    fn after_the_window_one_may_try_again() {
        let office = Office::new();
        office.register(ADA);
        for _ in 0..=COUNT_MAX {
            attempt(&office, ADA, "wrong").unwrap_err();
        }
        office.pass(WINDOW_MS);
        assert_eq!(attempt(&office, "Ada@Example.org", PASSWORD), Ok(()));
    }

    #[test]
    fn signing_in_begins_the_count_anew() {
        let office = Office::new();
        office.register(ADA);
        for _ in 0..3 {
            for _ in 1..COUNT_MAX {
                assert_eq!(attempt(&office, ADA, "wrong"), Err(Error::BadCredentials));
            }
            assert_eq!(attempt(&office, ADA, PASSWORD), Ok(()));
        }
    }

    #[test]
    fn an_attempt_that_cannot_be_counted_is_not_made() {
        for steps in 0..4 {
            let office = Office::new();
            office.register(ADA);
            office.database.fail_after(steps);
            assert_eq!(attempt(&office, ADA, PASSWORD), Err(Error::Unavailable), "{steps}");
            office.database.recover();
            assert_eq!(office.verified(), 0, "{steps}");
        }
    }
}
