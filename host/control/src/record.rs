//! What is known of a service: its revisions, which one is live, and which ones were before.
//!
//! A record is a value. Every change gives a new one, which is stored before it is believed.

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use thali_contract::name::{Digest, ServiceName};

use crate::rollout::{Change, Percent, Rollout, Share, StickyBy};

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
    /// The rollout that runs; `live` is its stable revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// What clients keep their revision by during rollouts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<StickyBy>,
    /// The latest changes, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
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
            rollout: None,
            sticky: None,
            changes: Vec::new(),
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
    /// component earlier, if there is one. A rollout is over: there is one only when its stable revision
    /// did not come back after a restart.
    pub(crate) fn deployed(&self, arrival: Arrival, now: Timestamp) -> (Self, u32) {
        let mut next = Self { rollout: None, ..self.clone() };
        let number = next.arrived(arrival, now);
        if self.live != Some(number) {
            next.history.extend(self.live);
            next.live = Some(number);
            next.live_since = Some(now);
        }
        next.prune();
        (next, number)
    }

    /// The record once `arrival` is a canary, and its number.
    pub(crate) fn with_canary(
        &self,
        arrival: Arrival,
        percent: Percent,
        now: Timestamp,
    ) -> (Self, u32) {
        let mut next = self.clone();
        let number = next.arrived(arrival, now);
        let next = next.with_shares(vec![Share { revision: number, percent }], now);
        (next, number)
    }

    /// The record once the canaries have these shares. Without any, there is no rollout.
    pub(crate) fn with_shares(&self, canaries: Vec<Share>, now: Timestamp) -> Self {
        let mut next = self.clone();
        let begun_at = self.rollout.as_ref().map_or(now, |rollout| rollout.begun_at);
        next.rollout = Some(Rollout { begun_at, canaries });
        next.rollout = next.rollout.filter(|rollout| !rollout.canaries.is_empty());
        next.prune();
        next
    }

    /// The record without this canary.
    pub(crate) fn without_canary(&self, number: u32, now: Timestamp) -> Self {
        let canaries = self.rollout.iter().flat_map(|rollout| &rollout.canaries);
        let left = canaries.filter(|share| share.revision != number).copied();
        self.with_shares(left.collect(), now)
    }

    /// The record once a canary is the stable revision, and the rollout over.
    pub(crate) fn promoted(&self, number: u32, now: Timestamp) -> Self {
        let mut next = Self { rollout: None, ..self.clone() };
        next.history.extend(self.live);
        next.live = Some(number);
        next.live_since = Some(now);
        next.prune();
        next
    }

    /// Adds the revision, unless one is made of the same component already.
    fn arrived(&mut self, arrival: Arrival, now: Timestamp) -> u32 {
        if arrival.source == Source::Folder {
            self.folder_digest = Some(arrival.digest);
        }
        match self.by_digest(arrival.digest) {
            Some(known) => known.number,
            None => self.add(arrival, now),
        }
    }

    /// The record once the revision before the live one is live again, and a rollout over.
    pub(crate) fn rolled_back(&self, now: Timestamp) -> Option<Self> {
        let mut next = Self { rollout: None, ..self.clone() };
        next.live = Some(next.history.pop()?);
        next.live_since = Some(now);
        Some(next)
    }

    /// The record once the service is removed: the numbers go on if it ever comes back.
    pub(crate) fn removed(&self) -> Self {
        Self {
            next_number: self.next_number,
            folder_digest: self.folder_digest,
            sticky: self.sticky.clone(),
            changes: self.changes.clone(),
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
        let (live, history, rollout) = (self.live, &self.history, &self.rollout);
        self.revisions.retain(|revision| {
            let number = revision.number;
            let is_canary = rollout.as_ref().is_some_and(|all| all.percent_of(number).is_some());
            let needed = live == Some(number) || history.contains(&number) || is_canary;
            let goes = surplus > 0 && !needed;
            surplus -= usize::from(goes);
            !goes
        });
    }

    fn can_have(&self, rollout: &Rollout) -> bool {
        let is_canary = |share: &Share| {
            self.live.is_some_and(|stable| stable != share.revision)
                && self.revision(share.revision).is_some()
        };
        rollout.is_possible() && rollout.canaries.iter().all(is_canary)
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
        } else if !record.rollout.as_ref().is_none_or(|rollout| record.can_have(rollout)) {
            Err("its rollout cannot be".into())
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
    fn a_canary_leaves_the_stable_revision_live_until_it_is_promoted() {
        let (at, percent) = (Timestamp::UNIX_EPOCH, Percent::try_from(10).unwrap());
        let before = after(&["a"]);
        let (record, number) = before.with_canary(arrival("b"), percent, at);
        assert_eq!((record.live, number), (Some(1), 2));
        assert_eq!(record.rollout.as_ref().unwrap().stable_percent(), 90);
        let json = serde_json::to_vec(&record).unwrap();
        assert_eq!(ServiceRecord::read(&name(), &json).unwrap(), record);

        let promoted = record.promoted(2, at);
        assert_eq!((promoted.live, &promoted.rollout), (Some(2), &None));
        assert_eq!(promoted.rolled_back(at).unwrap().live, Some(1));
        let called_off = record.with_shares(Vec::new(), at);
        assert_eq!((called_off.live, called_off.rollout), (Some(1), None));
        assert!(called_off.history.is_empty());
    }

    #[test]
    fn what_replaces_the_stable_revision_ends_the_rollout() {
        let (at, percent) = (Timestamp::UNIX_EPOCH, Percent::try_from(10).unwrap());
        let (record, _) = after(&["a", "b"]).with_canary(arrival("c"), percent, at);
        for content in ["b", "c", "d"] {
            let (deployed, number) = record.deployed(arrival(content), at);
            assert_eq!((deployed.live, deployed.rollout), (Some(number), None), "{content}");
        }
        let back = record.rolled_back(at).unwrap();
        assert_eq!((back.live, back.rollout), (Some(1), None));
    }

    #[test]
    fn a_record_that_knows_nothing_of_rollouts_is_read() {
        let old = r#"{"format":1,"name":"orders","next_number":2,"live":1,"live_since":null,
            "history":[],"folder_digest":null,"revisions":[{"number":1,
            "digest":"0000000000000000000000000000000000000000000000000000000000000000",
            "version":"1.0.0","bytes":8,"deployed_at":"1970-01-01T00:00:00Z","source":"upload",
            "forced":false}]}"#;
        let record = ServiceRecord::read(&name(), old.as_bytes()).unwrap();
        assert_eq!((record.live, record.rollout, record.sticky), (Some(1), None, None));
        assert!(record.changes.is_empty());
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
        let share = |revision: u32| serde_json::json!([{"revision": revision, "percent": 1}]);
        let rollout = |canaries| serde_json::json!({"begun_at": "1970-01-01T00:00:00Z", "canaries": canaries});
        let changes: [(&str, serde_json::Value); 11] = [
            ("rollout", rollout(share(2))),
            ("rollout", rollout(share(3))),
            ("rollout", rollout(serde_json::json!([]))),
            ("sticky", "cookie".into()),
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
