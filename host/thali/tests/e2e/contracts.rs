//! Deploys that would break somebody are refused.

use serde_json::json;

use crate::support::{TestHost, an_order, component, trapping};

#[test]
fn a_delivery_whose_assign_changed_its_type_is_refused_with_names_and_types() {
    let host = TestHost::with_services();
    let changed = trapping("delivery", |wit| {
        let changed = wit.replace("eta-minutes: u32", "eta-minutes: u64");
        assert_ne!(changed, wit);
        changed
    });
    let refused = host.deploy(&changed);
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (409, &json!("contract_mismatch")),
        "{refused:?}"
    );
    let text = refused.body.to_string();
    for part in ["orders", "assign", "u32", "u64"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let order = host.post("/api/v1/orders", &an_order());
    assert_eq!(order.body["status"], "confirmed", "the old revision still serves");

    let forced = host.admin_post("/services?force=true", &changed);
    assert_eq!(forced.status, 201, "{forced:?}");
    assert!(!forced.body["warnings"].as_array().unwrap().is_empty(), "{forced:?}");
    assert_eq!(host.post("/api/v1/orders", &an_order()).body["status"], "queued");
    assert_eq!(host.admin_post("/services/delivery/rollback", b"").status, 200);
    assert_eq!(host.post("/api/v1/orders", &an_order()).body["status"], "confirmed");
}

#[test]
fn services_can_be_deployed_in_any_order() {
    let host = TestHost::empty();
    for name in ["orders", "notifications", "delivery", "restaurants"] {
        let answer = host.deploy(&component(name));
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let services = host.admin_get("/services");
    let states: Vec<_> =
        services.body["items"].as_array().unwrap().iter().map(|s| s["state"].clone()).collect();
    assert_eq!(states, ["running"; 4], "{services:?}");
}
