use thali_control::{Outcome, ServiceState};

use crate::api;
use crate::support::{TestHost, guest};

#[tokio::test]
async fn a_deployed_component_answers() {
    let host = TestHost::new().await;
    let deployed = host.deploy(api("orders").answers(7)).await;
    assert_eq!((deployed.status(), deployed.outcome), (201, Outcome::Created));
    assert_eq!((deployed.revision, deployed.state), (1, ServiceState::Running));
    assert_eq!((deployed.previous, deployed.warnings.as_slice()), (None, &[][..]));
    assert_eq!(host.call("orders", "api.get").await, Ok(7));
}

#[tokio::test]
async fn a_new_component_takes_the_place_of_the_live_one() {
    let host = TestHost::new().await;
    host.deploy(api("orders").answers(1)).await;
    let deployed = host.deploy(api("orders").answers(2).version("1.1.0")).await;
    assert_eq!((deployed.revision, deployed.previous), (2, Some(1)));
    assert_eq!(deployed.version.unwrap().to_string(), "1.1.0");
    assert_eq!(host.call("orders", "api.get").await, Ok(2));
}

#[tokio::test]
async fn the_live_component_again_changes_nothing() {
    let host = TestHost::new().await;
    host.deploy(api("orders")).await;
    let before = host.everything();
    let deployed = host.deploy(api("orders")).await;
    assert_eq!((deployed.status(), deployed.outcome), (200, Outcome::Unchanged));
    assert_eq!(deployed.revision, 1);
    assert_eq!(host.everything(), before);
}

#[tokio::test]
async fn the_component_of_an_older_revision_makes_that_one_live_again() {
    let host = TestHost::new().await;
    host.deploy(api("orders").answers(1)).await;
    host.deploy(api("orders").answers(2)).await;
    let deployed = host.deploy(api("orders").answers(1)).await;
    assert_eq!((deployed.status(), deployed.outcome), (201, Outcome::Restored));
    assert_eq!((deployed.revision, deployed.previous), (1, Some(2)));
    assert_eq!(host.call("orders", "api.get").await, Ok(1));
    assert_eq!(host.show("orders").revisions.len(), 2);
}

#[tokio::test]
async fn a_request_keeps_what_it_began_with() {
    let host = TestHost::new().await;
    host.deploy(api("orders").answers(1)).await;
    let began = host.control().live();
    host.deploy(api("orders").answers(2)).await;
    assert_eq!(began.services[0].revision.number(), 1);
    assert_eq!(host.show("orders").draining.len(), 1);
    drop(began);
    assert!(host.show("orders").draining.is_empty(), "the last holder let go of revision 1");
}

#[tokio::test]
async fn a_service_is_called_at_the_revision_that_is_live_now() {
    let host = TestHost::new().await;
    host.deploy(api("drivers").answers(1)).await;
    let orders = api("orders")
        .imports("thali:drivers/api@1.0.0", &["get: func() -> u32"])
        .forwards("thali:drivers/api@1.0.0", "get");
    host.deploy(orders).await;
    assert_eq!(host.call("orders", "api.get").await, Ok(1));
    host.deploy(api("drivers").answers(2)).await;
    assert_eq!(host.call("orders", "api.get").await, Ok(2));
}

#[tokio::test]
async fn a_service_without_its_provider_waits_until_it_comes() {
    let host = TestHost::new().await;
    let orders = api("orders")
        .imports("thali:drivers/api@1.0.0", &["get: func() -> u32"])
        .forwards("thali:drivers/api@1.0.0", "get");
    let deployed = host.deploy(orders).await;
    assert_eq!(deployed.state, ServiceState::Waiting);
    assert_eq!(deployed.waiting_for.unwrap().to_string(), "thali:drivers/api@1.0.0");
    host.deploy(api("drivers").answers(3)).await;
    assert_eq!(host.show("orders").status.state, ServiceState::Running);
    assert_eq!(host.call("orders", "api.get").await, Ok(3));
}

#[tokio::test]
async fn a_service_does_not_wait_for_what_is_optional() {
    let host = TestHost::new().await;
    let orders = api("orders")
        .imports("thali:drivers/api@1.0.0", &["get: func() -> u32"])
        .manifest("[calls.\"thali:drivers/api\"]\noptional = true");
    assert_eq!(host.deploy(orders).await.state, ServiceState::Running);
}

#[tokio::test]
async fn an_interface_that_only_has_types_needs_no_provider() {
    let host = TestHost::new().await;
    let types = "record money { amount: s64 }";
    let pay = "use thali:types/types@1.0.0.{money}; pay: func(price: money /* s64 */) -> u32";
    for name in ["orders", "delivery"] {
        let guest = guest(name)
            .uses("thali:types/types@1.0.0", types)
            .exports(&format!("thali:{name}/api@1.0.0"), &[pay]);
        assert_eq!(host.deploy(guest).await.state, ServiceState::Running);
    }
}

#[tokio::test]
async fn only_the_migrations_that_are_new_run() {
    let host = TestHost::new().await;
    let one = api("orders").migration("001_a.sql", "CREATE TABLE a (id INTEGER PRIMARY KEY)");
    assert_eq!(host.deploy(one.clone()).await.migrations, ["001_a.sql"]);
    let two = one.answers(2).migration("002_b.sql", "INSERT INTO a (id) VALUES (1)");
    assert_eq!(host.deploy(two).await.migrations, ["002_b.sql"]);
    assert_eq!(host.rows("orders", "a").await, 1);
}

#[tokio::test]
async fn the_seed_is_loaded_once_and_only_where_it_is_asked_for() {
    let mut host = TestHost::new().await;
    let orders = api("orders")
        .migration("001.sql", "CREATE TABLE a (id INTEGER PRIMARY KEY)")
        .seed("INSERT INTO a (id) VALUES (1), (2)");
    host.deploy(orders.clone()).await;
    assert_eq!(host.rows("orders", "a").await, 0);
    for _ in 0..2 {
        host.restart_with(|config| config.seed = true).await;
        assert_eq!(host.rows("orders", "a").await, 2);
    }
    host.deploy(orders.clone().answers(2)).await;
    host.remove("orders").await.unwrap();
    host.deploy(orders).await;
    assert_eq!(host.rows("orders", "a").await, 2);
    let bad = api("delivery").manifest("[database]").seed("this is not SQL");
    assert_eq!(host.refuse(bad).await.problem().code, "migration_failed");
}

#[tokio::test]
async fn what_a_service_may_use_is_cut_down_to_what_the_host_allows() {
    let host = TestHost::new().await;
    let greedy = api("orders")
        .manifest("[limits]\nmemory = \"1GiB\"\ntimeout = \"10m\"\ncpu = \"11s\"\nconcurrency = 7");
    let deployed = host.deploy(greedy).await;
    assert_eq!(deployed.warnings.len(), 3, "{:?}", deployed.warnings);
    let limits = host.show("orders").limits.unwrap();
    assert_eq!((limits.timeout_ms, limits.memory_bytes), (30_000, 128 << 20));
    assert_eq!(limits.cpu_ms, 10_000);
    assert_eq!((limits.concurrency, limits.reuse), (Some(7), 1));
}

#[tokio::test]
async fn routes_are_implied_only_where_the_host_wants_them() {
    let mut host = TestHost::new().await;
    host.deploy(api("orders")).await;
    assert_eq!(host.show("orders").routes[0].path, "/orders/api/get");
    host.restart_with(|config| config.implied_routes = false).await;
    assert!(host.show("orders").routes.is_empty());
    assert_eq!(host.call("orders", "api.get").await, Ok(0));
}
