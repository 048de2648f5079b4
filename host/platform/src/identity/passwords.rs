//! Hashing passwords, with Argon2id.
//!
//! One hash takes 19 MiB and a few ten milliseconds of a processor. They run off the async threads, no
//! more at a time than there are processors and than fit into the memory that is set aside.

use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::config::Secret;

/// Memory of one hash in KiB, passes over it, and lanes: what OWASP's Password Storage Cheat Sheet
/// recommends for Argon2id (19 MiB, 2, 1).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Memory that all hashes may take together, in KiB.
const MEMORY_KIB_MAX: u32 = 256 * 1024;

/// Hashes that wait for their turn. One more is told to come again, rather than to wait for seconds.
const WAITING_MAX: usize = 256;

/// Bytes of a salt: what RFC 9106, section 3.1, recommends.
const SALT_BYTES: usize = 16;

/// The longest password, in bytes: more is no safer, and costs.
const PASSWORD_BYTES_MAX: usize = 1024;

/// The longest hash, as text.
const HASH_BYTES_MAX: usize = 512;

/// Hashes and checks passwords.
pub struct Passwords {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// Why a password was not hashed or checked.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// It is empty or too long.
    #[error("a password has 1 to {PASSWORD_BYTES_MAX} bytes")]
    Length,
    /// What it should be checked against is no hash, or costs more than hashes of this host.
    #[error("the hash is none that hash-password made")]
    Hash,
    /// Too many wait.
    #[error("too many passwords are being hashed: try again")]
    Busy,
    /// The host's own fault.
    #[error("passwords cannot be hashed now")]
    Broken(String),
}

impl Default for Passwords {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        let fit = usize::try_from(MEMORY_KIB_MAX / MEMORY_KIB).unwrap_or(1);
        let turns = processors.min(fit).max(1);
        Self {
            turns: Arc::new(Semaphore::new(turns)),
            places: Arc::new(Semaphore::new(turns + WAITING_MAX)),
        }
    }
}

impl Passwords {
    /// A hash with a salt of its own, in the PHC format.
    ///
    /// # Errors
    ///
    /// [`PasswordError`]
    pub async fn hash(&self, password: Secret) -> Result<String, PasswordError> {
        check_length(&password)?;
        self.run(move || hash(&password)).await
    }

    /// Whether the password is the one of the hash. Without a hash the same work is done for nothing.
    ///
    /// # Errors
    ///
    /// [`PasswordError`]
    pub async fn verify(
        &self,
        hash: Option<String>,
        password: Secret,
    ) -> Result<bool, PasswordError> {
        check_length(&password)?;
        self.run(move || match hash {
            Some(hash) => verify(&hash, &password),
            None => {
                // The costly part of checking is this.
                self::hash(&password)?;
                Ok(false)
            }
        })
        .await
    }

    /// Runs something when its turn has come. When nobody waits for it any more it runs to its end all the
    /// same, and keeps its turn until then.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| PasswordError::Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| PasswordError::Busy)?;
        let held: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (place, turn);
        let done = spawn_blocking(move || {
            let outcome = work();
            drop(held);
            outcome
        });
        done.await.unwrap_or_else(|error| Err(PasswordError::Broken(error.to_string())))
    }
}

fn check_length(password: &Secret) -> Result<(), PasswordError> {
    let length = password.expose().len();
    if (1..=PASSWORD_BYTES_MAX).contains(&length) { Ok(()) } else { Err(PasswordError::Length) }
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(broken)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &Secret) -> Result<String, PasswordError> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(broken)?;
    let hash: PasswordHash =
        argon2()?.hash_password_with_salt(password.expose().as_bytes(), &salt).map_err(broken)?;
    Ok(hash.to_string())
}

fn verify(hash: &str, password: &Secret) -> Result<bool, PasswordError> {
    if hash.len() > HASH_BYTES_MAX {
        return Err(PasswordError::Hash);
    }
    let hash = PasswordHash::new(hash).map_err(|_| PasswordError::Hash)?;
    check_cost(&hash)?;
    match argon2()?.verify_password(password.expose().as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(_) => Err(PasswordError::Hash),
    }
}

