//! What accounts are handled with.

use thali_support::sql::Database;

use crate::bindings::thali::platform::context;
use crate::identity::Identity;

/// What allows everything.
const ADMIN: &str = "admin";

/// Everything around this service.
pub(crate) struct Desk<'a> {
    pub(crate) database: &'a dyn Database,
    pub(crate) identity: &'a dyn Identity,
    pub(crate) caller: &'a dyn Caller,
    /// The address whose account may do everything.
    pub(crate) admin_email: Option<String>,
    /// Milliseconds since 1970 in UTC.
    pub(crate) now_ms: i64,
}

impl Desk<'_> {
    /// What the tokens of an account allow.
    pub(crate) fn scopes(&self, email: &str) -> &'static [&'static str] {
        if self.is_reserved(email) { &[ADMIN] } else { &[] }
    }

    /// Whether only an administrator makes the account with this address: whoever came first would get
    /// everything otherwise.
    pub(crate) fn is_reserved(&self, email: &str) -> bool {
        self.admin_email.as_deref() == Some(email)
    }
}

/// Whoever the request acts for, as the host has checked it.
pub(crate) trait Caller {
    /// The subject of the token. `None`: there is none.
    fn subject(&self) -> Option<String>;

    /// Whether everything is allowed.
    fn is_admin(&self) -> bool;
}

/// The one that the host knows of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Caller for Live {
    fn subject(&self) -> Option<String> {
        context::current_principal().map(|principal| principal.subject)
    }

    fn is_admin(&self) -> bool {
        let scopes = context::current_principal().map(|principal| principal.scopes);
        scopes.into_iter().flatten().any(|scope| scope == ADMIN)
    }
}
