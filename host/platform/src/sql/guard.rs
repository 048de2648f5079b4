//! What a service may say to its database: an authorizer that SQLite asks about every part of every
//! statement while it prepares it.
//!
//! It is an allow-list. What is not on it is refused either because it would reach around the host
//! (`ATTACH`, `PRAGMA`, `BEGIN`), because it belongs to a connection and no two statements are sure to
//! share one (temporary tables, `changes()`), or because no other database could run it (triggers,
//! virtual tables).

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::sql::error::SqlError;

/// Tables whose names begin with this belong to the host.
pub(crate) const HOST_TABLES: &str = "_thali_";

const OWN_DATABASE: &str = "ATTACH and DETACH are refused: a service has one database";
const PRAGMA: &str = "PRAGMA is refused: the host sets the database up";
const TRANSACTION_CONTROL: &str = "BEGIN, COMMIT, ROLLBACK, SAVEPOINT and RELEASE are refused: use \
     batch, or a transaction";
const TEMPORARY: &str = "temporary tables are refused: two statements need not share a connection";
const TRIGGER: &str = "triggers are refused: they are not portable";
const VIRTUAL: &str = "virtual tables are refused: they are not portable";
const UPKEEP: &str = "ANALYZE and REINDEX are refused: upkeep is the host's work";
const HOST_TABLE: &str = "tables whose names begin with _thali_ belong to the host";
const CATALOG: &str = "SQLite's own tables are refused: they are not portable";
const EXTENSION: &str = "load_extension() is refused";
const TOKENIZER: &str =
    "the tokenizers of full-text search are refused: they are pointers of the host";
const CONNECTION_STATE: &str = "changes(), total_changes() and last_insert_rowid() are refused: two \
     statements need not share a connection; use RETURNING";
const UNKNOWN: &str = "services may not do this";

/// Watches one connection.
#[derive(Clone, Default)]
pub(crate) struct Guard(Arc<Mutex<Watch>>);

#[derive(Default)]
struct Watch {
    /// The host itself is speaking: everything is allowed.
    host: bool,
    /// The first thing that was refused in the statement.
    refusal: Option<&'static str>,
    /// The statement changes the schema.
    changes_schema: bool,
    /// The statement creates an index, which SQLite does by reindexing.
    creates_index: bool,
    /// The statement touches `sqlite_schema` and its kind. Changing the schema does, too.
    touches_catalog: bool,
}

impl Guard {
    /// Sets the guard on a connection. Until [`Guard::host`] says otherwise everybody is a service.
    pub(crate) fn install(&self, connection: &mut rusqlite::Connection) -> rusqlite::Result<()> {
        let watch = Arc::clone(&self.0);
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            if watch.lock().judge(&context) { Authorization::Allow } else { Authorization::Deny }
        }))
    }

    /// Runs `f` with everything allowed.
    pub(crate) fn host<T>(&self, f: impl FnOnce() -> T) -> T {
        let before = std::mem::replace(&mut self.0.lock().host, true);
        // Put back by dropping, so that a panic in `f` leaves no guard open.
        let _off_duty = OffDuty { guard: self, before };
        f()
    }

    /// Whether the host itself is speaking.
    pub(crate) fn is_host(&self) -> bool {
        self.0.lock().host
    }

    /// Forgets what was seen; called before a statement is prepared.
    pub(crate) fn reset(&self) {
        let mut watch = self.0.lock();
        *watch = Watch { host: watch.host, ..Watch::default() };
    }

    /// What the authorizer refused, when SQLite stopped because of it.
    pub(crate) fn refusal(&self) -> Option<SqlError> {
        self.0.lock().refusal.take().map(SqlError::invalid)
    }

    /// Why a statement is refused although SQLite prepared it, if it is.
    ///
    /// A host table can be reached by a schema change in ways the authorizer is not asked about (the
    /// new name of `ALTER TABLE .. RENAME`, a foreign key), so a schema change may not even spell one.
    pub(crate) fn verdict(&self, sql: &str) -> Option<SqlError> {
        let watch = self.0.lock();
        if watch.host {
            return None;
        }
        if watch.changes_schema && sql.to_ascii_lowercase().contains(HOST_TABLES) {
            return Some(SqlError::invalid(HOST_TABLE));
        }
        (watch.touches_catalog && !watch.changes_schema).then(|| SqlError::invalid(CATALOG))
    }
}

