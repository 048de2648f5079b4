//! The databases of services: how large they are, and what is in them.

use axum::extract::State;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use thali_contract::name::ServiceName;
use thali_platform::sql::{ColumnFacts, Database, TableFacts};
use tokio::time::{Instant, timeout, timeout_at};

use super::Host;
use super::database::{database, refused};
use crate::web::{self, Answer, Items, None, Params, Segments};

/// How long one database of a list is waited for.
const LOOK_TIME: Duration = Duration::from_secs(1);

/// Databases that are looked at at the same time.
const LOOKED_AT_ONCE: usize = 8;

/// How long the rows of all tables of one database are counted.
const COUNT_TIME: Duration = Duration::from_secs(2);

/// More rows are not counted: to walk along them would keep others from reading.
const ROWS_COUNTED_MAX: u64 = 1_000_000;

#[derive(Serialize)]
struct Line<T> {
    service: ServiceName,
    bytes: u64,
    wal_bytes: u64,
    /// `ok`, or why it cannot be used.
    state: String,
    tables: T,
}

#[derive(Serialize)]
struct Table {
    name: String,
    /// Nothing when there are too many to count, or counting takes too long.
    rows: Option<u64>,
    columns: Vec<Column>,
}

#[derive(Serialize)]
struct Column {
    name: String,
    r#type: String,
    primary_key: bool,
}

pub(super) async fn list(State(host): State<Host>, Params(None {}): Params<None>) -> Answer {
    let live = host.control.live();
    let databases: Vec<_> = live
        .services
        .iter()
        .filter_map(|service| {
            let care = service.care.as_ref()?;
            Some((service.name().clone(), Arc::clone(care.database()), care.trouble()))
        })
        .collect();
    let lines = stream::iter(databases).map(async |(service, database, trouble)| {
        let (tables, trouble) = match trouble {
            Some(trouble) => (0, Some(trouble)),
            Option::None => count(&database).await,
        };
        Line::of(service, database, trouble, tables).await
    });
    let items: Vec<_> = lines.buffered(LOOKED_AT_ONCE).collect().await;
    Ok(web::json(StatusCode::OK, Items { items }))
}

pub(super) async fn show(
    State(host): State<Host>,
    Segments(name): Segments<ServiceName>,
    Params(None {}): Params<None>,
) -> Answer {
    let database = database(&host, &name)?;
    let live = host.control.live();
    let care = live.service(&name).and_then(|service| service.care.as_ref());
    let trouble = care.and_then(|care| care.trouble());
    let tables = match &trouble {
        Option::None if database.exists() => {
            let tables = database.tables().await.map_err(|error| refused(error, false))?;
            counted(&database, tables).await
        }
        _ => Vec::new(),
    };
    Ok(web::json(StatusCode::OK, Line::of(name, database, trouble, tables).await))
}

/// How many tables there are, or why that cannot be said. A database that was never used is not made for it.
async fn count(database: &Database) -> (u64, Option<String>) {
    if !database.exists() {
        return (0, Option::None);
    }
    match timeout(LOOK_TIME, database.table_count()).await {
        Ok(Ok(tables)) => (tables, Option::None),
        Ok(Err(error)) => (0, Some(error.to_string())),
        Err(_) => (0, Some("it is too busy to be looked at".to_owned())),
    }
}

async fn counted(database: &Database, tables: Vec<TableFacts>) -> Vec<Table> {
    let until = Instant::now() + COUNT_TIME;
    let mut counted = Vec::with_capacity(tables.len());
    for TableFacts { name, columns } in tables {
        let rows = timeout_at(until, database.row_count(&name, ROWS_COUNTED_MAX)).await;
        let rows = rows.ok().and_then(Result::ok).flatten();
        counted.push(Table {
            name,
            rows,
            columns: columns.into_iter().map(Column::from).collect(),
        });
    }
    counted
}

impl<T> Line<T> {
    async fn of(
        service: ServiceName,
        database: Arc<Database>,
        trouble: Option<String>,
        tables: T,
    ) -> Self {
        // Looking at files blocks, shortly.
        let usage = tokio::task::spawn_blocking(move || database.usage()).await;
        let usage = usage.unwrap_or_default();
        Self {
            service,
            bytes: usage.bytes,
            wal_bytes: usage.wal_bytes,
            state: trouble.unwrap_or_else(|| "ok".to_owned()),
            tables,
        }
    }
}

impl From<ColumnFacts> for Column {
    fn from(ColumnFacts { name, declared_type, primary_key }: ColumnFacts) -> Self {
        Self { name, r#type: declared_type, primary_key }
    }
}
