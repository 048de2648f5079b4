use thali_control::{Cause, Outcome, ServiceState};

use crate::api;
use crate::support::{TestHost, guest, name};

const DELIVERY: &str = "thali:delivery/api@1.0.0";

async fn with_a_consumer(manifest: &str) -> TestHost {
    let host = TestHost::new().await;
    host.deploy(api("delivery")).await;
    host.deploy(api("orders").imports(DELIVERY, &["get: func() -> u32"]).manifest(manifest)).await;
    host
}

#[tokio::test]
async fn a_removed_service_is_gone_from_services_and_routes() {
    let mut host = TestHost::new().await;
    host.deploy(api("orders")).await;
    host.deploy(api("delivery")).await;
    let removed = host.remove("orders").await.unwrap();
    assert_eq!((removed.revision, removed.database_kept), (Some(1), true));
    for _ in 0..2 {
        assert_eq!(host.services(), [("delivery".into(), ServiceState::Running, Some(1))]);
        let live = host.control().live();
        let found = live.routes.find("POST", "/orders/api/get");
        assert!(matches!(found, thali_contract::route::Found::NotFound), "{found:?}");
        drop(live);
        assert!(host.control().service(&name("orders")).is_none());
        assert_eq!(host.remove("orders").await.unwrap_err().problem().status, 404);
        host.restart().await;
    }
    let components = std::fs::read_dir(host.dir().join("components")).unwrap();
    assert_eq!(components.count(), 1);
}

#[tokio::test]
async fn a_service_that_others_need_is_not_removed() {
    let host = with_a_consumer("").await;
    let before = host.everything();
    let problem = host.remove("delivery").await.unwrap_err().problem();
    assert_eq!((problem.status, problem.code.as_str()), (409, "has_dependents"));
    assert_eq!(problem.errors[0].detail, "orders calls thali:delivery/api@1.0.0");
    assert_eq!(host.everything(), before);
}

#[tokio::test]
async fn a_forced_removal_leaves_the_others_waiting() {
    let host = with_a_consumer("").await;
    let removed = host.control().remove(&name("delivery"), true, Cause::default()).await.unwrap();
    assert_eq!(removed.warnings.len(), 1);
    assert_eq!(host.show("orders").status.state, ServiceState::Waiting);
}

#[tokio::test]
async fn a_service_that_others_can_do_without_is_removed() {
    let host = with_a_consumer("[calls.\"thali:delivery/api\"]\noptional = true").await;
    let removed = host.remove("delivery").await.unwrap();
    assert_eq!(removed.warnings.len(), 1, "{:?}", removed.warnings);
    assert_eq!(host.show("orders").status.state, ServiceState::Running);
}

#[tokio::test]
async fn a_service_that_comes_back_finds_its_data_and_its_numbers_go_on() {
    let mut host = TestHost::new().await;
    let orders = api("orders").migration("001.sql", "CREATE TABLE a (id INTEGER)");
    host.deploy(orders.clone()).await;
    host.deploy(orders.clone().answers(2)).await;
    host.remove("orders").await.unwrap();
    host.restart().await;
    let back = host.deploy(orders).await;
    assert_eq!((back.outcome, back.revision, back.previous), (Outcome::Created, 3, None));
    assert!(back.migrations.is_empty(), "the table is still there: {:?}", back.migrations);
}

#[tokio::test]
async fn a_removed_consumer_frees_its_provider() {
    let host = with_a_consumer("").await;
    host.remove("orders").await.unwrap();
    host.deploy(guest("delivery")).await;
    host.remove("delivery").await.unwrap();
    assert!(host.services().is_empty());
}