/// A hash says itself what checking it costs: a service could ask for gigabytes.
fn check_cost(hash: &PasswordHash) -> Result<(), PasswordError> {
    let params = Params::try_from(hash).map_err(|_| PasswordError::Hash)?;
    let costs_no_more =
        params.m_cost() <= MEMORY_KIB && params.t_cost() <= PASSES && params.p_cost() <= LANES;
    let is_ours = hash.algorithm == Algorithm::Argon2id.ident();
    if is_ours && costs_no_more { Ok(()) } else { Err(PasswordError::Hash) }
}

fn broken(error: impl std::fmt::Display) -> PasswordError {
    let error = error.to_string();
    tracing::error!("a password cannot be hashed: {error}");
    PasswordError::Broken(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_and_no_other_is() {
        let passwords = Passwords::default();
        let first = passwords.hash(secret("hunter2")).await.unwrap();
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_ne!(passwords.hash(secret("hunter2")).await.unwrap(), first, "salts differ");
        for (password, is_it) in [("hunter2", true), ("Hunter2", false), ("hunter2 ", false)] {
            let verified = passwords.verify(Some(first.clone()), secret(password)).await;
            assert_eq!(verified.unwrap(), is_it, "{password}");
        }
        assert!(!passwords.verify(None, secret("hunter2")).await.unwrap());
    }

    #[tokio::test]
    async fn what_is_no_hash_of_ours_or_costs_too_much_is_refused_at_once() {
        let passwords = Passwords::default();
        let good = passwords.hash(secret("a")).await.unwrap();
        let rest = good.split_once("p=1$").unwrap().1;
        for bad in [
            String::new(),
            "hunter2".into(),
            format!("$argon2id$v=19$m=4194304,t=2,p=1${rest}"),
            format!("$argon2id$v=19$m=19456,t=1000000,p=1${rest}"),
            format!("$argon2id$v=19$m=19456,t=2,p=200${rest}"),
            format!("$argon2d$v=19$m=19456,t=2,p=1${rest}"),
            "$pbkdf2-sha256$i=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".into(),
            "x".repeat(10_000),
        ] {
            let verified = passwords.verify(Some(bad.clone()), secret("a")).await;
            assert!(matches!(verified, Err(PasswordError::Hash)), "{bad}");
        }
        for length in [0, PASSWORD_BYTES_MAX + 1] {
            let long = secret(&"x".repeat(length));
            assert!(matches!(passwords.hash(long).await, Err(PasswordError::Length)));
        }
        assert!(passwords.hash(secret(&"x".repeat(PASSWORD_BYTES_MAX))).await.is_ok());
    }

    #[tokio::test]
    async fn an_account_that_is_not_there_takes_as_long() {
        let passwords = Passwords::default();
        let hash = passwords.hash(secret("a")).await.unwrap();
        passwords.verify(None, secret("warm")).await.unwrap();
        let time = async |hash: Option<String>| {
            let begun = std::time::Instant::now();
            for _ in 0..4 {
                passwords.verify(hash.clone(), secret("b")).await.unwrap();
            }
            begun.elapsed()
        };
        let (there, nobody) = (time(Some(hash)).await, time(None).await);
        let (less, more) = (there.min(nobody), there.max(nobody));
        assert!(more < less * 3, "{there:?} and {nobody:?}");
    }

    #[tokio::test]
    async fn a_crowd_is_told_to_come_again() {
        let passwords =
            Passwords { turns: Arc::new(Semaphore::new(1)), places: Arc::new(Semaphore::new(2)) };
        let hash = || passwords.hash(secret("a"));
        let (first, second, third) = tokio::join!(hash(), hash(), hash());
        assert!(first.is_ok() && second.is_ok());
        assert!(matches!(third, Err(PasswordError::Busy)));
        assert!(hash().await.is_ok());
    }
}
