//! Who asks.

use crate::bindings::thali::platform::context;

/// What allows to read every order.
const READ: &str = "orders:read";

/// What allows everything.
const ADMIN: &str = "admin";

/// Whoever the request acts for, as the host has checked it.
pub(crate) trait Caller {
    /// Who it is. `None`: nobody who says so.
    fn subject(&self) -> Option<String>;

    /// Whether `scope` is allowed.
    fn has_scope(&self, scope: &str) -> bool;
}

/// The one that the host knows of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Caller for Live {
    fn subject(&self) -> Option<String> {
        context::current_principal().map(|principal| principal.subject)
    }

    fn has_scope(&self, scope: &str) -> bool {
        let scopes = context::current_principal().map(|principal| principal.scopes);
        scopes.into_iter().flatten().any(|has| has == scope || has == ADMIN)
    }
}

/// Whether the caller may see an order: its owner, who may read all, and of an order without an owner
/// whoever knows its id.
pub(crate) fn may_read(caller: &dyn Caller, owner: Option<&str>) -> bool {
    is_own(caller, owner) || caller.has_scope(READ)
}

/// Whether the caller may call an order off: its owner, and of an order without one whoever knows its id.
pub(crate) fn may_cancel(caller: &dyn Caller, owner: Option<&str>) -> bool {
    is_own(caller, owner) || caller.has_scope(ADMIN)
}

fn is_own(caller: &dyn Caller, owner: Option<&str>) -> bool {
    owner.is_none_or(|owner| caller.subject().as_deref() == Some(owner))
}
