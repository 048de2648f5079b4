//! What is not a component changes nothing.

use serde_json::json;

use crate::support::{TestHost, component, folder_of, with_version};

#[test]
fn text_core_modules_and_truncated_components_are_refused_and_nothing_changes() {
    let host = TestHost::with_services();
    let before = host.admin_get("/services").body;
    let good = with_version(&component("orders"), "9.9.9");
    let core = b"\0asm\x01\0\0\0";
    let no_manifest = b"\0asm\x0d\0\x01\0";
    let bad: [(&[u8], &str); 5] = [
        (b"not a component", "not_a_component"),
        (b"", "not_a_component"),
        (core, "not_a_component"),
        (&good[..good.len() / 2], "invalid_component"),
        (no_manifest, "no_manifest"),
    ];
    for (bytes, code) in bad {
        let answer = host.deploy(bytes);
        assert_eq!((answer.status, &answer.body["code"]), (422, &json!(code)), "{answer:?}");
    }
    assert_eq!(host.admin_get("/services").body, before);
    assert_eq!(host.get("/health/live").status, 200);
}

#[test]
fn the_live_bytes_again_are_a_no_op_and_older_ones_become_live_again() {
    let host = TestHost::empty();
    let first = component("restaurants");
    let second = with_version(&first, "9.9.9");
    let statuses: Vec<_> =
        [&first, &first, &second, &first, &first].map(|bytes| host.deploy(bytes).status).into();
    assert_eq!(statuses, [201, 200, 201, 201, 200]);
    let shown = host.admin_get("/services/restaurants");
    assert_eq!(shown.body["revision"], 1, "{shown:?}");
}

#[test]
fn a_restart_brings_every_service_back_at_its_live_revision() {
    let host = TestHost::with_services();
    assert_eq!(host.deploy(&with_version(&component("orders"), "9.9.9")).status, 201);
    let before = host.admin_get("/services").body;
    let order = host.post("/api/v1/orders", &crate::support::an_order());
    let host = host.restart();
    assert_eq!(host.admin_get("/services").body, before);
    let path = format!("/api/v1/orders/{}", order.body["id"].as_str().unwrap());
    assert_eq!(host.get(&path).body, order.body, "what was stored is still there");
}

#[test]
fn a_folder_of_many_components_is_deployed_whole() {
    let folder = folder_of(14);
    let host = TestHost::with_folder(folder.path());
    let services = host.admin_get("/services").body;
    assert_eq!(services["items"].as_array().unwrap().len(), 14, "{services}");
}

#[test]
fn a_changed_file_in_the_watched_folder_is_deployed() {
    let folder = folder_of(1);
    let host = TestHost::with_folder(folder.path());
    let file = folder.path().join("n0.wasm");
    let changed = with_version(&std::fs::read(&file).unwrap(), "2.0.0");
    std::fs::write(&file, changed).unwrap();
    while host.admin_get("/services/n0").body["version"] != "2.0.0" {
        std::thread::yield_now();
    }
}

#[test]
fn a_second_host_on_the_same_folder_is_refused() {
    let host = TestHost::empty();
    let data = host.data().join("data");
    let output = host.thali(&[
        "up",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--data",
        data.to_str().unwrap(),
    ]);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("in use by another host"), "{text}");
}
