//! What publishers and subscribers of compatible versions of an interface have in common.

use std::fmt;

use crate::name::InterfaceName;

/// An event interface without the part of its version that may differ between a publisher and a
/// subscriber: `thali:orders/events@1`, or `thali:orders/events@0.3` before the first major version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(String);

impl Topic {
    /// The topic of an interface.
    pub fn of(name: &InterfaceName) -> Self {
        Self(name.line())
    }

    /// A topic as it was stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
