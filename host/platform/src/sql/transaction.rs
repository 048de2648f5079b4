//! A transaction that a service holds open over several calls.
//!
//! It has the connection to itself until it ends: by commit, by being dropped, by an error that undid
//! it, or because its lease is over, which the host sees to whatever the service does.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::task::{AbortHandle, spawn_blocking};

use crate::sql::added::{Added, OpenTransaction};
use crate::sql::error::{Ending, SqlError, Unavailable};
use crate::sql::exclusive::Exclusive;
use crate::sql::meter::Budget;
use crate::sql::place::Place;
use crate::sql::session::Session;
use crate::sql::statement::{Access, Outcome};
use crate::sql::ticket::{Ticket, job};
use crate::sql::{Rows, Statement};

/// A transaction. It sees its own writes and keeps other writers out. Dropping it rolls it back.
pub struct Transaction {
    lease: Arc<Lease>,
    timer: AbortHandle,
}

struct Lease {
    place: Arc<Place>,
    /// What is carried out before the next statement, or the commit.
    added: Arc<Added>,
    /// When the host takes the connection back.
    until: Instant,
    hold: Mutex<Hold>,
}

/// Where the connection is.
enum Hold {
    /// Between two statements.
    Idle(Exclusive),
    /// With a statement, which puts it back unless the transaction is over by then.
    Running(Arc<Ticket>),
    /// Gone.
    Over(Ending),
}

impl Transaction {
    /// Takes over a connection inside a fresh transaction, and starts the lease.
    pub(crate) fn new(place: &Arc<Place>, exclusive: Exclusive, added: Arc<Added>) -> Self {
        added.begin();
        let length = place.limits.transaction_lease;
        let lease = Arc::new(Lease {
            place: Arc::clone(place),
            added,
            until: Instant::now() + length,
            hold: Mutex::new(Hold::Idle(exclusive)),
        });
        let ending = Arc::downgrade(&lease);
        let timer = tokio::spawn(async move {
            tokio::time::sleep(length).await;
            if let Some(lease) = ending.upgrade() {
                lease.end(Ending::Expired(length));
            }
        });
        Self { lease, timer: timer.abort_handle() }
    }

    /// Runs one statement that returns rows: a `SELECT`, or a write with `RETURNING`.
    ///
    /// # Errors
    ///
    /// When the statement fails, or the transaction is over.
    pub async fn query(&self, statement: Statement) -> Result<Rows, SqlError> {
        self.lease.run(move |session| session.query(&statement, Access::Write)).await
    }

    /// Runs one statement and answers the number of rows it changed.
    ///
    /// # Errors
    ///
    /// When the statement fails, or the transaction is over.
    pub async fn execute(&self, statement: Statement) -> Result<u64, SqlError> {
        self.lease.run(move |session| session.execute(&statement)).await
    }

    /// Runs one statement of any kind.
    ///
    /// # Errors
    ///
    /// When the statement fails, or the transaction is over.
    pub async fn apply(&self, statement: Statement) -> Result<Outcome, SqlError> {
        self.lease.run(move |session| session.apply(&statement)).await
    }

    /// Makes the transaction durable.
    ///
    /// # Errors
    ///
    /// When it cannot be, or is over; `busy` when an error of a neighbour undid it as well. Then
    /// nothing of it was done.
    pub async fn commit(self) -> Result<(), SqlError> {
        let (reply, answer) = job();
        let (seen, undone) = job();
        let exclusive = self.lease.take(reply.ticket())?;
        let lease = Arc::clone(&self.lease);
        spawn_blocking(move || match lease.carry_out_added(&exclusive, &reply.ticket()) {
            Ok(()) => {
                *lease.hold.lock() = Hold::Over(Ending::Committed);
                exclusive.commit(reply, lease.added.announces());
            }
            Err(error) => {
                *lease.hold.lock() = Hold::Over(Ending::Failed(error.to_string()));
                let _ = reply.send(Err(error));
                exclusive.roll_back(Some(seen));
            }
        });
        answer.finish_or(undone).await
    }

