//! The databases of services, as the host sees them.

use std::fs;

use thali_control::{ReplaceError, ServiceState};
use thali_platform::sql::RestoreError;

use crate::api;
use crate::support::{Guest, TestHost, name};

fn with_table(service: &str) -> Guest {
    api(service).answers(1).migration("001.sql", "CREATE TABLE a (id INTEGER PRIMARY KEY)")
}

fn file(host: &TestHost, service: &str) -> std::path::PathBuf {
    host.dir().join(format!("databases/{service}.sqlite"))
}

#[tokio::test]
async fn a_first_migration_that_fails_leaves_no_file() {
    let host = TestHost::new().await;
    let bad = api("orders").migration("001.sql", "CREATE TABLE a (id TEXT); oops").build();
    assert_eq!(host.try_deploy(bad).await.unwrap_err().code(), "migration_failed");
    assert!(!file(&host, "orders").exists());
    host.deploy(with_table("orders")).await;
    assert_eq!(host.rows("orders", "a").await, 0);
}

#[tokio::test]
async fn a_damaged_database_fails_alone_and_is_tried_again() {
    let mut host = TestHost::new().await;
    host.deploy(with_table("orders")).await;
    host.deploy(with_table("delivery")).await;
    host.stop();
    let whole = fs::read(file(&host, "orders")).unwrap();
    fs::write(file(&host, "orders"), "damaged".repeat(1000)).unwrap();
    host.start().await;
    let orders = host.show("orders").status;
    assert_eq!(orders.state, ServiceState::Unavailable);
    assert_eq!(orders.reason.as_deref(), Some("the database is damaged"));
    assert_eq!(host.show("delivery").status.state, ServiceState::Running);
    fs::write(file(&host, "orders"), whole).unwrap();
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    tokio::time::resume();
    let live = host.control().live();
    live.service(&name("orders")).unwrap().care.as_ref().unwrap().recover().await.unwrap();
    assert_eq!(host.show("orders").status.state, ServiceState::Running);
}

#[tokio::test]
async fn a_deleted_database_has_its_migrations_again() {
    let mut host = TestHost::new().await;
    host.deploy(with_table("orders")).await;
    host.stop();
    fs::remove_file(file(&host, "orders")).unwrap();
    host.start().await;
    assert_eq!(host.rows("orders", "a").await, 0);
    assert_eq!(host.show("orders").status.state, ServiceState::Running);
}

#[tokio::test]
async fn a_backup_is_put_in_place_of_a_live_database() {
    let host = TestHost::new().await;
    host.deploy(with_table("orders")).await;
    let database = host.control().database_of(&name("orders")).unwrap();
    let backup = host.control().backup(&database).await.unwrap().into_temp_path();
    host.control().replace_database(&name("orders"), backup).await.unwrap();
    assert_eq!(host.rows("orders", "a").await, 0);

    let junk = host.control().file_beside_databases().await.unwrap().into_temp_path();
    fs::write(&junk, "junk").unwrap();
    let refused = host.control().replace_database(&name("orders"), junk).await;
    assert!(
        matches!(refused, Err(ReplaceError::Restore(RestoreError::NotADatabase))),
        "{refused:?}"
    );
    let file = host.control().file_beside_databases().await.unwrap().into_temp_path();
    let unknown = host.control().replace_database(&name("nobody"), file).await;
    assert!(matches!(unknown, Err(ReplaceError::Unknown(_))), "{unknown:?}");
    assert!(host.control().database_of(&name("nobody")).is_none());
}
