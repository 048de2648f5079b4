use std::fs;
use std::time::Instant;

use thali_control::{Outcome, ServiceState};

use crate::api;
use crate::support::{TestHost, name};

#[tokio::test]
async fn every_service_is_back_at_its_live_revision() {
    let mut host = TestHost::new().await;
    host.deploy(api("orders").answers(1)).await;
    host.deploy(api("orders").answers(2)).await;
    host.deploy(api("delivery").answers(3)).await;
    host.deploy(api("delivery").answers(4)).await;
    host.rollback("delivery").await.unwrap();
    let (before, shown) = (host.tree(), host.show("orders").revisions);
    host.restart().await;
    assert_eq!(host.tree(), before);
    assert_eq!(host.show("orders").revisions, shown);
    assert_eq!(host.call("orders", "api.get").await, Ok(2));
    assert_eq!(host.call("delivery", "api.get").await, Ok(3));
    assert_eq!(host.deploy(api("orders").answers(2)).await.outcome, Outcome::Unchanged);
    host.rollback("orders").await.unwrap();
    assert_eq!(host.call("orders", "api.get").await, Ok(1));
}

#[tokio::test]
async fn a_damaged_component_fails_alone_and_its_upload_repairs_it() {
    for damage in [Some(&b"\0asm\x0d\0\x01\0"[..]), None] {
        let mut host = TestHost::new().await;
        host.deploy(api("orders").answers(1)).await;
        host.deploy(api("delivery").answers(2)).await;
        let digest = host.show("orders").status.digest.unwrap();
        let path = host.dir().join(format!("components/{digest}.wasm"));
        host.stop();
        match damage {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        host.start().await;
        assert_eq!(host.call("delivery", "api.get").await, Ok(2));
        let orders = host.show("orders").status;
        assert_eq!((orders.state, orders.revision), (ServiceState::Failed, Some(1)));
        let reason = orders.reason.unwrap();
        assert!(reason.contains("the stored component is"), "{reason}");
        assert!(!reason.contains(&host.dir().display().to_string()), "{reason}");

        let repaired = host.deploy_from_folder(api("orders").answers(1)).await;
        assert_eq!((repaired.outcome, repaired.revision), (Outcome::Restored, 1));
        assert_eq!(host.call("orders", "api.get").await, Ok(1));
        host.restart().await;
        assert_eq!(host.call("orders", "api.get").await, Ok(1));
    }
}

#[tokio::test]
async fn a_damaged_record_fails_alone_and_keeps_every_component() {
    let mut host = TestHost::new().await;
    host.deploy(api("orders")).await;
    host.deploy(api("delivery").answers(2)).await;
    host.stop();
    fs::write(host.dir().join("services/orders.json"), b"{\"format\": 1").unwrap();
    fs::write(host.dir().join("components").join("0".repeat(64) + ".wasm"), b"?").unwrap();
    host.start().await;
    assert_eq!(
        host.services(),
        [
            ("delivery".into(), ServiceState::Running, Some(1)),
            ("orders".into(), ServiceState::Failed, None)
        ]
    );
    assert_eq!(fs::read_dir(host.dir().join("components")).unwrap().count(), 3);
    host.remove("orders").await.unwrap();
    assert!(host.control().service(&name("orders")).is_none());
    host.restart().await;
    assert_eq!(host.services().len(), 1);
    assert_eq!(host.deploy(api("orders")).await.outcome, Outcome::Created);
}

#[tokio::test]
async fn a_cache_that_is_gone_is_made_again() {
    let mut host = TestHost::new().await;
    host.deploy(api("orders").answers(5)).await;
    host.stop();
    fs::remove_dir_all(host.dir().join("cache")).unwrap();
    host.start().await;
    assert_eq!(host.call("orders", "api.get").await, Ok(5));
}

#[tokio::test]
async fn services_whose_routes_clash_under_new_settings_do_not_stop_the_host() {
    let mut host = TestHost::with(|config| config.implied_routes = false).await;
    host.deploy(api("delivery")).await;
    host.deploy(api("orders").manifest("[http]\n\"POST /delivery/api/get\" = \"api.get\"")).await;
    host.restart_with(|config| config.implied_routes = true).await;
    assert_eq!(host.show("delivery").status.state, ServiceState::Running);
    let orders = host.show("orders").status;
    assert_eq!(orders.state, ServiceState::Failed);
    assert!(orders.reason.unwrap().contains("/delivery/api/get"));
}

#[tokio::test]
async fn a_consumer_and_its_provider_come_back_wired() {
    let mut host = TestHost::new().await;
    host.deploy(api("a-provider").answers(9)).await;
    for consumer in ["a-consumer", "z-consumer"] {
        let own = format!("thali:{consumer}/api@1.0.0");
        let guest = crate::support::guest(consumer)
            .exports(&own, &["get: func() -> u32"])
            .imports("thali:a-provider/api@1.0.0", &["get: func() -> u32"])
            .forwards("thali:a-provider/api@1.0.0", "get");
        host.deploy(guest).await;
    }
    host.restart().await;
    for consumer in ["a-consumer", "z-consumer"] {
        assert_eq!(host.call(consumer, "api.get").await, Ok(9));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fourteen_services_are_back_quickly() {
    let mut host = TestHost::new().await;
    for i in 0..14 {
        let guest = api(&format!("service-{i}"));
        let guest = if i == 0 {
            guest
        } else {
            guest.imports(&format!("thali:service-{}/api@1.0.0", i - 1), &["get: func() -> u32"])
        };
        host.deploy(guest.migration("001.sql", "CREATE TABLE a (id INTEGER)")).await;
    }
    host.stop();
    let began = Instant::now();
    host.start().await;
    let took = began.elapsed();
    println!("14 services, engine and all: {took:?}");
    assert_eq!(host.services().len(), 14);
    assert!(host.services().iter().all(|(_, state, _)| *state == ServiceState::Running));
    assert!(took.as_millis() < 1000, "{took:?}");
}
