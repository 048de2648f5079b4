//! Group commit: jobs that wait at the same time share one transaction and one flush to disk.
//!
//! Each member runs in a savepoint: a write, or a transaction that a service holds open. One that fails
//! or is rolled back undoes only itself. Nobody hears of success before the commit that made it
//! durable; nor is anybody told that a neighbour's row is in the way before that row is durable.
//!
//! A few errors undo the whole group (a full disk, an interrupted statement, `ON CONFLICT ROLLBACK`).
//! Then every write that was finished is carried out again, alone. A finished transaction cannot be:
//! its statements came one by one from a service that has looked at their results. It is `busy`,
//! which says that nothing was done.
//!
//! SQLite checks deferred constraints only at the commit, and does not say whose they were. A schema
//! that has some makes every transaction a group of its own; writes are told apart by trying them
//! alone.

use std::mem;
use std::time::{Duration, Instant};

use crate::sql::added::Step;
use crate::sql::error::SqlError;
use crate::sql::meter::Budget;
use crate::sql::session::Session;
use crate::sql::ticket::Reply;
use crate::sql::writer::WriteJob;

/// The connection that writes, and those whose work on it waits for the next commit.
pub(crate) struct Group {
    session: Session,
    /// When the shared transaction began; none while there is none.
    began: Option<Instant>,
    done: Vec<Done>,
}

/// A member that is finished and waits for the commit.
enum Done {
    Write {
        job: WriteJob,
        answer: Result<Vec<u64>, SqlError>,
    },
    Transaction {
        reply: Reply<()>,
        announces: bool,
    },
    /// A transaction that was rolled back, but has seen what is not durable yet.
    Reader {
        reply: Reply<()>,
    },
}

/// Whether a transaction shares its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    /// With whoever is waiting.
    Welcome,
    /// With nobody that was there before: it will take long.
    Unwelcome,
}

impl Group {
    pub(crate) fn new(session: Session) -> Self {
        Self { session, began: None, done: Vec::new() }
    }

    /// The connection.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// The connection, when the group is flushed and the connection is still good.
    pub(crate) fn into_session(self) -> Option<Session> {
        Some(self.session).filter(|session| !session.is_condemned())
    }

    /// Whether the shared transaction is open.
    pub(crate) fn is_open(&self) -> bool {
        self.began.is_some()
    }

    /// Whether it is time to commit, whoever is waiting.
    pub(crate) fn is_due(&self) -> bool {
        let limits = &self.session.place.limits;
        let full = self.done.len() >= limits.group_jobs_max;
        full || self.is_older_than(limits.group_time) || self.session.is_condemned()
    }

    /// Carries out a write.
    pub(crate) fn write(&mut self, job: WriteJob) {
        if let Err(error) = self.begin() {
            return job.answer(Err(error));
        }
        let answer = in_savepoint(&self.session, &job);
        match answer {
            // What is in its way may be a neighbour's, and not durable yet: then it waits as well.
            Err(error) if !matches!(error, SqlError::Constraint { .. }) || self.done.is_empty() => {
                job.answer(Err(error));
            }
            answer => self.done.push(Done::Write { job, answer }),
        }
        self.recover_if_undone();
    }

    /// Begins a transaction that a service holds.
    pub(crate) fn enter(&mut self, company: Company) -> Result<(), SqlError> {
        let alone = company == Company::Unwelcome || self.session.defers_constraints()?;
        if alone || self.is_older_than(self.session.place.limits.group_entry_time) {
            self.flush();
        }
        self.begin()?;
        self.session.enter_savepoint()
    }

    /// Ends the transaction that entered. Its reply waits for the commit.
    pub(crate) fn leave(&mut self, reply: Reply<()>, announces: bool) {
        match self.session.release_savepoint() {
            Ok(()) => self.done.push(Done::Transaction { reply, announces }),
            Err(error) => {
                self.session.rollback();
                let _ = reply.send(Err(error));
            }
        }
        self.recover_if_undone();
        if self.session.defers_constraints().unwrap_or(true) {
            self.flush();
        }
    }

    /// Undoes the transaction that entered. The reply, if somebody wants one, waits until what the
    /// transaction may have seen is durable.
    pub(crate) fn undo(&mut self, reply: Option<Reply<()>>) {
        if self.session.in_transaction() && self.session.undo_savepoint().is_err() {
            self.session.rollback();
        }
        match reply {
            Some(reply) if !self.done.is_empty() => self.done.push(Done::Reader { reply }),
            Some(reply) => drop(reply.send(Ok(()))),
            None => {}
        }
        self.recover_if_undone();
    }

