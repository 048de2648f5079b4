//! Events: interfaces named `events`, which a publisher imports and subscribers export.
//!
//! Each function of such an interface is an event. Its first parameter is the key: events of one key
//! are delivered in order. It returns nothing or `result<_, string>`. To the publisher that says
//! whether the event was stored, to the host whether a subscriber took it.

mod check;
mod payload;
mod topic;

#[cfg(test)]
mod tests;

pub use check::check;
pub use payload::{Encoded, PayloadError, decode, encode};
pub use topic::Topic;

use crate::contract::{Contract, Function, Interface, Origin};
use crate::name::InterfaceName;
use crate::ty::Type;

/// The last name of every event interface.
pub const EVENTS: &str = "events";

impl InterfaceName {
    /// Whether the functions of this interface are events.
    pub fn is_events(&self) -> bool {
        self.interface == EVENTS && self.origin() == Origin::Service
    }
}

impl Contract {
    /// The event interfaces that the component publishes, with their index in [`Contract::imports`].
    pub fn publishes(&self) -> impl Iterator<Item = (usize, &Interface)> {
        let imports = self.imports.iter().enumerate();
        imports.filter(|(_, import)| import.name.is_events())
    }

    /// The event interfaces that the component subscribes to, with their index in
    /// [`Contract::exports`].
    pub fn subscribes(&self) -> impl Iterator<Item = (u32, &Interface)> {
        let exports = (0..).zip(&self.exports);
        exports.filter(|(_, export)| export.name.is_events() && !export.functions.is_empty())
    }
}

/// Whether a publisher of such a function, or a subscriber to it, can say that it failed.
pub fn is_fallible(function: &Function) -> bool {
    matches!(function.result, Some(Type::Result(_)))
}
