//! Who changed a service, when, how and why.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::record::Share;
use crate::record::ServiceRecord;

/// Changes that are remembered of one service.
pub const CHANGES_KEPT: usize = 50;

/// The longest message, and the longest name of who made a change, in bytes.
const TEXT_BYTES_MAX: usize = 500;

/// A change of what is live of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub what: ChangeKind,
    /// The revision that it was about; the stable one where it was about all of them.
    pub revision: u32,
    /// What canaries got from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canaries: Vec<Share>,
    /// Who did it.
    pub by: String,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why, when the host did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What was done to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A revision went live at once.
    Deploy,
    /// A revision went live for a part of the requests.
    Canary,
    /// The shares were changed, or what they are sticky by.
    Traffic,
    /// A canary became the stable revision.
    Promote,
    /// The revision before went live again, or a rollout was called off.
    Rollback,
    /// The host took a canary out.
    AutoRollback,
    /// The service was removed.
    Remove,
}

/// Who makes a change, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// Who: the subject of a token, or the part of the host that acts.
    pub by: String,
    /// Why.
    pub message: Option<Message>,
}

/// Why a change is made, in a few words.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Message(String);

/// Text that is too long, or not one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a message is one line of at most {TEXT_BYTES_MAX} bytes")]
pub struct InvalidMessage;

impl Cause {
    /// A change that nobody gave a reason for.
    pub fn by(who: &str) -> Self {
        Self { by: who.to_owned(), message: None }
    }
}

impl FromStr for Message {
    type Err = InvalidMessage;

    fn from_str(text: &str) -> Result<Self, InvalidMessage> {
        let text = text.trim();
        let is_one_line = !text.chars().any(char::is_control);
        match (1..=TEXT_BYTES_MAX).contains(&text.len()) && is_one_line {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidMessage),
        }
    }
}

impl TryFrom<String> for Message {
    type Error = InvalidMessage;

    fn try_from(text: String) -> Result<Self, InvalidMessage> {
        text.parse()
    }
}

impl ServiceRecord {
    /// The record with one more change to remember. The canaries are those of this record.
    pub(crate) fn noted(self, what: ChangeKind, revision: u32, cause: &Cause) -> Self {
        self.noted_with(what, revision, cause, None)
    }

    /// The record with one more change to remember, which the host had a reason for.
    pub(crate) fn noted_with(
        mut self,
        what: ChangeKind,
        revision: u32,
        cause: &Cause,
        reason: Option<String>,
    ) -> Self {
        let by = cause.by.chars().filter(|c| !c.is_control()).take(TEXT_BYTES_MAX / 4).collect();
        self.changes.push(Change {
            at: Timestamp::now(),
            what,
            revision,
            canaries: self.rollout.as_ref().map_or_else(Vec::new, |all| all.canaries.clone()),
            by,
            message: cause.message.as_ref().map(|message| message.0.clone()),
            reason,
        });
        let surplus = self.changes.len().saturating_sub(CHANGES_KEPT);
        self.changes.drain(..surplus);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_changes_are_kept_and_no_more_than_that() {
        let record = ServiceRecord::new("orders".parse().unwrap());
        let cause = Cause { by: "ada\n".into(), message: Some("because".parse().unwrap()) };
        let record = (0..200).fold(record, |record, n| record.noted(ChangeKind::Deploy, n, &cause));
        let revisions: Vec<_> = record.changes.iter().map(|change| change.revision).collect();
        assert_eq!(revisions, (150..200).collect::<Vec<_>>());
        assert_eq!(record.changes[0].by, "ada");
        assert_eq!(record.changes[0].message.as_deref(), Some("because"));
    }

    #[test]
    fn a_message_is_one_short_line() {
        assert!("why not".parse::<Message>().is_ok());
        for bad in ["", "  ", "two\nlines", "\u{1b}[31m", &"x".repeat(501)] {
            assert!(bad.parse::<Message>().is_err(), "{bad}");
        }
    }
}
