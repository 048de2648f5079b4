//! Contracts between services, through whole deploys. The rules one by one are in the unit tests.

use thali_control::ServiceState;

use crate::api;
use crate::support::{Guest, TestHost, guest};

const ASSIGN: &str = "thali:delivery/dispatch@1.0.0";

fn delivery(functions: &[&str]) -> Guest {
    guest("delivery").exports(ASSIGN, functions)
}

fn orders() -> Guest {
    api("orders").imports(ASSIGN, &["assign: func(order: u32) -> u32"])
}

async fn both() -> TestHost {
    let host = TestHost::new().await;
    host.deploy(delivery(&["assign: func(order: u32) -> u32", "spare: func()"])).await;
    host.deploy(orders()).await;
    host
}

#[tokio::test]
async fn a_provider_that_changes_a_type_is_refused_with_consumer_function_and_both_types() {
    let host = both().await;
    let before = host.everything();
    let refused = host.refuse(delivery(&["assign: func(order: u64) -> u32"])).await.problem();
    assert_eq!((refused.status, refused.code.as_str()), (409, "contract_mismatch"));
    assert_eq!(refused.errors.len(), 1, "{refused}");
    let detail = &refused.errors[0].detail;
    for part in ["orders calls dispatch.assign of delivery", "order: u32", "order: u64"] {
        assert!(detail.contains(part), "{part} is not in {detail:?}");
    }
    assert_eq!(host.everything(), before);
}

#[tokio::test]
async fn a_provider_may_drop_what_nobody_calls_and_add_what_it_likes() {
    let host = both().await;
    host.deploy(delivery(&["assign: func(order: u32) -> u32", "cancel: func(order: u32)"])).await;
    let newer = guest("delivery")
        .exports("thali:delivery/dispatch@1.4.0", &["assign: func(order: u32) -> u32"]);
    host.deploy(newer).await;
    assert_eq!(host.show("orders").status.state, ServiceState::Running);
}

#[tokio::test]
async fn a_provider_that_drops_an_interface_or_goes_back_in_version_is_refused() {
    let host = both().await;
    for without in [
        guest("delivery"),
        delivery(&["other: func()"]),
        guest("delivery")
            .exports("thali:delivery/dispatch@0.9.0", &["assign: func(order: u32) -> u32"]),
        guest("delivery")
            .exports("thali:delivery/dispatch@2.0.0", &["assign: func(order: u32) -> u32"]),
    ] {
        let before = host.everything();
        let refused = host.refuse(without).await.problem();
        assert_eq!((refused.status, refused.code.as_str()), (409, "contract_mismatch"));
        assert!(refused.to_string().contains(": orders calls "), "{refused}");
        assert_eq!(host.everything(), before);
    }
}

#[tokio::test]
async fn a_consumer_that_does_not_fit_the_live_provider_is_refused() {
    let host = both().await;
    let before = host.everything();
    for functions in [&["assign: func(order: u32) -> u64"][..], &["gone: func()"]] {
        let refused = host.refuse(api("shop").imports(ASSIGN, functions)).await.problem();
        assert_eq!((refused.status, refused.code.as_str()), (409, "contract_mismatch"));
        assert!(refused.to_string().contains("shop calls"), "{refused}");
    }
    assert_eq!(host.everything(), before);
}

#[tokio::test]
async fn a_provider_that_comes_after_its_consumer_has_to_fit_as_well() {
    let host = TestHost::new().await;
    host.deploy(orders()).await;
    let refused = host.refuse(delivery(&["assign: func(order: u64) -> u32"])).await;
    assert_eq!(refused.problem().code, "contract_mismatch");
    host.deploy(delivery(&["assign: func(order: u32) -> u32"])).await;
    assert_eq!(host.show("orders").status.state, ServiceState::Running);
}

#[tokio::test]
async fn force_deploys_what_breaks_calls_and_says_so_loudly() {
    let host = both().await;
    let deployed = host.force(delivery(&["assign: func(order: u64) -> u32"])).await;
    assert_eq!(deployed.warnings.len(), 1);
    let warning = &deployed.warnings[0];
    for part in ["orders", "assign", "u32", "u64"] {
        assert!(warning.contains(part), "{part} is not in {warning:?}");
    }
    let orders = host.show("orders").status;
    assert_eq!(orders.state, ServiceState::Waiting);
    assert!(host.show("delivery").revisions[0].forced);
    host.rollback("delivery").await.unwrap();
    assert_eq!(host.show("orders").status.state, ServiceState::Running);
}

#[tokio::test]
async fn force_without_need_leaves_no_mark() {
    let host = both().await;
    let deployed = host.force(delivery(&["assign: func(order: u32) -> u32"])).await;
    assert!(deployed.warnings.is_empty());
    assert!(!host.show("delivery").revisions[0].forced);
}

#[tokio::test]
async fn an_optional_call_may_be_dropped_with_a_warning_but_not_changed() {
    let host = TestHost::new().await;
    host.deploy(delivery(&["assign: func(order: u32) -> u32"])).await;
    host.deploy(orders().manifest("[calls.\"thali:delivery/dispatch\"]\noptional = true")).await;
    let refused = host.refuse(delivery(&["assign: func(order: u64) -> u32"])).await;
    assert_eq!(refused.problem().code, "contract_mismatch");
    let deployed = host.deploy(guest("delivery")).await;
    assert_eq!(deployed.warnings.len(), 1, "{:?}", deployed.warnings);
    assert!(deployed.warnings[0].contains("orders calls thali:delivery/dispatch@1.0.0"));
    assert_eq!(host.show("orders").status.state, ServiceState::Running);
}

#[tokio::test]
async fn two_services_may_export_events_types_and_incompatible_versions() {
    let host = TestHost::new().await;
    for (name, version) in [("one", "1.0.0"), ("two", "2.0.0")] {
        let guest = guest(name)
            .exports("thali:orders/events@1.0.0", &["placed: func(order: u32)"])
            .exports(&format!("thali:shared/api@{version}"), &["get: func() -> u32"]);
        host.deploy(guest).await;
    }
    let third =
        host.refuse(guest("three").exports("thali:shared/api@2.1.0", &["get: func() -> u32"]));
    assert_eq!(third.await.problem().code, "provider_conflict");
}

#[tokio::test]
async fn a_service_that_calls_itself_is_cut_off_by_the_depth_of_calls() {
    let host = TestHost::new().await;
    let own = "thali:echo/api@1.0.0";
    let echo = guest("echo")
        .exports(own, &["get: func() -> u32"])
        .imports(own, &["get: func() -> u32"])
        .forwards(own, "get");
    assert_eq!(host.deploy(echo).await.state, ServiceState::Running);
    assert!(host.call("echo", "api.get").await.is_err());
    assert_eq!(host.show("echo").status.in_flight, 0);
    host.remove("echo").await.unwrap();
}

#[tokio::test]
async fn a_consumer_can_move_to_a_new_major_version_while_the_provider_serves_both() {
    let host = both().await;
    let (one, two) = ("thali:delivery/dispatch@1.0.0", "thali:delivery/dispatch@2.0.0");
    let old = ["assign: func(order: u32) -> u32"];
    let new = ["assign: func(order: u64) -> u32"];
    host.deploy(guest("delivery").exports(one, &old).exports(two, &new)).await;
    host.deploy(api("orders").imports(two, &new)).await;
    host.deploy(guest("delivery").exports(two, &new)).await;
    assert_eq!(host.show("orders").status.state, ServiceState::Running);
}
