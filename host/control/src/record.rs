//! What is known of a service: its revisions, which one is live, and which ones were before.
//!
//! A record is a value. Every change gives a new one, which is stored before it is believed.

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use thali_contract::name::{Digest, ServiceName};

/// The layout of the stored record; another one is not read.
const FORMAT: u32 = 1;
/// Revisions kept of one service. Older ones go, with their components, unless a rollback could
/// still lead to them.
pub const REVISIONS_KEPT: usize = 20;
/// How many rollbacks in a row are possible.
pub const HISTORY_KEPT: usize = 10;

/// What is known of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceRecord {
    format: u32,
    /// Its name.
    pub name: ServiceName,
    /// The number the next new revision gets. Numbers are never used twice, not even after a removal.
    pub next_number: u32,
    /// The live revision; `None` once the service was removed.
    pub live: Option<u32>,
    /// Since when that one is live.
    pub live_since: Option<Timestamp>,
    /// The revisions that were live before, the latest last: where rollbacks lead.
    pub history: Vec<u32>,
    /// The component that was last taken from the watched folder. Seen there again it is not news: a
    /// restart must not undo a rollback, nor a removal.
    pub folder_digest: Option<Digest>,
    /// The revisions, oldest first.
    pub revisions: Vec<RevisionRecord>,
}

/// One deployed component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevisionRecord {
    /// 1, 2, 3 and so on, in the order of first deployment.
    pub number: u32,
    /// The digest of the component.
    pub digest: Digest,
    /// The version its manifest gives.
    pub version: Version,
    /// The size of the component.
    pub bytes: u64,
    /// When it was first deployed.
    pub deployed_at: Timestamp,
    /// How it came.
    pub source: Source,
    /// Whether it was deployed although it broke a contract.
    pub forced: bool,
}

/// How a component came to the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Through the admin API.
    #[default]
    Upload,
    /// Found in the watched folder.
    Folder,
}

/// A component about to become a revision.
pub(crate) struct Arrival {
    pub(crate) digest: Digest,
    pub(crate) version: Version,
    pub(crate) bytes: u64,
    pub(crate) source: Source,
    pub(crate) forced: bool,
}

impl ServiceRecord {
    /// The record of a service that nothing was deployed of yet.
    pub(crate) fn new(name: ServiceName) -> Self {
        Self {
            format: FORMAT,
            name,
            next_number: 1,
            live: None,
            live_since: None,
            history: Vec::new(),
            folder_digest: None,
            revisions: Vec::new(),
        }
    }

    /// The revision with this number.
    pub fn revision(&self, number: u32) -> Option<&RevisionRecord> {
        self.revisions.iter().find(|revision| revision.number == number)
    }

    /// The live revision.
    pub fn live_revision(&self) -> Option<&RevisionRecord> {
        self.revision(self.live?)
    }

    /// The revision that was live before the live one.
    pub fn previous(&self) -> Option<&RevisionRecord> {
        self.revision(*self.history.last()?)
    }

    /// The latest revision made of this component.
    pub(crate) fn by_digest(&self, digest: Digest) -> Option<&RevisionRecord> {
        self.revisions.iter().rev().find(|revision| revision.digest == digest)
    }

    /// The components that `before` needed and `after` does not.
    pub(crate) fn dropped(before: &Self, after: &Self) -> impl Iterator<Item = Digest> {
        let gone = before.revisions.iter().filter(|old| after.by_digest(old.digest).is_none());
        gone.map(|old| old.digest)
    }

    /// The record once `arrival` is live, and its number: that of the revision made of the same
    /// component earlier, if there is one.
    pub(crate) fn deployed(&self, arrival: Arrival, now: Timestamp) -> (Self, u32) {
        let mut next = self.clone();
        if arrival.source == Source::Folder {
            next.folder_digest = Some(arrival.digest);
        }
        let number = match self.by_digest(arrival.digest) {
            Some(known) => known.number,
            None => next.add(arrival, now),
        };
        if self.live != Some(number) {
            next.history.extend(self.live);
            next.live = Some(number);
            next.live_since = Some(now);
        }
        next.prune();
        (next, number)
    }

    /// The record once the revision before the live one is live again.
    pub(crate) fn rolled_back(&self, now: Timestamp) -> Option<Self> {
        let mut next = self.clone();
        next.live = Some(next.history.pop()?);
        next.live_since = Some(now);
        Some(next)
    }

    /// The record once the service is removed: the numbers go on if it ever comes back.
    pub(crate) fn removed(&self) -> Self {
        Self {
            next_number: self.next_number,
            folder_digest: self.folder_digest,
            ..Self::new(self.name.clone())
        }
    }

    /// The record once this component was seen in the watched folder.
    pub(crate) fn seen_in_folder(&self, digest: Digest) -> Self {
        Self { folder_digest: Some(digest), ..self.clone() }
    }

    fn add(&mut self, arrival: Arrival, now: Timestamp) -> u32 {
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        self.revisions.push(RevisionRecord {
            number,
            digest: arrival.digest,
            version: arrival.version,
            bytes: arrival.bytes,
            deployed_at: now,
            source: arrival.source,
            forced: arrival.forced,
        });
        number
    }

