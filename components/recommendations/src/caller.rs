//! Who asks.

use crate::bindings::thali::platform::context;

/// What allows to read what is recommended to anybody.
const READ: &str = "recommendations:read";

/// What allows everything.
const ADMIN: &str = "admin";

/// Whoever the request acts for, as the host has checked it.
pub(crate) trait Caller {
    /// Whether this may be seen: one's own, or one may see everybody's. What is recommended tells what was bought.
    fn may_read(&self, user: &str) -> bool;
}

/// The one that the host knows of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Caller for Live {
    fn may_read(&self, user: &str) -> bool {
        context::current_principal().is_some_and(|principal| {
            principal.subject == user
                || principal.scopes.iter().any(|scope| scope == READ || scope == ADMIN)
        })
    }
}
