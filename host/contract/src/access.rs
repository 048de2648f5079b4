//! Who may use a route: what the manifest asks of a caller, and the scopes it is said with.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The longest scope, in bytes.
pub const SCOPE_BYTES_MAX: usize = 100;

/// One scope of a token: visible ASCII without `"` and `\` (RFC 6749, section 3.3), at most
/// [`SCOPE_BYTES_MAX`] bytes.
///
/// ```
/// use thali_contract::access::Scope;
///
/// let scope: Scope = "orders:write".parse()?;
/// assert_eq!(scope.as_str(), "orders:write");
/// assert!("orders write".parse::<Scope>().is_err());
/// # Ok::<_, thali_contract::access::InvalidScope>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(Box<str>);

/// A text that is not a [`Scope`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{0:?} is not a scope: write 1 to {SCOPE_BYTES_MAX} visible ASCII characters without quotes and \
     backslashes, such as orders:write"
)]
pub struct InvalidScope(pub String);

/// What a route asks of whoever uses it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Nothing. A token that is sent is checked all the same.
    #[default]
    Public,
    /// A token with this scope on a host that checks tokens, nothing on one that does not. For routes that no
    /// manifest has: `admin`.
    Implied(Scope),
    /// A token, whatever it allows: `auth = "required"`.
    SignedIn,
    /// A token with this scope, or with `admin`: `scope = "orders:write"`.
    Scope(Scope),
}

impl Scope {
    /// The scope that has all others.
    pub fn admin() -> Self {
        Self("admin".into())
    }

    /// The scope as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = (1..=SCOPE_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'));
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(InvalidScope(text.chars().take(SCOPE_BYTES_MAX).collect()))
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Access {
    /// Whether a request without a token is refused.
    pub fn needs_token(&self) -> bool {
        !matches!(self, Self::Public)
    }

    /// The scope that is asked for.
    pub fn scope(&self) -> Option<&Scope> {
        match self {
            Self::Scope(scope) | Self::Implied(scope) => Some(scope),
            Self::Public | Self::SignedIn => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_one_word_that_fits_into_a_header() {
        for good in ["admin", "orders:write", "a", "https://x.example/scope", "!#[]~"] {
            assert!(good.parse::<Scope>().is_ok(), "{good}");
        }
        let long = "s".repeat(SCOPE_BYTES_MAX + 1);
        for bad in ["", " ", "a b", "a\"b", "a\\b", "a\nb", "schl\u{fc}ssel", &long] {
            assert!(bad.parse::<Scope>().is_err(), "{bad}");
        }
    }
}
