//! `thali:platform/sql` as components import it.

use std::sync::Arc;

use thali_contract::name::InterfaceName;
use thali_runtime::{Capability, State};
use wasmtime::component::{HasSelf, Linker, Resource};

use crate::sql::bindings::thali::platform::sql::{self as wit, Error};
use crate::sql::spans::{self, ended};
use crate::sql::writer::OWN_TRANSACTION;
use crate::sql::{
    Caller, Database, OpenTransaction, Rows, SqlError, Statement, Unavailable, Unit, Value,
};

/// Lends every service its own database, which is the [`Database`] among the extensions of its
/// revision. A service that has none is told so by every function.
#[derive(Clone, Copy, Debug, Default)]
pub struct SqlCapability;

impl Capability for SqlCapability {
    fn interface(&self) -> InterfaceName {
        crate::interface("sql")
    }

    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wit::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
    }
}

fn database(state: &State) -> Result<Arc<Database>, SqlError> {
    state.extension::<Database>().ok_or_else(|| Unavailable::NotConfigured.into())
}

fn caller(state: &State) -> Caller {
    Caller::request(state.context().request_id.as_u128())
}

/// Who writes, beside no transaction of its own. That one that has begun already is in the way, the
/// database knows; of one that has not, only the invocation does.
fn writer(state: &mut State) -> Result<(Arc<Database>, Caller), SqlError> {
    if state.locals().get::<OpenTransaction>().is_some_and(|open| open.is_waiting()) {
        return Err(SqlError::invalid(OWN_TRANSACTION));
    }
    Ok((database(state)?, caller(state)))
}

/// Takes a transaction that ends now away from the invocation.
fn take(state: &mut State, transaction: Resource<Unit>) -> wasmtime::Result<Unit> {
    let transaction = state.table().delete(transaction)?;
    state.let_go();
    // Another one may have been opened after this one's lease was over.
    let open = state.locals().get::<OpenTransaction>();
    if open.is_some_and(|open| transaction.is_behind(&open)) {
        state.locals().remove::<OpenTransaction>();
    }
    Ok(transaction)
}

impl wit::Host for State {
    async fn query(
        &mut self,
        sql: String,
        params: Vec<Value>,
    ) -> wasmtime::Result<Result<Rows, Error>> {
        let (span, database) = (spans::statement(self, &sql), database(self));
        let query = async { database?.query(Statement { sql, params }).await };
        Ok(ended(span, query.await))
    }

    async fn execute(
        &mut self,
        sql: String,
        params: Vec<Value>,
    ) -> wasmtime::Result<Result<u64, Error>> {
        let (span, writer) = (spans::statement(self, &sql), writer(self));
        let execute = async {
            let (database, caller) = writer?;
            database.execute(caller, Statement { sql, params }).await
        };
        Ok(ended(span, execute.await))
    }

    async fn batch(
        &mut self,
        statements: Vec<Statement>,
    ) -> wasmtime::Result<Result<Vec<u64>, Error>> {
        let (span, writer) = (spans::batch(self, &statements), writer(self));
        let batch = async {
            let (database, caller) = writer?;
            database.batch(caller, statements).await
        };
        Ok(ended(span, batch.await))
    }
}

impl wit::HostTransaction for State {
    async fn begin(&mut self) -> wasmtime::Result<Result<Resource<Unit>, Error>> {
        match writer(self) {
            Ok((database, caller)) => {
                let transaction = Unit::new(database, caller);
                let handle = Arc::new(transaction.handle());
                let transaction = self.table().push(transaction)?;
                self.locals().insert(handle);
                self.hold();
                Ok(Ok(transaction))
            }
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn query(
        &mut self,
        transaction: Resource<Unit>,
        sql: String,
        params: Vec<Value>,
    ) -> wasmtime::Result<Result<Rows, Error>> {
        let span = spans::statement(self, &sql);
        let transaction = self.table().get(&transaction)?;
        Ok(ended(span, transaction.query(Statement { sql, params }).await))
    }

    async fn execute(
        &mut self,
        transaction: Resource<Unit>,
        sql: String,
        params: Vec<Value>,
    ) -> wasmtime::Result<Result<u64, Error>> {
        let span = spans::statement(self, &sql);
        let transaction = self.table().get(&transaction)?;
        Ok(ended(span, transaction.execute(Statement { sql, params }).await))
    }

    async fn add(
        &mut self,
        transaction: Resource<Unit>,
        sql: String,
        params: Vec<Value>,
        rows: Option<u64>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let transaction = self.table().get(&transaction)?;
        Ok(transaction.add(Statement { sql, params }, rows).map_err(Error::from))
    }

    async fn commit(&mut self, transaction: Resource<Unit>) -> wasmtime::Result<Result<(), Error>> {
        let span = spans::named(self, "COMMIT");
        let transaction = take(self, transaction)?;
        Ok(ended(span, transaction.commit().await))
    }

    async fn drop(&mut self, transaction: Resource<Unit>) -> wasmtime::Result<()> {
        let span = spans::named(self, "ROLLBACK");
        // What it has seen of others and the service tells its client must be durable by then.
        let outcome = take(self, transaction)?.rollback().await;
        span.end();
        Ok(outcome?)
    }
}
