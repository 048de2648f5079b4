//! Profiles that were read before, in the memory of the host.
//!
//! A write forgets the profile when it is committed, and the host keeps nothing that was read before that.
//! Each revision of this service has a cache of its own: while two are live, one may show for an hour
//! what the other has changed.

use thali_support::sql::Failed;

use crate::bindings::thali::platform::cache::{self, Flight, Lookup};
use crate::store::Stored;

const TTL_MS: u64 = 3_600_000;

/// How the profile of a player is found who is not stored.
type Load<'a> = &'a dyn Fn() -> Result<Option<Stored>, Failed>;

/// Who keeps profiles.
pub(crate) trait Cache {
    /// The stored player with this id; loaded by one caller at a time when it is not kept.
    fn get(&self, id: &str, load: Load<'_>) -> Result<Option<Stored>, Failed>;
    /// Forgets a player who has changed.
    fn forget(&self, id: &str);
}

/// The cache of the host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Cache for Live {
    fn get(&self, id: &str, load: Load<'_>) -> Result<Option<Stored>, Failed> {
        match cache::get_or_fill(id) {
            Lookup::Found(bytes) => decode(&bytes).map_or_else(load, Ok),
            Lookup::Missing(flight) => {
                let stored = load()?;
                if Flight::fill(flight, &encode(stored.as_ref()), TTL_MS).is_err() {
                    eprintln!("a profile is not kept");
                }
                Ok(stored)
            }
        }
    }

    fn forget(&self, id: &str) {
        cache::delete(id);
    }
}

/// The xp in eight bytes, then the name; nothing for a player who is not stored.
fn encode(stored: Option<&Stored>) -> Vec<u8> {
    let Some(stored) = stored else { return Vec::new() };
    [&stored.xp.to_le_bytes(), stored.username.as_bytes()].concat()
}

fn decode(bytes: &[u8]) -> Option<Option<Stored>> {
    if bytes.is_empty() {
        return Some(None);
    }
    let (xp, username) = bytes.split_first_chunk()?;
    let username = std::str::from_utf8(username).ok()?.to_owned();
    Some(Some(Stored { username, xp: u64::from_le_bytes(*xp) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        for stored in [None, Some(Stored { username: "Ädä".into(), xp: 1 << 49 })] {
            assert_eq!(decode(&encode(stored.as_ref())), Some(stored));
        }
        assert_eq!(decode(b"short"), None);
    }
}
