//! Group commit: jobs that wait at the same time share one transaction and one flush to disk.
//!
//! Each job runs in a savepoint, so one that fails undoes only itself. A few errors undo the whole
//! transaction (a full disk, an interrupted statement, `ON CONFLICT ROLLBACK`), and a deferred
//! constraint is only checked by the commit. Then every job that did not fail by itself is carried out
//! again, alone. Nobody hears of success before the commit that made it durable.

use std::time::{Duration, Instant};

use crate::sql::error::SqlError;
use crate::sql::session::Session;
use crate::sql::writer::WriteJob;

/// A group takes in no more jobs after this long: the first one waits for the last one.
const GROUP_TIME: Duration = Duration::from_millis(10);

/// Carries out `first` and what `more` brings.
pub(crate) fn run(session: &Session, first: WriteJob, mut more: impl FnMut() -> Option<WriteJob>) {
    if let Err(error) = session.begin() {
        first.answer(Err(error));
        return;
    }
    let started = Instant::now();
    let mut done: Vec<(WriteJob, Vec<u64>)> = Vec::new();
    let mut next = Some(first);
    while let Some(job) = next {
        match in_savepoint(session, &job) {
            Ok(changes) => done.push((job, changes)),
            Err(error) => job.answer(Err(error)),
        }
        if !session.in_transaction() {
            return one_by_one(session, done);
        }
        let room = done.len() < session.place.limits.group_jobs_max;
        next = if room && started.elapsed() < GROUP_TIME { more() } else { None };
    }
    match session.commit() {
        Ok(()) => {
            if done.iter().any(|(job, _)| job.work.announces) {
                session.place.announce();
            }
            done.into_iter().for_each(|(job, changes)| job.answer(Ok(changes)));
        }
        Err(error) if done.len() == 1 => {
            done.into_iter().for_each(|(job, _)| job.answer(Err(error.clone())));
        }
        Err(_) => one_by_one(session, done),
    }
}

/// Carries out each job in a transaction of its own.
fn one_by_one(session: &Session, jobs: Vec<(WriteJob, Vec<u64>)>) {
    for (job, _) in jobs {
        let answer = alone(session, &job);
        job.answer(answer);
    }
}

fn alone(session: &Session, job: &WriteJob) -> Result<Vec<u64>, SqlError> {
    session.begin()?;
    let result = statements(session, job);
    match result {
        Ok(changes) => {
            session.commit()?;
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
    session.host(|raw| raw.execute_batch("SAVEPOINT job"))?;
    let result = statements(session, job);
    if session.in_transaction() {
        let end = if result.is_ok() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
        if let Err(error) = session.host(|raw| raw.execute_batch(end)) {
            // Half a job must not be committed with the others.
            session.rollback();
            return result.and(Err(error));
        }
    }
    result
}

fn statements(session: &Session, job: &WriteJob) -> Result<Vec<u64>, SqlError> {
    let run = |statement| {
        let _metering = session.meter.start(session.budget(None));
        session.execute(statement)
    };
    session.speak(job.work.speaker, |_| job.work.statements.iter().map(run).collect())
}

impl WriteJob {
    fn answer(self, answer: Result<Vec<u64>, SqlError>) {
        // When the caller has left there is nobody to tell.
        let _ = self.reply.send(answer);
    }
}
