//! Taking a database out of use for a moment, to do something to its files.

use std::path::Path;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::sql::database::Database;
use crate::sql::error::{SqlError, Unavailable};

/// Brings the database back when it is dropped, however that comes.
struct Offline(Arc<Database>);

impl Database {
    /// Waits for what is running, closes every connection, and runs `f` on the file, which nobody else
    /// touches meanwhile: whoever asks for something is told that it is unavailable.
    ///
    /// # Errors
    ///
    /// `busy` when somebody else does this already, or what is running takes too long.
    pub(crate) async fn offline<T: Send + 'static>(
        self: &Arc<Self>,
        f: impl FnOnce(&Path) -> T + Send + 'static,
    ) -> Result<T, SqlError> {
        if !self.place.go_offline() {
            return Err(SqlError::Busy);
        }
        let offline = Offline(Arc::clone(self));
        let cleared = self.writer.clear().await?;
        self.readers.close().await;
        self.place.shelf.forget(&self.place.database);
        let work = spawn_blocking(move || {
            let result = f(&offline.0.place.path);
            // In this order: the file is looked at anew by whoever comes next.
            offline.0.writer.distrust();
            drop(offline);
            drop(cleared);
            result
        });
        work.await.map_err(|_| Unavailable::Stopped.into())
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        self.0.place.come_back();
        self.0.readers.reopen();
    }
}
