//! What is refused, how it is told, and that nothing was stored.

use bytes::Bytes;
use thali_contract::problem::Problem;

use crate::api;
use crate::support::{Guest, TestHost, guest};

async fn host_with_orders() -> TestHost {
    let host = TestHost::new().await;
    host.deploy(api("orders").answers(1).manifest("[http]\n\"GET /orders\" = \"api.get\"")).await;
    host
}

/// Deploys, expects a refusal, and that it left no trace.
async fn refused(host: &TestHost, bytes: Bytes) -> Problem {
    let before = host.everything();
    let problem = host.try_deploy(bytes).await.unwrap_err().problem();
    assert_eq!(host.everything(), before, "{problem}");
    assert_eq!(host.call("orders", "api.get").await, Ok(1));
    let told = problem.to_string();
    assert!(!told.contains(&host.dir().display().to_string()), "a path leaked: {told}");
    problem
}

async fn refused_guest(guest: Guest) -> Problem {
    refused(&host_with_orders().await, guest.build()).await
}

#[tokio::test]
async fn a_component_over_the_limit_is_413() {
    let mut host = host_with_orders().await;
    host.restart_with(|config| config.component_bytes_max = 10_000).await;
    let problem = refused(&host, Bytes::from(vec![0; 10_001])).await;
    assert_eq!((problem.status, problem.code.as_str()), (413, "component_too_large"));
    let problem = refused(&host, Bytes::from(vec![0; 10_000])).await;
    assert_eq!(problem.code, "not_a_component");
}

#[tokio::test]
async fn text_core_modules_and_nothing_are_not_components() {
    let host = host_with_orders().await;
    let module = wat::parse_str("(module)").unwrap();
    for bytes in [&b""[..], b"\0as", b"hello, this is text", &module] {
        let problem = refused(&host, Bytes::copy_from_slice(bytes)).await;
        assert_eq!((problem.status, problem.code.as_str()), (422, "not_a_component"));
    }
}

#[tokio::test]
async fn a_component_cut_anywhere_is_422() {
    let host = host_with_orders().await;
    let whole = api("cut").build();
    let before = host.everything();
    for end in (0..whole.len()).step_by(16) {
        let error = host.try_deploy(whole.slice(..end)).await.unwrap_err();
        assert_eq!(error.status(), 422, "{end} of {} bytes: {error}", whole.len());
    }
    assert_eq!(host.everything(), before);
}

#[tokio::test]
async fn a_component_with_any_byte_changed_never_harms_the_host() {
    let host = host_with_orders().await;
    let whole = api("cut").build();
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 0x55;
        if let Err(error) = host.try_deploy(bytes.into()).await {
            assert!((400..500).contains(&error.status()), "byte {at}: {error}");
        }
    }
    assert_eq!(host.call("orders", "api.get").await, Ok(1));
}

#[tokio::test]
async fn a_component_that_was_not_packed_is_422() {
    let host = host_with_orders().await;
    let problem = refused(&host, api("delivery").component().into()).await;
    assert_eq!((problem.status, problem.code.as_str()), (422, "no_manifest"));
}

#[tokio::test]
async fn every_mistake_of_a_manifest_is_told_with_its_line() {
    let problem =
        refused_guest(api("delivery").manifest("colour = 1\n[shape]\n[limits]\nmemory = 1")).await;
    assert_eq!((problem.status, problem.code.as_str()), (422, "invalid_manifest"));
    let lines: Vec<_> = problem.errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(lines, ["service.toml:4", "service.toml:5", "service.toml:7"]);
}

#[tokio::test]
async fn a_route_to_a_function_that_is_not_there_names_its_line() {
    let guest =
        api("delivery").manifest("[http]\n\"GET /a\" = \"api.get\"\n\"GET /b\" = \"api.gone\"");
    let problem = refused_guest(guest).await;
    assert_eq!((problem.status, problem.code.as_str()), (422, "invalid_manifest"));
    assert_eq!(problem.errors.len(), 1, "{problem}");
    assert_eq!(problem.errors[0].pointer, "service.toml:6");
}

#[tokio::test]
async fn names_that_no_service_can_have_are_400() {
    let host = host_with_orders().await;
    for bad in ["../x", "a/b", "Foo", "", ".", "con\u{0}", "a\n", "\u{430}dmin", &"a".repeat(64)] {
        let problem = refused(&host, guest(bad).build()).await;
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (400, "invalid_name"),
            "{bad:?}: {problem}"
        );
    }
    for reserved in ["live", "ready"] {
        let problem = refused(&host, guest(reserved).build()).await;
        assert_eq!((problem.status, problem.code.as_str()), (400, "reserved_name"));
    }
}

#[tokio::test]
async fn an_import_that_the_host_does_not_offer_is_named() {
    for interface in ["wasi:sockets/network@0.2.0", "thali:platform/teleport@1.0.0"] {
        let guest = api("delivery").imports(interface, &["f: func()"]);
        let problem = refused_guest(guest).await;
        assert_eq!((problem.status, problem.code.as_str()), (422, "import_not_granted"));
        assert!(problem.to_string().contains(interface), "{problem}");
    }
}

#[tokio::test]
async fn a_failed_migration_leaves_the_old_revision_live() {
    let host = TestHost::new().await;
    let good = api("orders").answers(1).migration("001.sql", "CREATE TABLE a (id INTEGER)");
    host.deploy(good.clone()).await;
    let bad = good.answers(2).migration("002.sql", "CREATE TABLE b (id INTEGER); GARBAGE");
    let problem = refused(&host, bad.build()).await;
    assert_eq!((problem.status, problem.code.as_str()), (422, "migration_failed"));
    assert!(problem.to_string().contains("002.sql"), "{problem}");
}

#[tokio::test]
async fn a_route_of_another_service_is_409_and_names_both() {
    let guest = api("delivery").manifest("[http]\n\"GET /orders\" = \"api.get\"");
    let problem = refused_guest(guest).await;
    assert_eq!((problem.status, problem.code.as_str()), (409, "route_conflict"));
    let told = problem.to_string();
    assert!(told.contains("delivery") && told.contains("orders") && told.contains("GET /orders"));
}

#[tokio::test]
async fn an_interface_of_another_service_is_409_and_names_it() {
    let guest = guest("rival").exports("thali:orders/api@1.2.0", &["get: func() -> u32"]);
    let problem = refused_guest(guest).await;
    assert_eq!((problem.status, problem.code.as_str()), (409, "provider_conflict"));
    assert!(
        problem.to_string().contains("orders exports thali:orders/api@1.2.0 already"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_busy_host_answers_503_and_says_when_to_try_again() {
    let host = TestHost::with(|config| {
        config.compile.running_max = 1;
        config.compile.waiting_max = 0;
    })
    .await;
    let deploys = (0..8).map(|i| host.try_deploy(api(&format!("service-{i}")).build()));
    let outcomes = futures_util::future::join_all(deploys).await;
    let busy: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(!busy.is_empty() && busy.len() < 8, "{} of 8 were refused", busy.len());
    for error in busy {
        let problem = error.problem();
        assert_eq!((problem.status, problem.code.as_str()), (503, "busy"));
        assert!(problem.retry_after_seconds.is_some());
    }
}
