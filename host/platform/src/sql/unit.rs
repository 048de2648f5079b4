//! A transaction as services hold it: one that begins when it has to.
//!
//! Statements that are [added](Unit::add) and events wait in it. It gets the connection to itself with the
//! first statement whose answer is waited for. When there is none until the commit, everything is carried
//! out like a batch, so that a service which needs no answers never keeps other writers waiting.

use std::sync::{Arc, OnceLock};

use crate::sql::added::{Added, OpenTransaction, Step};
use crate::sql::error::{Ending, SqlError};
use crate::sql::session::Session;
use crate::sql::statement::Access;
use crate::sql::{Caller, Database, Rows, Statement, Transaction};

/// A transaction that begins when it has to. Dropping it rolls it back.
pub struct Unit {
    database: Arc<Database>,
    caller: Caller,
    added: Arc<Added>,
    begun: OnceLock<Transaction>,
    /// Why it can neither begin nor commit any more.
    broken: OnceLock<Ending>,
}

impl Unit {
    /// A transaction in which nothing happened yet.
    pub fn new(database: Arc<Database>, caller: Caller) -> Self {
        Self {
            database,
            caller,
            added: Arc::default(),
            begun: OnceLock::new(),
            broken: OnceLock::new(),
        }
    }

    /// Adds a statement: it is carried out with the next one that is waited for, or with the commit.
    /// Unless it changes `rows` rows, when that is said, the transaction fails.
    ///
    /// # Errors
    ///
    /// When too much was added.
    pub fn add(&self, statement: Statement, rows: Option<u64>) -> Result<(), SqlError> {
        let step = Step { rows, ..Step::of_service(statement) };
        self.added.add(step, self.database.limits())
    }

    /// Runs one statement that returns rows: a `SELECT`, or a write with `RETURNING`.
    ///
    /// # Errors
    ///
    /// When it cannot begin, the statement fails, or one that was added did.
    pub async fn query(&self, statement: Statement) -> Result<Rows, SqlError> {
        match self.begun.get() {
            Some(transaction) => transaction.query(statement).await,
            None => self.begin(move |session| session.query(&statement, Access::Write)).await,
        }
    }

    /// Runs one statement and answers the number of rows it changed.
    ///
    /// # Errors
    ///
    /// When it cannot begin, the statement fails, or one that was added did.
    pub async fn execute(&self, statement: Statement) -> Result<u64, SqlError> {
        match self.begun.get() {
            Some(transaction) => transaction.execute(statement).await,
            None => self.begin(move |session| session.execute(&statement)).await,
        }
    }

    /// Makes everything durable.
    ///
    /// # Errors
    ///
    /// When something that was added fails, or the transaction is over. Then nothing of it was done.
    pub async fn commit(self) -> Result<(), SqlError> {
        if let Some(ending) = self.broken.into_inner() {
            return Err(ending.into());
        }
        match self.begun.into_inner() {
            Some(transaction) => transaction.commit().await,
            None => self.database.carry_out(self.caller, self.added.take()).await,
        }
    }

    /// Undoes everything, and waits until what it has seen of others is durable.
    ///
    /// # Errors
    ///
    /// When something that it has seen was undone as well.
    pub async fn rollback(self) -> Result<(), SqlError> {
        match self.begun.into_inner() {
            Some(transaction) => transaction.rollback().await,
            None => Ok(()),
        }
    }

    /// What the host's other capabilities need to write in it.
    pub fn handle(&self) -> OpenTransaction {
        self.added.handle()
    }

    /// Whether `handle` is one of this transaction's.
    pub fn is_behind(&self, handle: &OpenTransaction) -> bool {
        handle.is_of(&self.added)
    }

    /// Gets the connection, and carries out what was added and then `statement`. When something that was
    /// added fails, nothing can be committed any more.
    async fn begin<T: Send + 'static>(
        &self,
        statement: impl FnOnce(&Session) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, SqlError> {
        if let Some(error) = self.broken.get() {
            return Err(error.clone().into());
        }
        let begun = self.database.begin_with(self.caller, Arc::clone(&self.added), statement).await;
        match begun {
            Ok((transaction, outcome)) => {
                // Two statements of one transaction never run side by side: its service waits.
                let _ = self.begun.set(transaction);
                outcome
            }
            Err(error) => {
                let _ = self.broken.set(Ending::Failed(error.to_string()));
                Err(error)
            }
        }
    }
}
