//! Statements of services in traces, by the semantic conventions for databases.
//!
//! A statement is told with its placeholders, as the service wrote it, and never with the values for them. What it was
//! refused for is not told either: SQLite names values in some of its messages.

use thali_runtime::State;
use thali_runtime::trace::{Failure, Span, SpanKind, Text};

use crate::sql::bindings::thali::platform::sql::Error;
use crate::sql::{SqlError, Statement};

/// What statements begin with that services write. A name that a service could choose would make as many names of spans.
const VERBS: [&str; 9] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "REPLACE", "CREATE", "ALTER", "DROP"];

/// What SQLite calls it.
const CONSTRAINT: &str = "SQLITE_CONSTRAINT";

/// The span of one statement.
pub(super) fn statement(state: &State, sql: &str) -> Span {
    let mut span = named(state, verb(sql));
    span.set_with("db.query.text", || Text::copied(sql).into());
    span
}

/// The span of several that are committed together.
pub(super) fn batch(state: &State, statements: &[Statement]) -> Span {
    let mut span = named(state, "BATCH");
    span.set("db.operation.batch.size", statements.len());
    span.set_with("db.query.text", || {
        let texts: Vec<_> = statements.iter().map(|statement| statement.sql.as_str()).collect();
        texts.join("; ").into()
    });
    span
}

/// The span of something that is done with the service's database.
pub(super) fn named(state: &State, operation: &'static str) -> Span {
    let mut span = state.span(SpanKind::Client, || operation.into());
    if span.is_recorded() {
        span.set("db.system.name", "sqlite");
        span.set("db.operation.name", operation);
        span.set("db.namespace", Text::copied(state.service().as_str()));
    }
    span
}

/// Ends the span with what came of it, in the service's words.
pub(super) fn ended<T>(mut span: Span, outcome: Result<T, SqlError>) -> Result<T, Error> {
    match &outcome {
        Ok(_) => {}
        // An answer that services ask for, to find out who was first: who looks for failures does not look for it.
        Err(SqlError::Constraint { .. }) => span.set("db.response.status_code", CONSTRAINT),
        Err(error) => span.fail(failure(error)),
    }
    span.end();
    outcome.map_err(Error::from)
}

fn failure(error: &SqlError) -> Failure {
    let (kind, message) = match error {
        SqlError::Constraint { .. } => ("constraint", "a constraint does not hold"),
        SqlError::Busy => ("busy", "others were in the way: it may be tried again"),
        SqlError::TooLarge(_) => ("too_large", "more than is allowed"),
        SqlError::Invalid(_) => ("invalid", "the statement cannot be run"),
        SqlError::Unavailable(_) => ("unavailable", "the database cannot be used"),
    };
    Failure { kind, message }
}

/// The first word, when it is one of few.
fn verb(sql: &str) -> &'static str {
    let word = sql.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next();
    let is_word = |verb: &&&str| word.is_some_and(|word| word.eq_ignore_ascii_case(verb));
    VERBS.iter().find(is_word).copied().unwrap_or("SQL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_called_by_its_first_word_and_by_no_other() {
        for (sql, expected) in [
            ("SELECT 1", "SELECT"),
            ("\n  insert into a values ($1)", "INSERT"),
            ("-- a comment\nSELECT 1", "SQL"),
            ("selection", "SQL"),
            ("", "SQL"),
        ] {
            assert_eq!(verb(sql), expected, "{sql:?}");
        }
    }
}
