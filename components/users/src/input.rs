//! The rules for what clients send.

use thali_support::check::Checks;
use thali_support::contact;

use crate::bindings::exports::thali::users::accounts::{Error, NewAccount};

/// What the host hashes at most, in bytes.
const PASSWORD_BYTES_MAX: usize = 1024;

/// The account with its address written the one way.
pub(crate) fn checked(mut new: NewAccount) -> Result<NewAccount, Error> {
    let mut checks = Checks::new();
    new.email = checks.email("/email", &new.email).to_ascii_lowercase();
    checks.line("/name", &new.name, 1..=100);
    let fits = new.password.len() <= PASSWORD_BYTES_MAX
        && (8..=256).contains(&new.password.chars().count());
    checks.rule(fits, "/password", "must have 8 to 256 characters");
    checks.done().map_err(Error::Invalid)?;
    Ok(new)
}

/// The address of an attempt to sign in, written the one way. A password that no account can have is
/// refused before any is looked for.
pub(crate) fn credentials(email: &str, password: &str) -> Result<String, Error> {
    let mut checks = Checks::new();
    let email = checks.email("/email", email).to_ascii_lowercase();
    let fits = (1..=PASSWORD_BYTES_MAX).contains(&password.len());
    checks.rule(fits, "/password", "must have 1 to 1024 bytes");
    checks.done().map_err(Error::Invalid)?;
    Ok(email)
}

/// An address written the one way: in lower case, the part before the `@` too, because nobody means
/// somebody else by a capital.
pub(crate) fn normalised(email: &str) -> Option<String> {
    contact::email(email).map(|email| email.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::new_account;

    #[test]
    fn every_broken_rule_is_named_and_the_password_is_not() {
        let wrong = NewAccount { email: "x".into(), name: " ".into(), password: "secret!".into() };
        let Err(Error::Invalid(detail)) = checked(wrong) else { panic!("it was accepted") };
        for place in ["/email", "/name", "/password"] {
            assert!(detail.contains(place), "{place} in {detail}");
        }
        assert!(!detail.contains("secret!"), "{detail}");
    }

    #[test]
    fn passwords_have_8_to_256_characters() {
        for (password, good) in [
            ("1234567".to_owned(), false),
            ("äöüäöüäö".to_owned(), true),
            ("x".repeat(256), true),
            ("x".repeat(257), false),
            ("x".repeat(1_000_000), false),
        ] {
            let new = NewAccount { password, ..new_account("ada@example.org") };
            assert_eq!(checked(new).is_ok(), good);
        }
    }

    #[test]
    fn addresses_are_written_one_way() {
        let new = new_account(" Ada.L@Example.ORG ");
        assert_eq!(checked(new).unwrap().email, "ada.l@example.org");
        assert_eq!(credentials("ADA.l@example.org", "x").unwrap(), "ada.l@example.org");
        assert_eq!(normalised("Ada@Example.org").as_deref(), Some("ada@example.org"));
        assert_eq!(normalised(""), None);
        assert!(credentials("ada@example.org", "").is_err());
        assert!(credentials("ada@example.org", &"x".repeat(1025)).is_err());
    }
}
