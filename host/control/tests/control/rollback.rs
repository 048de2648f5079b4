use thali_control::{Outcome, ServiceState};

use crate::api;
use crate::support::{TestHost, guest};

#[tokio::test]
async fn a_rollback_leads_to_what_was_live_before_and_then_no_further() {
    let host = TestHost::new().await;
    for number in 1..=3 {
        host.deploy(api("orders").answers(number)).await;
    }
    let back = host.rollback("orders").await.unwrap();
    assert_eq!((back.status(), back.outcome), (200, Outcome::RolledBack));
    assert_eq!((back.revision, back.previous), (2, Some(1)));
    assert!(back.warnings.iter().any(|warning| warning.contains("migrations")));
    assert_eq!(host.call("orders", "api.get").await, Ok(2));
    host.rollback("orders").await.unwrap();
    assert_eq!(host.call("orders", "api.get").await, Ok(1));
    let before = host.everything();
    let problem = host.rollback("orders").await.unwrap_err().problem();
    assert_eq!((problem.status, problem.code.as_str()), (409, "nothing_before"));
    assert_eq!(host.everything(), before);
}

#[tokio::test]
async fn a_rollback_that_would_break_a_call_is_refused() {
    let host = TestHost::new().await;
    let version =
        |v: &str, f: &str| guest("delivery").exports(&format!("thali:delivery/api@{v}"), &[f]);
    host.deploy(version("1.0.0", "get: func() -> u32")).await;
    host.deploy(version("1.1.0", "find: func() -> u32")).await;
    host.deploy(api("orders").imports("thali:delivery/api@1.1.0", &["find: func() -> u32"])).await;
    let before = host.everything();
    let problem = host.rollback("delivery").await.unwrap_err().problem();
    assert_eq!((problem.status, problem.code.as_str()), (409, "contract_mismatch"));
    assert_eq!(host.everything(), before);
    assert_eq!(host.show("orders").status.state, ServiceState::Running);
}

#[tokio::test]
async fn a_rollback_does_not_touch_the_data() {
    let host = TestHost::new().await;
    let one = api("orders").migration("001.sql", "CREATE TABLE a (id INTEGER)");
    host.deploy(one.clone()).await;
    host.deploy(one.answers(2).migration("002.sql", "CREATE TABLE b (id INTEGER)")).await;
    assert!(host.rollback("orders").await.unwrap().migrations.is_empty());
    let forward = host.deploy(
        api("orders")
            .answers(3)
            .migration("001.sql", "CREATE TABLE a (id INTEGER)")
            .migration("002.sql", "CREATE TABLE b (id INTEGER)")
            .migration("003.sql", "CREATE TABLE c (id INTEGER)"),
    );
    assert_eq!(forward.await.migrations, ["003.sql"]);
}

#[tokio::test]
async fn a_rollback_to_a_damaged_component_changes_nothing_and_its_upload_repairs_it() {
    let host = TestHost::new().await;
    host.deploy(api("orders").answers(1)).await;
    let first = host.show("orders").status.digest.unwrap();
    host.deploy(api("orders").answers(2)).await;
    let path = host.dir().join(format!("components/{first}.wasm"));
    std::fs::write(&path, b"damaged").unwrap();
    let before = host.everything();
    let problem = host.rollback("orders").await.unwrap_err().problem();
    assert_eq!((problem.status, problem.code.as_str()), (500, "damaged_revision"));
    assert_eq!(host.everything(), before);
    assert_eq!(host.call("orders", "api.get").await, Ok(2));
    assert_eq!(host.deploy(api("orders").answers(1)).await.outcome, Outcome::Restored);
    host.rollback("orders").await.unwrap();
    host.rollback("orders").await.unwrap();
    assert_eq!(host.call("orders", "api.get").await, Ok(1));
}

#[tokio::test]
async fn there_is_no_rollback_of_what_is_not_there() {
    let host = TestHost::new().await;
    assert_eq!(host.rollback("orders").await.unwrap_err().problem().status, 404);
    host.deploy(api("orders")).await;
    host.remove("orders").await.unwrap();
    assert_eq!(host.rollback("orders").await.unwrap_err().problem().status, 404);
}