    /// Undoes the transaction, and waits until what it has seen of others is durable. Dropping it does
    /// the first alone. One that is over already is undone.
    ///
    /// # Errors
    ///
    /// When something that it has seen was undone as well.
    pub async fn rollback(self) -> Result<(), SqlError> {
        let (reply, answer) = job();
        let Ok(exclusive) = self.lease.take(reply.ticket()) else { return Ok(()) };
        let lease = Arc::clone(&self.lease);
        spawn_blocking(move || {
            *lease.hold.lock() = Hold::Over(Ending::RolledBack);
            exclusive.roll_back(Some(reply));
        });
        answer.finish().await
    }

    /// What the host's other capabilities need to write in it.
    pub fn handle(&self) -> OpenTransaction {
        self.lease.added.handle()
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.timer.abort();
        self.lease.end(Ending::RolledBack);
    }
}

impl Lease {
    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        f: impl FnOnce(&Session) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, SqlError> {
        let (reply, answer) = job();
        let (seen, undone) = job();
        let exclusive = self.take(reply.ticket())?;
        let lease = Arc::clone(self);
        spawn_blocking(move || {
            if let Err(error) = lease.carry_out_added(&exclusive, &reply.ticket()) {
                // What was added cannot be left out, so nothing can be committed any more.
                *lease.hold.lock() = Hold::Over(Ending::Failed(error.to_string()));
                let _ = reply.send(Err(error));
                return exclusive.roll_back(Some(seen));
            }
            let budget = lease.budget(reply.ticket());
            let result = exclusive.session().and_then(|session| {
                let _metering = session.meter.start(budget);
                f(session)
            });
            let (result, rest) = lease.settle(exclusive, result);
            let _ = reply.send(result);
            if let Some(exclusive) = rest {
                exclusive.roll_back(None);
            }
        });
        answer.finish_or(undone).await
    }

    fn carry_out_added(&self, exclusive: &Exclusive, ticket: &Arc<Ticket>) -> Result<(), SqlError> {
        let budget = || self.budget(Arc::clone(ticket));
        exclusive.session().and_then(|session| self.added.carry_out(session, budget))
    }

    /// The connection, for one statement.
    fn take(&self, ticket: Arc<Ticket>) -> Result<Exclusive, SqlError> {
        let mut hold = self.hold.lock();
        match mem::replace(&mut *hold, Hold::Running(ticket)) {
            Hold::Idle(exclusive) => Ok(exclusive),
            Hold::Over(ending) => {
                *hold = Hold::Over(ending.clone());
                Err(ending.into())
            }
            // A caller that left in the middle of a statement, and then asks for another one.
            running @ Hold::Running(_) => {
                *hold = running;
                Err(SqlError::Busy)
            }
        }
    }

    /// A statement may run as long as any other, but not past the lease.
    fn budget(&self, ticket: Arc<Ticket>) -> Budget {
        let until = (Instant::now() + self.place.limits.statement_time).min(self.until);
        Budget { until, ticket: Some(ticket) }
    }

    /// Puts the connection back after a statement, or answers it when the transaction is over.
    fn settle<T>(
        &self,
        exclusive: Exclusive,
        result: Result<T, SqlError>,
    ) -> (Result<T, SqlError>, Option<Exclusive>) {
        let mut hold = self.hold.lock();
        if let Hold::Over(ending) = &*hold {
            return (Err(ending.clone().into()), Some(exclusive));
        }
        if exclusive.session().is_ok_and(Session::in_transaction) {
            *hold = Hold::Idle(exclusive);
            return (result, None);
        }
        let cause = match &result {
            Ok(_) => Unavailable::Stopped.to_string(),
            Err(error) => error.to_string(),
        };
        *hold = Hold::Over(Ending::Failed(cause));
        (result, Some(exclusive))
    }

    /// Ends the transaction, if it is not over yet. A statement that runs is interrupted.
    fn end(&self, ending: Ending) {
        let mut hold = self.hold.lock();
        match mem::replace(&mut *hold, Hold::Over(ending)) {
            // Dropping it rolls back, on a blocking thread.
            Hold::Idle(exclusive) => drop(exclusive),
            Hold::Running(ticket) => ticket.abandon(),
            Hold::Over(earlier) => *hold = Hold::Over(earlier),
        }
    }
}
