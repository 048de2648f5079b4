//! Components and records on disk.
//!
//! A component is stored before the record that names it, and deleted after the last one that did, so
//! a record never points at nothing. What a crash leaves between the two is swept at the next start.
//! Everything here blocks.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use thali_contract::name::{Digest, ServiceName};
use thiserror::Error;
use tracing::warn;

use crate::atomic;
use crate::data::Paths;
use crate::record::ServiceRecord;

/// The records and components in a data folder.
pub(crate) struct Store {
    paths: Paths,
}

/// A record as it was found: read, or the reason why it could not be.
pub(crate) struct Found {
    pub(crate) name: ServiceName,
    pub(crate) record: Result<ServiceRecord, String>,
}

/// Why a stored component cannot be used.
#[derive(Debug, Error)]
pub(crate) enum ComponentError {
    /// It is gone.
    #[error("the stored component is missing")]
    Missing,
    /// Its bytes are not those that were deployed.
    #[error("the stored component is damaged")]
    Damaged,
    /// It cannot be read.
    #[error("the stored component cannot be read")]
    Io(#[source] io::Error),
}

impl Store {
    pub(crate) fn new(paths: Paths) -> Self {
        Self { paths }
    }

    /// Every record there is, by name.
    pub(crate) fn records(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.paths.services)? {
            let entry = entry?;
            let file_name = entry.file_name();
            let name = file_name.to_str().and_then(|name| name.strip_suffix(".json"));
            match name.map(str::parse::<ServiceName>) {
                Some(Ok(name)) => {
                    let record = fs::read(entry.path())
                        .map_err(|error| error.to_string())
                        .and_then(|json| ServiceRecord::read(&name, &json));
                    found.push(Found { name, record });
                }
                _ => warn!(file = ?file_name, "no record of a service; left alone"),
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The bytes of a component, checked against its digest.
    pub(crate) fn component(&self, digest: Digest) -> Result<Bytes, ComponentError> {
        let bytes = fs::read(self.component_path(digest)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ComponentError::Missing,
            _ => ComponentError::Io(error),
        })?;
        if Digest::of(&bytes) == digest { Ok(bytes.into()) } else { Err(ComponentError::Damaged) }
    }

    /// Stores a component, if there is one, then the record in place of `before`. When that fails,
    /// things are put back as they were.
    pub(crate) fn commit(
        &self,
        before: Option<&ServiceRecord>,
        after: &ServiceRecord,
        component: Option<(Digest, &[u8])>,
    ) -> io::Result<()> {
        let stored = match component {
            Some((digest, bytes)) => self.save_component(digest, bytes),
            None => Ok(()),
        };
        let saved = stored.and_then(|()| self.save_record(after));
        if saved.is_err() {
            let digest = component.map(|(digest, _)| digest);
            self.undo(before, &after.name, digest);
        }
        saved
    }

    /// Deletes the components that `before` needed and `after` does not.
    pub(crate) fn forget(&self, before: &ServiceRecord, after: &ServiceRecord) -> io::Result<()> {
        ServiceRecord::dropped(before, after).try_for_each(|digest| self.delete_component(digest))
    }

    /// Deletes a record that cannot be read, so that nothing is known of the service any more.
    pub(crate) fn delete_record(&self, name: &ServiceName) -> io::Result<()> {
        atomic::remove(&self.record_path(name))
    }

    /// A record may have been put into place and only then have failed to become durable: the old one
    /// goes back. What cannot be undone now is undone by the sweep at the next start.
    fn undo(&self, before: Option<&ServiceRecord>, name: &ServiceName, digest: Option<Digest>) {
        let record = match before {
            Some(before) => self.save_record(before),
            None => self.delete_record(name),
        };
        let needed = |digest| before.is_some_and(|before| before.by_digest(digest).is_some());
        let component = match digest {
            Some(digest) if !needed(digest) => self.delete_component(digest),
            _ => Ok(()),
        };
        if let Err(error) = record.and(component) {
            warn!(service = %name, "a deploy that was not stored could not be undone: {error}");
        }
    }

    /// Stores a component, unless it is there already and whole.
    fn save_component(&self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        match self.component(digest) {
            Ok(_) => Ok(()),
            Err(_) => atomic::write(&self.component_path(digest), bytes),
        }
    }

    fn save_record(&self, record: &ServiceRecord) -> io::Result<()> {
        let json = serde_json::to_vec_pretty(record).map_err(io::Error::other)?;
        atomic::write(&self.record_path(&record.name), &json)
    }

    fn delete_component(&self, digest: Digest) -> io::Result<()> {
        atomic::remove(&self.component_path(digest))
    }

    /// Deletes the components that are not among `needed`: a deploy that was cut off left them.
    pub(crate) fn sweep_components(&self, needed: &HashSet<Digest>) -> io::Result<()> {
        for entry in fs::read_dir(&self.paths.components)? {
            let path = entry?.path();
            let digest = path.file_stem().and_then(|stem| stem.to_str()?.parse::<Digest>().ok());
            if let Some(digest) = digest.filter(|digest| !needed.contains(digest)) {
                warn!(digest = %digest.short(), "deleting a component that no revision uses");
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn component_path(&self, digest: Digest) -> PathBuf {
        self.paths.components.join(format!("{digest}.wasm"))
    }

    fn record_path(&self, name: &ServiceName) -> PathBuf {
        self.paths.services.join(format!("{name}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::open_data;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let paths = open_data(dir.path()).unwrap().paths().clone();
        (dir, Store::new(paths))
    }

    #[test]
    fn a_component_comes_back_whole_or_not_at_all() {
        let (_dir, store) = store();
        let digest = Digest::of(b"component");
        assert!(matches!(store.component(digest), Err(ComponentError::Missing)));
        store.save_component(digest, b"component").unwrap();
        assert_eq!(store.component(digest).unwrap(), "component");
        fs::write(store.component_path(digest), b"comp0nent").unwrap();
        assert!(matches!(store.component(digest), Err(ComponentError::Damaged)));
        store.save_component(digest, b"component").expect("an upload repairs it");
        assert_eq!(store.component(digest).unwrap(), "component");
    }

    #[test]
    fn records_are_found_again_and_a_damaged_one_hides_no_other() {
        let (_dir, store) = store();
        for name in ["orders", "delivery"] {
            store.save_record(&ServiceRecord::new(name.parse().unwrap())).unwrap();
        }
        fs::write(store.paths.services.join("broken.json"), b"{").unwrap();
        fs::write(store.paths.services.join("Not A Name.json"), b"{}").unwrap();
        let found: Vec<_> = store
            .records()
            .unwrap()
            .into_iter()
            .map(|found| (found.name.to_string(), found.record.is_ok()))
            .collect();
        let expected = [("broken", false), ("delivery", true), ("orders", true)];
        assert_eq!(found, expected.map(|(name, ok)| (name.to_owned(), ok)));
    }

    #[test]
    fn a_sweep_takes_components_that_nothing_needs_and_nothing_else() {
        let (_dir, store) = store();
        let (kept, left) = (Digest::of(b"kept"), Digest::of(b"left"));
        store.save_component(kept, b"kept").unwrap();
        store.save_component(left, b"left").unwrap();
        fs::write(store.paths.components.join("notes.txt"), b"mine").unwrap();
        store.sweep_components(&HashSet::from([kept])).unwrap();
        assert!(store.component(kept).is_ok());
        assert!(matches!(store.component(left), Err(ComponentError::Missing)));
        assert!(store.paths.components.join("notes.txt").exists());
    }
}