    fn prune(&mut self) {
        let surplus = self.history.len().saturating_sub(HISTORY_KEPT);
        self.history.drain(..surplus);
        let mut surplus = self.revisions.len().saturating_sub(REVISIONS_KEPT);
        let (live, history) = (self.live, &self.history);
        self.revisions.retain(|revision| {
            let needed = live == Some(revision.number) || history.contains(&revision.number);
            let goes = surplus > 0 && !needed;
            surplus -= usize::from(goes);
            !goes
        });
    }

    /// Reads a stored record of the service `name`, and checks that it can be one.
    pub(crate) fn read(name: &ServiceName, json: &[u8]) -> Result<Self, String> {
        let record: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let known = |number: &u32| record.revision(*number).is_some();
        let ascending = record.revisions.is_sorted_by(|a, b| a.number < b.number);
        let last = record.revisions.last().map_or(0, |revision| revision.number);
        if record.format != FORMAT {
            Err(format!("its format is {}, this host reads {FORMAT}", record.format))
        } else if record.name != *name {
            Err(format!("it is the record of {}", record.name))
        } else if !ascending || last >= record.next_number {
            Err("its revisions are not in order".into())
        } else if !record.live.iter().chain(&record.history).all(known) {
            Err("it points at a revision that is not there".into())
        } else {
            Ok(record)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(content: &str) -> Arrival {
        Arrival {
            digest: Digest::of(content.as_bytes()),
            version: Version::new(1, 0, 0),
            bytes: 8,
            source: Source::Upload,
            forced: false,
        }
    }

    fn name() -> ServiceName {
        "orders".parse().unwrap()
    }

    fn after(contents: &[&str]) -> ServiceRecord {
        contents.iter().fold(ServiceRecord::new(name()), |record, content| {
            record.deployed(arrival(content), Timestamp::UNIX_EPOCH).0
        })
    }

    #[test]
    fn the_same_component_again_is_the_same_revision() {
        let record = after(&["a", "b", "a"]);
        assert_eq!(record.live, Some(1));
        assert_eq!(record.history, [1, 2]);
        assert_eq!(record.revisions.len(), 2);
        assert_eq!(after(&["a", "a"]), after(&["a"]));
    }

    #[test]
    fn rollbacks_lead_back_to_the_first_and_no_further() {
        let record = after(&["a", "b", "c"]);
        let record = record.rolled_back(Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(record.live, Some(2));
        let record = record.rolled_back(Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(record.live, Some(1));
        assert_eq!(record.rolled_back(Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn numbers_go_on_after_a_removal() {
        let removed = after(&["a", "b"]).removed();
        assert_eq!(removed.live, None);
        let (record, number) = removed.deployed(arrival("a"), Timestamp::UNIX_EPOCH);
        assert_eq!(number, 3);
        assert_eq!(record.previous(), None);
    }

    #[test]
    fn old_revisions_go_but_never_one_a_rollback_could_reach() {
        let contents: Vec<_> = (0..100).map(|i| i.to_string()).collect();
        let contents: Vec<_> = contents.iter().map(String::as_str).collect();
        let record = after(&contents);
        assert_eq!(record.revisions.len(), REVISIONS_KEPT);
        assert_eq!(record.history.len(), HISTORY_KEPT);
        assert!(record.history.iter().all(|number| record.revision(*number).is_some()));
        assert_eq!(record.live, Some(100));

        let alternating: Vec<_> = ["a", "b"].into_iter().cycle().take(99).collect();
        let record = after(&alternating);
        assert_eq!(record.revisions.len(), 2);
        assert_eq!(record.history.len(), HISTORY_KEPT);
    }

    #[test]
    fn only_what_came_from_the_folder_is_remembered_as_such() {
        let record = after(&["a"]);
        assert_eq!(record.folder_digest, None);
        let from_folder = Arrival { source: Source::Folder, ..arrival("b") };
        let (record, _) = record.deployed(from_folder, Timestamp::UNIX_EPOCH);
        assert_eq!(record.folder_digest, Some(Digest::of(b"b")));
        assert_eq!(record.removed().folder_digest, Some(Digest::of(b"b")));
    }

    #[test]
    fn records_round_trip_and_impossible_ones_are_refused() {
        let record = after(&["a", "b"]);
        let json = serde_json::to_value(&record).unwrap();
        let read = |value: &serde_json::Value| {
            ServiceRecord::read(&name(), &serde_json::to_vec(value).unwrap())
        };
        assert_eq!(read(&json).unwrap(), record);
        let changes: [(&str, serde_json::Value); 7] = [
            ("format", 2.into()),
            ("name", "other".into()),
            ("live", 9.into()),
            ("history", serde_json::json!([9])),
            ("next_number", 2.into()),
            ("revisions", serde_json::json!([])),
            ("surprise", 1.into()),
        ];
        for (member, value) in changes {
            let mut changed = json.clone();
            changed[member] = value;
            assert!(read(&changed).is_err(), "{member}");
        }
        assert!(ServiceRecord::read(&name(), b"").is_err());
    }
}
