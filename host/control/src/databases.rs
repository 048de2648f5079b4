//! What operators do to the databases of services.

use std::sync::Arc;

use tempfile::{NamedTempFile, TempPath};
use thali_contract::name::ServiceName;
use thali_platform::sql::{ASIDE, Database, MigrationReport, RestoreError, SqlError};
use thiserror::Error;
use tracing::warn;

use crate::compiling::{blocking, detached};
use crate::control::Control;
use crate::error::DeployError;

/// Why a service's database was not replaced. It is as it was.
#[derive(Debug, Error)]
pub enum ReplaceError {
    /// There is no such service, or it has no database.
    #[error("there is no live service {0} with a database")]
    Unknown(ServiceName),
    /// The backup is not what it should be, or could not be put in place.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Deploys are in the way, or the host failed.
    #[error(transparent)]
    Deploy(#[from] DeployError),
}

impl Control {
    /// The database of a service: of one that is live and has one, or of one that was removed and has
    /// left one.
    pub fn database_of(&self, name: &ServiceName) -> Option<Arc<Database>> {
        let live = self.live();
        match live.service(name) {
            Some(service) => service.care.as_ref().map(|care| Arc::clone(care.database())),
            None => {
                Some(self.backends.databases.database(name)).filter(|database| database.exists())
            }
        }
    }

    /// A new file beside the databases, deleted unless something becomes of it.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub async fn file_beside_databases(&self) -> Result<NamedTempFile, DeployError> {
        let folder = self.backends.databases.folder().to_owned();
        let make =
            move || tempfile::Builder::new().prefix(ASIDE).suffix(".tmp").tempfile_in(folder);
        blocking(make).await?.map_err(DeployError::storage("making a file beside the databases"))
    }

    /// Copies a live database to a new file.
    ///
    /// # Errors
    ///
    /// When it cannot be read or copied.
    pub async fn backup(&self, database: &Database) -> Result<NamedTempFile, DeployError> {
        let file = self.file_beside_databases().await?;
        database.backup(file.path().to_owned()).await.map_err(damaged)?;
        Ok(file)
    }

    /// Puts a backup in place of the database of a live service. The service answers 503 meanwhile.
    /// A caller that goes away does not end it.
    ///
    /// # Errors
    ///
    /// When the backup does not fit. Then nothing has changed.
    pub async fn replace_database(
        self: &Arc<Self>,
        name: &ServiceName,
        file: TempPath,
    ) -> Result<MigrationReport, ReplaceError> {
        let (control, name) = (Arc::clone(self), name.clone());
        detached(async move { control.replace_now(&name, &file).await }).await
    }

    async fn replace_now(
        self: &Arc<Self>,
        name: &ServiceName,
        file: &TempPath,
    ) -> Result<MigrationReport, ReplaceError> {
        let _changes = self.right_to_change().await?;
        let live = self.live();
        // Every live revision wants its own migrations of the one database.
        self.check_rollout(&live, name)?;
        let care = live.service(name).and_then(|service| service.care.as_ref());
        let care = care.ok_or_else(|| ReplaceError::Unknown(name.clone()))?;
        let report = care.database().restore(file.to_path_buf(), care.migrations()).await?;
        // What the dispatcher knew of its events is void, and must not be stored in this one.
        self.events.restart(name);
        // What was wrong with the database that was replaced is not wrong with this one.
        care.check().await;
        warn!(service = %name, "the database was replaced by a backup; the one before is kept beside it");
        Ok(report)
    }
}

/// What an error of a host's own work on a database means.
fn damaged(error: SqlError) -> DeployError {
    match error {
        SqlError::Invalid(what) | SqlError::TooLarge(what) => DeployError::Internal(what),
        other => other.into(),
    }
}
