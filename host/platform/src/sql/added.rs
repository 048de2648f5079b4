//! What is added to a transaction without waiting for an answer: a service's statements, the host's
//! events. It is carried out with the next statement that is waited for, or with the commit.
//!
//! Each statement that is waited for costs two changes of threads, and other writers wait meanwhile.
//! A transaction that only adds costs as much as a batch: it never has the connection to itself.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::sql::error::{Ending, SqlError};
use crate::sql::limits::SqlLimits;
use crate::sql::meter::Budget;
use crate::sql::session::{Session, Speaker};
use crate::sql::writer::Work;
use crate::sql::{ConstraintKind, Statement};

/// The name of the constraint that a statement violates which changed another number of rows than it
/// was added with.
const ROWS: &str = "rows";

/// Statements that wait in one transaction, of the host and the service together: some tens of
/// milliseconds of the writer's time.
const STEPS_MAX: usize = 4096;

/// One statement, whose it is, and how many rows it must change.
pub(crate) struct Step {
    pub(crate) statement: Statement,
    pub(crate) speaker: Speaker,
    pub(crate) rows: Option<u64>,
}

/// What waits to be carried out in one transaction.
#[derive(Default)]
pub(crate) struct Added(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    steps: Vec<Step>,
    bytes: usize,
    announces: bool,
    /// The transaction has the connection, or is over.
    begun: bool,
}

/// A transaction as the host's other capabilities see it, while it is open: they find it among the
/// locals of the invocation, and what they write in it commits or vanishes with it.
pub struct OpenTransaction(Weak<Added>);

impl Added {
    /// Adds a step.
    pub(crate) fn add(&self, step: Step, limits: &SqlLimits) -> Result<(), SqlError> {
        let mut waiting = self.0.lock();
        let bytes = waiting.bytes.saturating_add(step.statement.bytes());
        if waiting.steps.len() >= limits.batch_statements_max || bytes > limits.queue_bytes_max {
            let max = limits.batch_statements_max;
            return Err(SqlError::too_large(format!("at most {max} statements are added at once")));
        }
        waiting.bytes = bytes;
        waiting.steps.push(step);
        Ok(())
    }

    /// Everything that waits, as work of its own.
    pub(crate) fn take(&self) -> Work {
        let mut waiting = self.0.lock();
        waiting.bytes = 0;
        Work { steps: std::mem::take(&mut waiting.steps), announces: waiting.announces }
    }

    /// Whether something of the transaction is to be announced.
    pub(crate) fn announces(&self) -> bool {
        self.0.lock().announces
    }

    /// Carries out what waits.
    pub(crate) fn carry_out(
        &self,
        session: &Session,
        budget: impl Fn() -> Budget,
    ) -> Result<(), SqlError> {
        for step in self.take().steps {
            let _metering = session.meter.start(budget());
            step.carry_out(session)?;
        }
        Ok(())
    }

    /// The transaction gets the connection.
    pub(crate) fn begin(&self) {
        self.0.lock().begun = true;
    }

    /// What the host's other capabilities need to write in it.
    pub(crate) fn handle(self: &Arc<Self>) -> OpenTransaction {
        OpenTransaction(Arc::downgrade(self))
    }
}

impl Step {
    /// A statement of the service.
    pub(crate) fn of_service(statement: Statement) -> Self {
        Self { statement, speaker: Speaker::Service, rows: None }
    }

    /// A statement of the host.
    pub(crate) fn of_host(statement: Statement) -> Self {
        Self { statement, speaker: Speaker::Host, rows: None }
    }

    /// Runs the statement and answers the number of rows it changed.
    pub(crate) fn carry_out(&self, session: &Session) -> Result<u64, SqlError> {
        let changed = session.speak(self.speaker, |session| session.execute(&self.statement))?;
        if self.rows.is_some_and(|rows| rows != changed) {
            return Err(SqlError::Constraint { kind: ConstraintKind::Other, name: ROWS.into() });
        }
        Ok(changed)
    }
}

impl OpenTransaction {
    /// Adds a statement of the host to the transaction, within what may wait there
    /// ([`SqlLimits::queue_bytes_max`]). It may touch the host's own tables. With
    /// `announces`, the database announces the transaction's commit
    /// ([`Database::announcements`](crate::sql::Database::announcements)).
    ///
    /// # Errors
    ///
    /// When the transaction is over, or too much was added: then the host must not do on its own what
    /// was to happen with the transaction. A statement that fails later fails the transaction.
    pub fn host_add(
        &self,
        statement: Statement,
        announces: bool,
        limits: &SqlLimits,
    ) -> Result<(), SqlError> {
        let added = self.0.upgrade().ok_or(Ending::RolledBack)?;
        let mut waiting = added.0.lock();
        let (bytes, max) =
            (waiting.bytes.saturating_add(statement.bytes()), limits.queue_bytes_max);
        if bytes > max || waiting.steps.len() >= STEPS_MAX {
            return Err(SqlError::too_large(format!(
                "at most {STEPS_MAX} events and {max} bytes wait in a transaction"
            )));
        }
        waiting.bytes = bytes;
        waiting.steps.push(Step::of_host(statement));
        waiting.announces |= announces;
        Ok(())
    }

    /// Whether this is a handle of the transaction that adds to `added`.
    pub(crate) fn is_of(&self, added: &Arc<Added>) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(added))
    }

    /// Whether the transaction has not got the connection yet: so far nothing keeps its own service
    /// from writing beside it.
    pub(crate) fn is_waiting(&self) -> bool {
        self.0.upgrade().is_some_and(|added| !added.0.lock().begun)
    }
}
