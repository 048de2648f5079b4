//! Components that are found in the watched folder, where they are found again at every start.

use thali_control::{Outcome, ServiceState, Source};

use crate::api;
use crate::support::TestHost;

#[tokio::test]
async fn a_file_that_was_taken_before_does_not_undo_an_upload_or_a_rollback() {
    let mut host = TestHost::new().await;
    host.deploy_from_folder(api("orders").answers(1)).await;
    host.deploy_from_folder(api("orders").answers(2)).await;
    host.rollback("orders").await.unwrap();
    host.restart().await;
    assert_eq!(host.deploy_from_folder(api("orders").answers(2)).await.outcome, Outcome::Unchanged);
    assert_eq!(host.call("orders", "api.get").await, Ok(1));
    host.deploy(api("orders").answers(3)).await;
    assert_eq!(host.deploy_from_folder(api("orders").answers(2)).await.outcome, Outcome::Unchanged);
    assert_eq!(host.call("orders", "api.get").await, Ok(3));
}

#[tokio::test]
async fn a_file_that_changed_is_news_even_if_it_changed_back() {
    let host = TestHost::new().await;
    host.deploy_from_folder(api("orders").answers(1)).await;
    host.deploy_from_folder(api("orders").answers(2)).await;
    let back = host.deploy_from_folder(api("orders").answers(1)).await;
    assert_eq!((back.outcome, back.revision), (Outcome::Restored, 1));
    assert_eq!(host.show("orders").revisions[0].source, Source::Folder);
}

#[tokio::test]
async fn a_removed_service_is_not_brought_back_by_its_old_file() {
    let mut host = TestHost::new().await;
    host.deploy_from_folder(api("orders")).await;
    host.remove("orders").await.unwrap();
    host.restart().await;
    let seen = host.deploy_from_folder(api("orders")).await;
    assert_eq!((seen.outcome, seen.state), (Outcome::Unchanged, ServiceState::Removed));
    assert!(host.services().is_empty());
    assert_eq!(host.deploy(api("orders")).await.outcome, Outcome::Created);
}

#[tokio::test]
async fn a_file_that_is_live_already_counts_as_taken() {
    let mut host = TestHost::new().await;
    host.deploy(api("orders").answers(1)).await;
    assert_eq!(host.deploy_from_folder(api("orders").answers(1)).await.outcome, Outcome::Unchanged);
    host.deploy(api("orders").answers(2)).await;
    host.restart().await;
    assert_eq!(host.deploy_from_folder(api("orders").answers(1)).await.outcome, Outcome::Unchanged);
    assert_eq!(host.call("orders", "api.get").await, Ok(2));
}
