//! The names everything goes by. Each is checked once, where it enters, and trusted from then on.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;
use thiserror::Error;

/// The longest service name, in bytes: what a DNS label allows.
pub const SERVICE_NAME_BYTES_MAX: usize = 63;

/// The name of a service: `[a-z][a-z0-9-]{0,62}`. Safe as a file name and as a path segment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceName(Box<str>);

/// A name that is not a [`ServiceName`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} is not a service name: it must match [a-z][a-z0-9-]{{0,62}}")]
pub struct InvalidServiceName(pub String);

impl ServiceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = InvalidServiceName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase());
        let rest = bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if first && rest && text.len() <= SERVICE_NAME_BYTES_MAX {
            Ok(Self(text.into()))
        } else {
            Err(InvalidServiceName(text.chars().take(100).collect()))
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::borrow::Borrow<str> for ServiceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// An interface: `namespace:package/interface@version`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceName {
    /// `thali` in `thali:orders/ordering@1.0.0`
    pub namespace: String,
    /// `orders` in `thali:orders/ordering@1.0.0`
    pub package: String,
    /// `ordering` in `thali:orders/ordering@1.0.0`
    pub interface: String,
    /// `1.0.0` in `thali:orders/ordering@1.0.0`
    pub version: Option<Version>,
}

/// Text that is not an [`InterfaceName`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{0:?} is not an interface name: write namespace:package/interface, with @version if it has one"
)]
pub struct InvalidInterfaceName(pub String);

impl InterfaceName {
    /// The name without its version: `thali:orders/ordering`.
    pub fn unversioned(&self) -> String {
        format!("{}:{}/{}", self.namespace, self.package, self.interface)
    }

    /// The name with only the part of its version that compatible versions share:
    /// `thali:orders/ordering@1`, or `thali:orders/ordering@0.3` before the first major version.
    pub fn line(&self) -> String {
        let path = self.unversioned();
        match &self.version {
            None => path,
            Some(Version { pre, .. }) if !pre.is_empty() => self.to_string(),
            Some(Version { major: 0, minor: 0, patch, .. }) => format!("{path}@0.0.{patch}"),
            Some(Version { major: 0, minor, .. }) => format!("{path}@0.{minor}"),
            Some(Version { major, .. }) => format!("{path}@{major}"),
        }
    }

    /// Whether both name the same interface, whatever their versions.
    pub fn same_interface(&self, other: &Self) -> bool {
        self.interface == other.interface
            && self.package == other.package
            && self.namespace == other.namespace
    }
}

impl FromStr for InterfaceName {
    type Err = InvalidInterfaceName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidInterfaceName(text.chars().take(200).collect());
        let (path, version) = match text.split_once('@') {
            Some((path, version)) => (path, Some(version.parse().map_err(|_| invalid())?)),
            None => (text, None),
        };
        let (namespace, rest) = path.split_once(':').ok_or_else(invalid)?;
        let (package, interface) = rest.split_once('/').ok_or_else(invalid)?;
        let kebab = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphabetic())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !(kebab(namespace) && kebab(package) && kebab(interface)) {
            return Err(invalid());
        }
        Ok(Self {
            namespace: namespace.into(),
            package: package.into(),
            interface: interface.into(),
            version,
        })
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.namespace, self.package, self.interface)?;
        match &self.version {
            Some(version) => write!(f, "@{version}"),
            None => Ok(()),
        }
    }
}

/// The SHA-256 of a component's bytes. Display: 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// Text that is not a [`Digest`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("a digest is 64 hexadecimal digits")]
pub struct InvalidDigest;

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidDigest);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| InvalidDigest)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidDigest)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Names travel through serde as the text they display as.
macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

serde_as_text!(ServiceName, InterfaceName, Digest);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_a_folder_or_look_like_another_are_refused() {
        let long = "a".repeat(64);
        for bad in [
            "",
            "../x",
            "..%2f",
            "a/b",
            "C:",
            "CON",
            "a\0",
            "a\n",
            ".",
            "-a",
            "1a",
            "Foo",
            "\u{430}dmin",
            "a_b",
            "a.b",
            &long,
        ] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad:?}");
        }
        for good in ["a", "orders", "orders-2", &"a".repeat(63)] {
            assert_eq!(good.parse::<ServiceName>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn interface_names_round_trip() {
        for text in ["thali:orders/ordering@1.0.0", "wasi:io/streams@0.2.12", "a:b/c"] {
            assert_eq!(text.parse::<InterfaceName>().unwrap().to_string(), text);
        }
        for bad in ["", "orders", "thali:orders", "thali/orders:x", "a:b/c@", "a:b/c@1", "a: /c"] {
            assert!(bad.parse::<InterfaceName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn digests_round_trip() {
        let digest = Digest::of(b"thali");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!("zz".repeat(32).parse::<Digest>().is_err());
    }
}
