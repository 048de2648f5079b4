//! Compiled code on disk, by the component's digest and the engine's settings.
//!
//! Loading compiled code runs it, so only what this host wrote is ever loaded: each file has a MAC
//! under a key that stays in the data folder, and a file whose MAC does not fit is a miss, removed
//! and compiled again. The folder is private to the host's user; who can write there after the check
//! could as well read the key.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use thali_contract::name::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

/// The key that compiled code is authenticated with.
#[derive(Clone, Copy)]
pub struct CacheKey(pub [u8; 32]);

impl std::fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

/// The folder of compiled code for one engine.
pub(crate) struct CodeCache {
    folder: PathBuf,
    engine_hash: [u8; 32],
    key: CacheKey,
}

impl CodeCache {
    /// Opens `folder`, private to this user, for code of `engine`.
    pub(crate) fn open(folder: &Path, key: CacheKey, engine: &Engine) -> io::Result<Self> {
        let engine_hash = engine_hash(engine);
        let name: String = engine_hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let folder = folder.join(name);
        create_private(&folder)?;
        Ok(Self { folder, engine_hash, key })
    }

    /// The compiled component, if this host compiled it before.
    pub(crate) fn load(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        self.try_load(engine, digest).ok().flatten()
    }

    /// The compiled component; an error when it is this host's own and the engine does not take it.
    pub(crate) fn try_load(
        &self,
        engine: &Engine,
        digest: &Digest,
    ) -> wasmtime::Result<Option<Component>> {
        let path = self.code_path(digest);
        let Ok(code) = fs::read(&path) else { return Ok(None) };
        let mac = fs::read(self.mac_path(digest)).unwrap_or_default();
        if self.mac(digest, &code).verify_slice(&mac).is_err() {
            tracing::warn!(%digest, "compiled code in the cache was not written by this host; compiling again");
            self.remove(digest);
            return Ok(None);
        }
        match deserialize(engine, &path) {
            Ok(component) => Ok(Some(component)),
            Err(error) => {
                tracing::warn!(%digest, "compiled code in the cache does not load: {error:#}");
                self.remove(digest);
                Err(error)
            }
        }
    }

    /// Keeps compiled code. The MAC goes last, so a crash in between leaves a miss.
    pub(crate) fn store(&self, digest: &Digest, code: &[u8]) -> io::Result<()> {
        self.write(&self.code_path(digest), code)?;
        let mac = self.mac(digest, code).finalize().into_bytes();
        self.write(&self.mac_path(digest), &mac)
    }

    fn mac(&self, digest: &Digest, code: &[u8]) -> Hmac<Sha256> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key.0) else {
            unreachable!("HMAC takes a key of any length")
        };
        mac.update(b"thali compiled code 1\0");
        mac.update(&self.engine_hash);
        mac.update(digest.as_bytes());
        mac.update(code);
        mac
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut aside = tempfile::NamedTempFile::new_in(&self.folder)?;
        aside.write_all(bytes)?;
        aside.as_file().sync_all()?;
        aside.persist(path)?;
        Ok(())
    }

    pub(crate) fn remove(&self, digest: &Digest) {
        // What is not there, or cannot be removed, is written over by the next store.
        let _ = fs::remove_file(self.mac_path(digest));
        let _ = fs::remove_file(self.code_path(digest));
    }

    fn code_path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{digest}.cwasm"))
    }

    fn mac_path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{digest}.mac"))
    }
}

fn create_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[expect(unsafe_code, reason = "the only place where compiled code is loaded")]
fn deserialize(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file was produced by this host's own compiler: `load` has just checked its MAC, and
    // files are never changed in place, only replaced by renaming.
    unsafe { Component::deserialize_file(engine, path) }
}

/// Everything that decides whether compiled code fits: wasmtime's version, settings, target.
pub(crate) fn engine_hash(engine: &Engine) -> [u8; 32] {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut sha = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    sha.0.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cached() -> (tempfile::TempDir, Engine, CodeCache, Digest) {
        let folder = tempfile::tempdir().unwrap();
        let engine = crate::engine::plain();
        let cache = CodeCache::open(folder.path(), CacheKey([7; 32]), &engine).unwrap();
        let bytes = wat::parse_str("(component)").unwrap();
        let digest = Digest::of(&bytes);
        cache.store(&digest, &engine.precompile_component(&bytes).unwrap()).unwrap();
        (folder, engine, cache, digest)
    }

    #[test]
    fn what_was_stored_is_loaded() {
        let (_folder, engine, cache, digest) = cached();
        assert!(cache.load(&engine, &digest).is_some());
        assert!(cache.load(&engine, &Digest::of(b"another")).is_none());
    }

    #[test]
    fn a_flipped_bit_or_a_foreign_file_is_never_loaded() {
        let (_folder, engine, cache, digest) = cached();
        let path = cache.code_path(&digest);
        let mut code = fs::read(&path).unwrap();
        let middle = code.len() / 2;
        code[middle] ^= 1;
        fs::write(&path, &code).unwrap();
        assert!(cache.load(&engine, &digest).is_none());
        assert!(!path.exists(), "a forged file is removed");

        let other = CodeCache { key: CacheKey([8; 32]), folder: cache.folder.clone(), ..cache };
        let forged = engine.precompile_component(&wat::parse_str("(component)").unwrap()).unwrap();
        fs::write(&path, forged).unwrap();
        assert!(other.load(&engine, &digest).is_none());
    }

    #[test]
    fn code_of_one_component_is_not_taken_for_another() {
        let (_folder, engine, cache, digest) = cached();
        let other = Digest::of(b"another");
        fs::copy(cache.code_path(&digest), cache.code_path(&other)).unwrap();
        fs::copy(cache.mac_path(&digest), cache.mac_path(&other)).unwrap();
        assert!(cache.load(&engine, &other).is_none());
    }
}
