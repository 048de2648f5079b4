//! The connection that writes, for as long as one transaction has it.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::sql::error::{SqlError, Unavailable};
use crate::sql::group::Group;
use crate::sql::session::Session;
use crate::sql::ticket::Reply;
use crate::sql::writer::Writer;

/// The connection, inside a transaction that shares its commit with a [`Group`]. Dropping it rolls the
/// transaction back.
pub(crate) struct Exclusive {
    group: Option<Group>,
    writer: Arc<Writer>,
    runtime: Handle,
}

impl Exclusive {
    pub(crate) fn new(group: Group, writer: &Arc<Writer>, runtime: Handle) -> Self {
        Self { group: Some(group), writer: Arc::clone(writer), runtime }
    }

    /// The connection, inside its transaction.
    pub(crate) fn session(&self) -> Result<&Session, SqlError> {
        self.group.as_ref().map(Group::session).ok_or_else(|| Unavailable::Stopped.into())
    }

    /// Ends the transaction and goes on with the queue. The reply comes when it is durable. Blocks.
    pub(crate) fn commit(mut self, reply: Reply<()>, announces: bool) {
        if let Some(mut group) = self.group.take() {
            group.leave(reply, announces);
            Arc::clone(&self.writer).resume(group);
        }
    }

    /// Rolls back and goes on with the queue. The reply, if there is one, comes when everything that
    /// the transaction has seen is durable. Blocks.
    pub(crate) fn roll_back(mut self, reply: Option<Reply<()>>) {
        if let Some(mut group) = self.group.take() {
            group.undo(reply);
            Arc::clone(&self.writer).resume(group);
        }
    }

    /// The group without the transaction, to go on with at once.
    pub(crate) fn take_back(mut self) -> Option<Group> {
        let mut group = self.group.take()?;
        self.writer.release_holder();
        group.undo(None);
        Some(group)
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        if let Some(mut group) = self.group.take() {
            let writer = Arc::clone(&self.writer);
            self.runtime.spawn_blocking(move || {
                group.undo(None);
                writer.resume(group);
            });
        }
    }
}
