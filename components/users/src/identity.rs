//! Passwords and tokens. Both are the host's work: no key and no hash function is in here.

use crate::bindings::exports::thali::users::accounts::Error;
use crate::bindings::thali::platform::identity::{self, Claims, Error as HostError};

/// How long an access token lives. It cannot be taken back, so it is short.
const ACCESS_SECONDS: u32 = 900;

/// An access token.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) text: String,
    pub(crate) expires_in_seconds: u32,
}

/// Who hashes passwords and makes tokens.
pub(crate) trait Identity {
    /// A hash to keep.
    fn hash(&self, password: &str) -> Result<String, Error>;
    /// Whether it is the password. Without a hash it never is, which takes as long.
    fn verify(&self, hash: Option<&str>, password: &str) -> Result<bool, Error>;
    /// A token for `subject`.
    fn mint(&self, subject: &str, scopes: &[&str]) -> Result<Access, Error>;
}

/// The host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Identity for Live {
    fn hash(&self, password: &str) -> Result<String, Error> {
        identity::hash_password(password).map_err(unavailable)
    }

    fn verify(&self, hash: Option<&str>, password: &str) -> Result<bool, Error> {
        identity::verify_password(hash, password).map_err(unavailable)
    }

    fn mint(&self, subject: &str, scopes: &[&str]) -> Result<Access, Error> {
        let claims = Claims {
            subject: subject.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ttl_seconds: ACCESS_SECONDS,
        };
        let token = identity::mint(&claims).map_err(unavailable)?;
        Ok(Access { text: token.text, expires_in_seconds: token.expires_in_seconds })
    }
}

/// What the host refuses for good (a scope that it does not grant, say) is for the operator: the rules for
/// what clients send are checked before.
fn unavailable(error: HostError) -> Error {
    let (HostError::Refused(detail) | HostError::Unavailable(detail)) = error;
    eprintln!("the host did not do it: {detail}");
    Error::Unavailable
}
