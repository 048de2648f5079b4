//! What is stored of a rollout.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thali_runtime::{SHARES_TOTAL, Sticky};
use thiserror::Error;

/// Revisions that may be live beside the stable one. Each holds compiled code and a cache, and every
/// other deploy is checked against all of them.
pub const CANARIES_MAX: usize = 3;

/// The longest name of a header that a service may be sticky by, in bytes.
const HEADER_BYTES_MAX: usize = 64;

/// A rollout that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// When its first canary went live.
    pub begun_at: Timestamp,
    /// The live revisions besides the stable one, which gets what they leave. Never empty.
    pub canaries: Vec<Share>,
}

/// What one revision gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Its number.
    pub revision: u32,
    /// Of the requests. 0 serves who asks for it.
    pub percent: Percent,
}

/// A percentage of requests that leaves something for others: 0 to 99.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Percent(u8);

/// What clients keep their revision by: `subject`, or `header:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StickyBy {
    /// The subject of the token.
    Subject,
    /// The value of a header, by its name in lower case.
    Header(Arc<str>),
}

/// Text that is no [`StickyBy`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is nothing to be sticky by: write subject, or header: and the name of a header in lower case"
)]
pub struct InvalidSticky(String);

impl Rollout {
    /// What is left for the stable revision.
    pub fn stable_percent(&self) -> u8 {
        let shares = self.canaries.iter().map(|share| share.percent.0);
        shares.fold(SHARES_TOTAL, u8::saturating_sub)
    }

    /// What a revision gets; `None` for one that is no canary.
    pub fn percent_of(&self, revision: u32) -> Option<Percent> {
        let mut canaries = self.canaries.iter();
        canaries.find(|share| share.revision == revision).map(|share| share.percent)
    }

    /// Whether it can be one: the numbers differ, and something is left.
    pub(crate) fn is_possible(&self) -> bool {
        let mut numbers: Vec<_> = self.canaries.iter().map(|share| share.revision).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let is_count_right = (1..=CANARIES_MAX).contains(&self.canaries.len());
        is_count_right && numbers.len() == self.canaries.len() && self.stable_percent() > 0
    }
}

impl Percent {
    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Percent {
    type Error = String;

    fn try_from(percent: u8) -> Result<Self, String> {
        match percent < SHARES_TOTAL {
            true => Ok(Self(percent)),
            false => Err(format!("{percent} leaves nothing for the stable revision: 0 to 99")),
        }
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

impl StickyBy {
    /// As the runtime has it.
    pub(crate) fn sticky(&self) -> Sticky {
        match self {
            Self::Subject => Sticky::Subject,
            Self::Header(name) => Sticky::Header(Arc::clone(name)),
        }
    }
}

impl FromStr for StickyBy {
    type Err = InvalidSticky;

    fn from_str(text: &str) -> Result<Self, InvalidSticky> {
        let is_name = |name: &str| {
            let of_name = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
            (1..=HEADER_BYTES_MAX).contains(&name.len()) && name.bytes().all(of_name)
        };
        match text.strip_prefix("header:") {
            None if text == "subject" => Ok(Self::Subject),
            Some(name) if is_name(name) => Ok(Self::Header(name.into())),
            _ => Err(InvalidSticky(text.chars().take(HEADER_BYTES_MAX).collect())),
        }
    }
}

impl fmt::Display for StickyBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject => f.write_str("subject"),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}

impl Serialize for StickyBy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StickyBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(canaries: &[(u32, u8)]) -> Rollout {
        let share = |(revision, percent): &(u32, u8)| Share {
            revision: *revision,
            percent: Percent(*percent),
        };
        Rollout { begun_at: Timestamp::UNIX_EPOCH, canaries: canaries.iter().map(share).collect() }
    }

    #[test]
    fn the_stable_revision_gets_what_the_others_leave_and_never_nothing() {
        assert_eq!(rollout(&[(2, 10), (3, 25)]).stable_percent(), 65);
        assert!(rollout(&[(2, 99)]).is_possible());
        for bad in [&[][..], &[(2, 50), (3, 50)], &[(2, 99), (3, 99)], &[(2, 1), (2, 1)]] {
            assert!(!rollout(bad).is_possible(), "{bad:?}");
        }
        assert!(Percent::try_from(100).is_err());
    }

    #[test]
    fn what_to_be_sticky_by_round_trips_and_nothing_else_is_taken() {
        for good in ["subject", "header:x-user", "header:x_2"] {
            assert_eq!(good.parse::<StickyBy>().unwrap().to_string(), good);
        }
        for bad in ["", "Subject", "header:", "header:X-User", "header:a b", "cookie:a"] {
            assert!(bad.parse::<StickyBy>().is_err(), "{bad}");
        }
        assert!(format!("header:{}", "x".repeat(65)).parse::<StickyBy>().is_err());
    }
}
