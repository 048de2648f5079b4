//! Whether a service's database can be used, and making it so again when it can.
//!
//! A service whose database cannot be used stays where it is: its routes answer 503, the list of
//! services has the reason, and the next request that comes tries again. So it is back as soon as the
//! disk has room, and nobody has to restart anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use thali_contract::name::ServiceName;
use thali_contract::pack::Migration;
use thali_platform::sql::{Database, SqlError, Unavailable};
use tokio::time::Instant;
use tracing::{error, info, warn};

/// How long a database is left alone after an attempt to open it.
const ATTEMPT_PAUSE: Duration = Duration::from_secs(1);

/// The database of a live revision.
pub struct Care {
    service: ServiceName,
    database: Arc<Database>,
    migrations: Arc<[Migration]>,
    /// Whether `failure` has something, to be looked at without its lock.
    failed: AtomicBool,
    failure: Mutex<Option<String>>,
    /// When it was tried last to make it usable; held while it is tried.
    attempt: tokio::sync::Mutex<Option<Instant>>,
}

impl Care {
    pub(crate) fn new(
        service: ServiceName,
        database: Arc<Database>,
        migrations: Arc<[Migration]>,
    ) -> Arc<Self> {
        Arc::new(Self {
            service,
            database,
            migrations,
            failed: AtomicBool::new(false),
            failure: Mutex::default(),
            attempt: tokio::sync::Mutex::default(),
        })
    }

    /// The database.
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// The migrations of the live revision.
    pub(crate) fn migrations(&self) -> &[Migration] {
        &self.migrations
    }

    /// Why the service cannot use its database now; `None` when nothing is known against it.
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.database.trouble().map(|error| error.to_string());
        trouble.or_else(|| {
            if self.failed.load(Ordering::Acquire) { self.failure.lock().clone() } else { None }
        })
    }

    /// Tries again to open the database, unless that was done a moment ago.
    ///
    /// # Errors
    ///
    /// Why it still cannot be used.
    pub async fn recover(&self) -> Result<(), String> {
        let Some(trouble) = self.trouble() else { return Ok(()) };
        let restored = self.database.trouble() == Some(SqlError::from(Unavailable::Offline));
        // Whoever comes while somebody tries is not kept waiting by a slow disk.
        let Ok(mut last) = self.attempt.try_lock() else { return Err(trouble) };
        if restored || last.is_some_and(|last| last.elapsed() < ATTEMPT_PAUSE) {
            return Err(trouble);
        }
        *last = Some(Instant::now());
        self.try_to_open().await?;
        info!(service = %self.service, "the database can be used again");
        Ok(())
    }

    /// Opens and checks the database at the start of the host. A missing one is made anew.
    pub(crate) async fn check(&self) {
        if let Err(reason) = self.try_to_open().await {
            error!(service = %self.service, "the database cannot be used: {reason}");
        }
    }

    async fn try_to_open(&self) -> Result<(), String> {
        let existed = self.database.exists();
        let outcome = self.database.migrate(&self.migrations).await;
        let failure = outcome.as_ref().err().map(ToString::to_string);
        self.failed.store(failure.is_some(), Ordering::Release);
        self.failure.lock().clone_from(&failure);
        if let Ok(report) = outcome {
            self.warn_of_loss(existed, &report.applied);
        }
        failure.map_or(Ok(()), Err)
    }

    /// The service was deployed before, so its database was there, with all of its migrations.
    fn warn_of_loss(&self, existed: bool, applied: &[String]) {
        let (service, applied) = (&self.service, applied.join(", "));
        if !existed {
            warn!(%service, "THE DATABASE WAS MISSING: an empty one was made ({applied}); whatever it held is gone. `thali db {service} restore FILE` puts a backup in place");
        } else if !applied.is_empty() {
            warn!(%service, "the database was older than the service: migrations were applied ({applied})");
        }
    }
}
