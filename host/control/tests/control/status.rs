use thali_control::ServiceState;
use thali_control::status::Provider;

use crate::api;
use crate::support::{TestHost, name};

#[tokio::test]
async fn a_service_shows_what_it_offers_needs_and_is_at() {
    let host = TestHost::new().await;
    host.deploy(api("drivers").answers(3)).await;
    let orders = api("orders")
        .version("1.4.0")
        .imports("thali:drivers/api@1.0.0", &["get: func() -> u32"])
        .imports("thali:mail/api@1.0.0", &["send: func()"])
        .imports("wasi:cli/exit@0.2.0", &[])
        .manifest("description = \"Food orders.\"")
        .manifest("[http]\n\"GET /orders\" = \"api.get\"")
        .manifest("[calls.\"thali:mail/api\"]\noptional = true");
    host.deploy(orders).await;
    host.call("drivers", "api.get").await.unwrap();

    let shown = host.show("orders");
    assert_eq!(shown.status.state, ServiceState::Running);
    assert_eq!(shown.status.version.as_ref().unwrap().to_string(), "1.4.0");
    assert_eq!(shown.status.description, "Food orders.");
    assert_eq!((shown.routes[0].method, shown.routes[0].path.as_str()), ("GET", "/orders"));
    assert_eq!(shown.routes[0].call, "api.get");
    assert_eq!(shown.exports[0].interface.to_string(), "thali:orders/api@1.0.0");
    assert_eq!(shown.exports[0].functions, ["get"]);
    let provider = |interface: &str| {
        let import = shown.imports.iter().find(|import| import.interface.to_string() == interface);
        import.map(|import| (import.provider.clone(), import.optional))
    };
    let drivers = Provider::Service { service: name("drivers"), revision: 1 };
    assert_eq!(provider("thali:drivers/api@1.0.0"), Some((drivers, false)));
    assert_eq!(provider("thali:mail/api@1.0.0"), Some((Provider::Missing, true)));

    let drivers = host.show("drivers");
    assert_eq!(drivers.exports[0].consumers, [name("orders")]);
    assert_eq!((drivers.status.invocations, drivers.status.traps), (1, 0));
    assert_eq!(drivers.status.in_flight, 0);
}

#[tokio::test]
async fn traps_are_counted() {
    let host = TestHost::new().await;
    host.deploy(api("orders").traps()).await;
    assert!(host.call("orders", "api.get").await.is_err());
    let status = host.show("orders").status;
    assert_eq!((status.invocations, status.traps, status.in_flight), (1, 1, 0));
}

#[tokio::test]
async fn the_status_is_json_that_a_program_can_read() {
    let host = TestHost::new().await;
    host.deploy(api("orders").imports("thali:mail/api@1.0.0", &["send: func()"])).await;
    let json = serde_json::to_value(host.show("orders")).unwrap();
    assert_eq!(json["state"], "waiting");
    assert_eq!(json["reason"], "nobody provides thali:mail/api@1.0.0");
    assert_eq!(json["imports"][0]["provider"], "missing");
    assert_eq!(json["revisions"][0]["source"], "upload");
    assert!(json["revisions"][0]["deployed_at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn the_openapi_document_follows_what_is_live() {
    let host = TestHost::new().await;
    host.deploy(api("orders")).await;
    let first = host.control().live().openapi();
    let json: serde_json::Value = serde_json::from_slice(&first).unwrap();
    assert!(first.windows(15).any(|window| window == b"/orders/api/get"), "{json}");
    assert_eq!(host.control().live().openapi().as_ptr(), first.as_ptr(), "it is made once");
    host.remove("orders").await.unwrap();
    let after = host.control().live().openapi();
    assert!(!after.windows(15).any(|window| window == b"/orders/api/get"));
}