/// Lets the host speak for as long as this lives.
struct OffDuty<'a> {
    guard: &'a Guard,
    before: bool,
}

impl Drop for OffDuty<'_> {
    fn drop(&mut self) {
        self.guard.0.lock().host = self.before;
    }
}

impl Watch {
    fn judge(&mut self, context: &AuthContext<'_>) -> bool {
        if self.host {
            return true;
        }
        let refusal = match &context.action {
            action if is_temporary(context, action) => Some(TEMPORARY),
            AuthAction::Select | AuthAction::Recursive => None,
            AuthAction::Read { table_name, .. } => self.table(table_name),
            AuthAction::Insert { table_name }
            | AuthAction::Delete { table_name }
            | AuthAction::Update { table_name, .. } => self.table(table_name),
            AuthAction::CreateTable { table_name }
            | AuthAction::DropTable { table_name }
            | AuthAction::AlterTable { table_name, .. } => self.schema(table_name),
            AuthAction::CreateIndex { table_name, .. } => {
                self.creates_index = true;
                self.schema(table_name)
            }
            AuthAction::DropIndex { table_name, .. } => self.schema(table_name),
            AuthAction::CreateView { view_name } | AuthAction::DropView { view_name } => {
                self.schema(view_name)
            }
            AuthAction::Reindex { .. } if self.creates_index => None,
            AuthAction::Function { function_name } => function(function_name),
            other => Some(refused(other)),
        };
        let Some(reason) = refusal else { return true };
        self.refusal.get_or_insert(reason);
        false
    }

    fn table(&mut self, name: &str) -> Option<&'static str> {
        if has_prefix(name, HOST_TABLES) {
            return Some(HOST_TABLE);
        }
        if has_prefix(name, "pragma_") {
            return Some(PRAGMA);
        }
        if has_prefix(name, "fts") && name.to_ascii_lowercase().contains("tokenize") {
            return Some(TOKENIZER);
        }
        self.touches_catalog |= has_prefix(name, "sqlite_") || name.eq_ignore_ascii_case("dbstat");
        None
    }

    fn schema(&mut self, table: &str) -> Option<&'static str> {
        self.changes_schema = true;
        has_prefix(table, HOST_TABLES).then_some(HOST_TABLE)
    }
}

/// `temp.x`, by whatever statement. Altering a table looks into the catalog of temporary ones as well.
fn is_temporary(context: &AuthContext<'_>, action: &AuthAction<'_>) -> bool {
    let database = match action {
        AuthAction::Read { table_name, .. } | AuthAction::Update { table_name, .. }
            if has_prefix(table_name, "sqlite_temp_") =>
        {
            None
        }
        // Here the context has the name of a column in this place.
        AuthAction::AlterTable { database_name, .. } => Some(*database_name),
        _ => context.database_name,
    };
    database.is_some_and(|name| name != "main")
}

fn function(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "load_extension" => Some(EXTENSION),
        // Bound values make it hand out a pointer, or take one, whatever SQLite's own switch says.
        "fts3_tokenizer" => Some(TOKENIZER),
        "changes" | "total_changes" | "last_insert_rowid" => Some(CONNECTION_STATE),
        _ => None,
    }
}

fn refused(action: &AuthAction<'_>) -> &'static str {
    match action {
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => OWN_DATABASE,
        AuthAction::Pragma { .. } => PRAGMA,
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => TRANSACTION_CONTROL,
        AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. }
        | AuthAction::DropTempTable { .. }
        | AuthAction::DropTempIndex { .. }
        | AuthAction::DropTempTrigger { .. }
        | AuthAction::DropTempView { .. } => TEMPORARY,
        AuthAction::CreateTrigger { .. } | AuthAction::DropTrigger { .. } => TRIGGER,
        AuthAction::CreateVtable { .. } | AuthAction::DropVtable { .. } => VIRTUAL,
        AuthAction::Analyze { .. } | AuthAction::Reindex { .. } => UPKEEP,
        _ => UNKNOWN,
    }
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
