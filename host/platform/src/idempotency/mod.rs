//! Idempotency keys: a request that a client sends again, because it heard nothing, is carried out once.
//!
//! The answer to a request is kept in the service's own database, under an [`id`](Request::id) made of
//! what the client called it. A [`Claim`] is durable before the request runs, and its answer before the
//! client sees it:
//!
//! 1. [`Answers::begin`] looks whether the request runs in this process, then claims the id. Of many that
//!    come at once one gets the claim.
//! 2. The service runs. [`Claim::keep`] stores what it answered; [`Claim::release`] forgets the claim
//!    when there is no answer worth repeating.
//! 3. A claim without an answer that nobody in this process runs was left behind by a host that died, or
//!    by one whose database failed it at the end. The next one who asks takes it over, and runs under the
//!    same id, by which the service can tell what it has done already.
//!
//! What is absent on purpose: anything about HTTP. The gateway says what a request is and which answers
//! are worth keeping.

mod running;
mod store;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use thali_contract::name::ServiceName;
use uuid::Uuid;

use crate::sql::{Database, SqlError};

pub use running::Running;
use running::{Busy, Turn};
use store::{Found, Store};

/// A request that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Names it for as long as its key does.
    pub id: Uuid,
    /// What it asks for.
    pub fingerprint: Fingerprint,
}

/// A digest of everything that a request asks for: a key that comes with another one was used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// An answer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`; `None` without a body.
    pub content_type: Option<String>,
    /// `Location`.
    pub location: Option<String>,
    /// The revision that gave it: `orders/7`.
    pub revision: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Begun {
    /// Run it.
    Run(Claim),
    /// Answer what was answered before.
    Replay(Answer),
    /// Wait: it runs already.
    InProgress,
    /// Refuse it: its key belongs to another request.
    OtherRequest,
}

/// The kept answers of one service.
#[derive(Clone, Debug)]
pub struct Answers {
    store: Store,
    ttl: Duration,
    running: Arc<Running>,
}

/// The right to run a request. Dropping it leaves the claim behind, for the next one to take over.
#[derive(Debug)]
pub struct Claim {
    id: Uuid,
    store: Store,
    _turn: Turn,
}

/// What became of an answer that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is durable.
    Stored,
    /// It is larger than what is kept, so the claim was released: the request would run again.
    TooLarge,
}

impl Request {
    /// A request that the client calls `key`, on a route of a service. Two clients, or two routes, may
    /// use the same key.
    pub fn new(
        service: &ServiceName,
        route: &str,
        principal: Option<&str>,
        key: &str,
        fingerprint: Fingerprint,
    ) -> Self {
        let mut hash = Sha256::new();
        for part in [service.as_str(), route, principal.unwrap_or_default(), key] {
            push(&mut hash, part.as_bytes());
        }
        let mut id = [0; 16];
        id.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        Self { id: uuid::Builder::from_custom_bytes(id).into_uuid(), fingerprint }
    }
}

impl Fingerprint {
    /// The digest of these parts.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            push(&mut hash, part);
        }
        Self(hash.finalize().into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// With its length in front, so that no two lists of parts are the same bytes.
fn push(hash: &mut Sha256, part: &[u8]) {
    hash.update((part.len() as u64).to_le_bytes());
    hash.update(part);
}

impl Answers {
    /// The answers kept in `database`, each for `ttl` from its request's first run. `running` is what
    /// runs in this process, of all services.
    pub fn new(database: Arc<Database>, ttl: Duration, running: Arc<Running>) -> Self {
        Self { store: Store::new(database), ttl, running }
    }

    /// Says what is to be done with a request that comes at `now`.
    ///
    /// # Errors
    ///
    /// When the database cannot say. Then nothing may run.
    pub async fn begin(&self, request: Request, now: SystemTime) -> Result<Begun, SqlError> {
        let turn = match self.running.enter(request) {
            Ok(turn) => turn,
            Err(Busy::SameRequest) => return Ok(Begun::InProgress),
            Err(Busy::OtherRequest) => return Ok(Begun::OtherRequest),
        };
        Ok(match self.store.claim(request, now, self.ttl).await? {
            Found::Nothing => {
                Begun::Run(Claim { id: request.id, store: self.store.clone(), _turn: turn })
            }
            Found::Answer(answer) => Begun::Replay(answer),
            Found::OtherRequest => Begun::OtherRequest,
        })
    }

    /// Deletes what is older than its time, and says how many there were.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn sweep(&self, now: SystemTime) -> Result<u64, SqlError> {
        self.store.sweep(now, self.ttl).await
    }
}

impl Claim {
    /// Stores the answer. It is durable when this returns.
    ///
    /// # Errors
    ///
    /// When the database fails. Then the claim stays behind, and a repeated request runs again.
    pub async fn keep(self, answer: &Answer) -> Result<Kept, SqlError> {
        if self.store.fits(answer) {
            self.store.keep(self.id, answer).await?;
            return Ok(Kept::Stored);
        }
        self.store.release(self.id).await?;
        Ok(Kept::TooLarge)
    }

    /// Forgets the claim: a repeated request runs again, under the same id.
    ///
    /// # Errors
    ///
    /// When the database fails. Then the claim stays behind, which comes to the same.
    pub async fn release(self) -> Result<(), SqlError> {
        self.store.release(self.id).await
    }
}

#[cfg(test)]
mod tests;
