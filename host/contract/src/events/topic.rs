//! What publishers and subscribers of compatible versions of an interface have in common.

use std::fmt;

use semver::Version;

use crate::name::InterfaceName;

/// An event interface without the part of its version that may differ between a publisher and a
/// subscriber: `thali:orders/events@1`, or `thali:orders/events@0.3` before the first major version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(String);

impl Topic {
    /// The topic of an interface.
    pub fn of(name: &InterfaceName) -> Self {
        let path = name.unversioned();
        Self(match &name.version {
            None => path,
            Some(version) => format!("{path}@{}", line(version)),
        })
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

/// Versions with the same line are compatible by semver.
fn line(version: &Version) -> String {
    match version {
        Version { pre, .. } if !pre.is_empty() => version.to_string(),
        Version { major: 0, minor: 0, patch, .. } => format!("0.0.{patch}"),
        Version { major: 0, minor, .. } => format!("0.{minor}"),
        Version { major, .. } => major.to_string(),
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
