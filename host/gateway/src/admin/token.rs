//! The token of the admin API.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thali_platform::config::Secret;
use thiserror::Error;

use super::audit::Actor;
use super::may::May;
use crate::auth::{Denied, FailureLimits, Failures};

/// The shortest token, in bytes: 128 bits in hexadecimal.
pub const ADMIN_TOKEN_BYTES_MIN: usize = 32;

/// A token that could be guessed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "the admin token has {0} bytes, at least {ADMIN_TOKEN_BYTES_MIN} visible ASCII characters are \
     needed: `openssl rand -hex 32` makes one"
)]
pub struct WeakAdminToken(pub usize);

/// What every request of the admin API has to have.
#[derive(Clone, Debug)]
pub struct AdminToken([u8; 32]);

impl AdminToken {
    /// A token; only its digest is kept.
    ///
    /// # Errors
    ///
    /// When it is too short, or cannot be in a header.
    pub fn new(token: &Secret) -> Result<Self, WeakAdminToken> {
        let bytes = token.expose().as_bytes();
        if bytes.len() < ADMIN_TOKEN_BYTES_MIN || !bytes.iter().all(u8::is_ascii_graphic) {
            return Err(WeakAdminToken(bytes.len()));
        }
        Ok(Self(Sha256::digest(bytes).into()))
    }

    /// Digests of one length are compared in a time that tells nothing.
    fn is(&self, given: &[u8]) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.0.ct_eq(&given).into()
    }
}

/// What whoever has shown the token is called.
const TOKEN: &str = "token";

/// Who comes, and what they may do: whoever has the token everything, and whoever reaches it when there is none.
pub(super) struct Door {
    token: Option<AdminToken>,
    /// Who has no token may look at the host.
    reads_are_open: bool,
    failures: Failures,
}

/// Who has come in.
pub(super) struct Visitor {
    pub(super) actor: Actor,
    pub(super) may: May,
    /// They have shown it, and were not let in for want of one.
    pub(super) has_token: bool,
}

impl Door {
    pub(super) fn new(token: Option<AdminToken>, reads_are_open: bool) -> Self {
        Self { token, reads_are_open, failures: Failures::new(FailureLimits::default()) }
    }

    /// Who sends a request with this head. A token that is given has to be the right one.
    pub(super) fn enter(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Visitor, Denied> {
        let visitor =
            |name, may| Ok(Visitor { actor: Actor { name, peer }, may, has_token: name == TOKEN });
        let Some(token) = &self.token else { return visitor("loopback", May::Write) };
        if !headers.contains_key(AUTHORIZATION) {
            return visitor(
                "anonymous",
                if self.reads_are_open { May::Read } else { May::Nothing },
            );
        }
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let given = match (values.next(), values.next()) {
            (None, _) => return Err(Denied::NoToken),
            (Some(_), Some(_)) => return Err(Denied::TwoTokens),
            (Some(value), None) => value.as_bytes(),
        };
        let (scheme, rest) = given.split_at_checked("Bearer ".len()).unwrap_or_default();
        if scheme.eq_ignore_ascii_case(b"Bearer ") && token.is(rest.trim_ascii_start()) {
            return visitor(TOKEN, May::Write);
        }
        // Whoever has the token is let in, whatever others at the same address have tried.
        if let Some(retry_s) = self.failures.blocked_for(peer) {
            return Err(Denied::TooManyFailures { retry_s });
        }
        self.failures.count(peer);
        tracing::warn!(%peer, "a request with a wrong token was sent to the admin API");
        Err(Denied::BadToken)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn only_the_token_opens_and_guessing_is_slow() {
        let door = Door::new(Some(AdminToken::new(&Secret::new(SECRET)).unwrap()), true);
        let peer = IpAddr::from([10, 0, 0, 1]);
        let enter = |text: &str, peer| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_str(text).unwrap());
            door.enter(&headers, peer).map(|visitor| visitor.actor.name)
        };
        for good in [format!("Bearer {SECRET}"), format!("bearer  {SECRET}")] {
            assert_eq!(enter(&good, peer), Ok("token"));
        }
        let upper = SECRET.to_uppercase();
        let bad = ["", "Bearer", "Bearer ", SECRET, &SECRET[1..], &upper];
        for bad in bad {
            assert_eq!(enter(bad, peer), Err(Denied::BadToken), "{bad}");
            assert_eq!(enter(&format!("Bearer x{bad}"), peer), Err(Denied::BadToken), "{bad}");
        }
        let blocked = (0..100).any(|_| {
            matches!(enter("Bearer no", peer), Err(Denied::TooManyFailures { retry_s: 1.. }))
        });
        assert!(blocked);
        assert_eq!(enter(&format!("Bearer {SECRET}"), peer), Ok("token"), "from there as well");
        let anonymous = door.enter(&HeaderMap::new(), peer).map(|visitor| visitor.may);
        assert_eq!(anonymous, Ok(May::Read), "who guesses nothing is not in anybody's way");
        assert_eq!(enter(&format!("Bearer {SECRET}"), [10, 0, 0, 2].into()), Ok("token"));
    }

    #[test]
    fn without_the_token_there_is_what_is_open() {
        let token = || Some(AdminToken::new(&Secret::new(SECRET)).unwrap());
        let may = |door: &Door| {
            door.enter(&HeaderMap::new(), [127, 0, 0, 1].into()).map(|visitor| visitor.may)
        };
        assert_eq!(may(&Door::new(token(), false)), Ok(May::Nothing));
        assert_eq!(may(&Door::new(token(), true)), Ok(May::Read));
        assert_eq!(may(&Door::new(None, false)), Ok(May::Write));
    }

    #[test]
    fn a_short_token_is_none() {
        for bad in ["", "short", &SECRET[1..], "0123456789abcdef 0123456789abcdef"] {
            assert_eq!(AdminToken::new(&Secret::new(bad)).err(), Some(WeakAdminToken(bad.len())));
        }
    }
}