    /// Commits, and tells everybody.
    pub(crate) fn flush(&mut self) {
        if self.began.take().is_none() {
            return;
        }
        let done = mem::take(&mut self.done);
        match committed(&self.session, done.len()) {
            Ok(()) => {
                if done.iter().any(Done::announces) {
                    self.session.place.announce();
                }
                done.into_iter().for_each(Done::succeed);
            }
            Err(error) => self.recover(done, &error),
        }
    }

    fn begin(&mut self) -> Result<(), SqlError> {
        if self.began.is_none() {
            self.session.begin()?;
            self.began = Some(Instant::now());
        }
        Ok(())
    }

    fn is_older_than(&self, age: Duration) -> bool {
        self.began.is_some_and(|began| began.elapsed() >= age)
    }

    fn recover_if_undone(&mut self) {
        if self.began.is_some() && !self.session.in_transaction() {
            self.began = None;
            let done = mem::take(&mut self.done);
            self.recover(done, &SqlError::Busy);
        }
    }

    /// Does what can be done for the members of a group that was undone.
    fn recover(&self, done: Vec<Done>, error: &SqlError) {
        let alone = done.len() == 1;
        // A constraint that broke at the commit is one member's fault, and nobody can say whose.
        let shared = match error {
            SqlError::Constraint { .. } => SqlError::Busy,
            other => other.clone(),
        };
        for done in done {
            match done {
                Done::Write { job, .. } if alone && *error != SqlError::Busy => {
                    job.answer(Err(error.clone()));
                }
                Done::Write { job, .. } => {
                    let answer = carry_out_alone(&self.session, &job);
                    job.answer(answer);
                }
                Done::Transaction { reply, .. } if alone => drop(reply.send(Err(error.clone()))),
                Done::Transaction { reply, .. } | Done::Reader { reply } => {
                    drop(reply.send(Err(shared.clone())));
                }
            }
        }
    }
}

impl Done {
    fn announces(&self) -> bool {
        match self {
            Self::Write { job, answer } => job.work.announces && answer.is_ok(),
            Self::Transaction { announces, .. } => *announces,
            Self::Reader { .. } => false,
        }
    }

    fn succeed(self) {
        match self {
            Self::Write { job, answer } => job.answer(answer),
            Self::Transaction { reply, .. } | Self::Reader { reply } => drop(reply.send(Ok(()))),
        }
    }
}

/// Commits what so many jobs have done.
fn committed(session: &Session, jobs: usize) -> Result<(), SqlError> {
    let begun = Instant::now();
    let committed = session.commit();
    session.place.tally.committed(jobs, begun.elapsed(), committed.is_ok());
    committed
}

/// Carries out a write in a transaction of its own.
fn carry_out_alone(session: &Session, job: &WriteJob) -> Result<Vec<u64>, SqlError> {
    session.begin()?;
    match statements(session, job) {
        Ok(changes) => {
            committed(session, 1)?;
            if job.work.announces {
                session.place.announce();
            }
            Ok(changes)
        }
        Err(error) => {
            session.rollback();
            Err(error)
        }
    }
}

fn in_savepoint(session: &Session, job: &WriteJob) -> Result<Vec<u64>, SqlError> {
    session.enter_savepoint()?;
    let result = statements(session, job);
    if session.in_transaction() {
        let ended =
            if result.is_ok() { session.release_savepoint() } else { session.undo_savepoint() };
        if let Err(error) = ended {
            // Half a job must not be committed with the others.
            session.rollback();
            return result.and(Err(error));
        }
    }
    result
}

fn statements(session: &Session, job: &WriteJob) -> Result<Vec<u64>, SqlError> {
    // A job has the connection for no longer than a transaction could have it.
    let until = Instant::now() + session.place.limits.transaction_lease;
    let run = |step: &Step| {
        let budget = session.budget(None);
        let _metering = session.meter.start(Budget { until: budget.until.min(until), ..budget });
        step.carry_out(session)
    };
    job.work.steps.iter().map(run).collect()
}

impl WriteJob {
    fn answer(self, answer: Result<Vec<u64>, SqlError>) {
        // When the caller has left there is nobody to tell.
        let _ = self.reply.send(answer);
    }
}
